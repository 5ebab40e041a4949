"""What `track` computes with: motion, matching, and the life of a track; none of it knows frames or video."""
