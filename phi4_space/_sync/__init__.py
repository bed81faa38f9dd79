"""Loops, threads and locks. Knows nothing of Spaces."""
