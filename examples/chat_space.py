"""A chat Space that programs can use as well as people: put your model's answer into `chat`.

    python chat_space.py

docs/spaces.md says why it is written as it is.
"""

from collections.abc import Iterator
from typing import Any

import gradio as gr

MESSAGES: dict[str, Any] = {"type": "messages"} if gr.__version__ < "6" else {}  # 6 knows no other type


def chat(
    message: dict[str, Any],
    history: list[dict[str, Any]],
    system: str,
    max_new_tokens: int,
    temperature: float,
) -> Iterator[str]:
    """Yields the answer so far, each time the whole of it. This one only tells what it was given."""
    turn = 1 + sum(entry["role"] == "assistant" for entry in history)
    given = f"turn {turn}, {len(message['files'])} files, {system!r}, {max_new_tokens}, {temperature}"
    for end in range(1, len(given) + 1):
        yield given[:end]


demo = gr.ChatInterface(
    chat,  # on Gradio 6 its name is the endpoint's
    multimodal=True,
    textbox=gr.MultimodalTextbox(file_types=["image", "audio"], file_count="multiple"),
    additional_inputs=[
        gr.Textbox("You are a helpful assistant.", label="System prompt"),
        gr.Slider(1, 4096, 1024, step=1, label="Max new tokens"),
        gr.Slider(0, 2, 0.7, step=0.1, label="Temperature"),
    ],
    concurrency_limit=4,
    **MESSAGES,
)

if __name__ == "__main__":
    demo.launch()
