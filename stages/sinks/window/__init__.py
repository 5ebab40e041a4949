"""The process that owns the window of `display`."""
