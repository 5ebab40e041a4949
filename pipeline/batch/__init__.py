"""One pipeline over many inputs, in processes of their own."""
