"""How `video` makes its file: pixels, encoder, and the sound of the source."""
