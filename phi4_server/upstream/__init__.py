"""Any engine that speaks OpenAI's chat completions, as a model of the Space. Knows no one engine."""
