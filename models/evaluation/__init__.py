"""How good a network is: figures, pictures of them, and a report."""
