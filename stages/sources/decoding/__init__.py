"""Decode video: what may be opened, which packets can be read, and pixels as OpenCV wants them."""
