"""A Gradio Space: its contract, its queue, a session on it. Knows requests; no turns."""
