"""How networks learn: examples in memory, augmentation, recipes, the loop, and what it leaves behind."""
