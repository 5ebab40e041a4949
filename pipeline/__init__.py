"""The engine: what travels, what a stage is, and how a pipeline runs."""
