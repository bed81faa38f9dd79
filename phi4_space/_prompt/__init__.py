"""What the model reads, and what is read in its answer. Pure."""
