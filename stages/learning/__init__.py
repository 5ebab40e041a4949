"""Training and evaluation, as stages."""
