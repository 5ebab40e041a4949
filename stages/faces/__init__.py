"""What is found out about the faces in a frame."""
