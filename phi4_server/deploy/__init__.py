"""A Space on Hugging Face: what is uploaded, what it costs, and the waiting until it answers."""
