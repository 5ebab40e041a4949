"""How `draw` makes its picture: sprites, colours, and room for everything."""
