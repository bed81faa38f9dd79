"""Chat completions: read, put into a model's words, answered. Knows no one model."""
