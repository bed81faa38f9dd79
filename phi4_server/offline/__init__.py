"""The rehearsal model: deterministic and extractive, without weights. Knows neither Gradio nor Phi-4.

It exists so that chains, agents and retrieval can be run end to end on a laptop, in CI, with no network and
no quota. Nothing is downloaded. `prompt` reads what arrives, `answering` chooses the skill, and each skill
has a room: `calling` tools, `filling` JSON, `reading` passages, `seeing` pictures, `hearing` sounds,
`remembering` what was said. The others serve these.
"""
