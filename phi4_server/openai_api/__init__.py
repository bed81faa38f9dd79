"""OpenAI's chat completions, answered by the Space's model. Knows that API; no page and no one model."""
