"""What the model reads, and how its answer is parsed. Pure."""
