"""The offline model: deterministic and extractive, without weights. Knows neither Gradio nor Phi-4.

It exists so that chains, agents and retrieval can be run end to end on a laptop, in CI, with no network and
no quota. `prompt` reads what arrives; `answer` lists the skills, and the first that has an answer gives it:
`tool_choice` calls tools, `fill` JSON, `search` reads passages, `media_answers` tells of files, `memory` of
what was said.
"""
