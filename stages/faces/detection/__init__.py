"""What `detect` looks with: MediaPipe's two networks, and when to use which; none of it knows frames or video."""
