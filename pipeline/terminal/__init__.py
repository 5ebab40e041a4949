"""The command `fervid`, and what a person at the terminal sees."""
