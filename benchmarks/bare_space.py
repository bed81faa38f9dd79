"""A Space of ten lines: what Gradio itself costs, for `server`. Its answers are those of a script.

python benchmarks/bare_space.py WORDS
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import gradio as gr

PIECES = ["word", *(" word" for _ in range(int(sys.argv[1]) - 1))]


def process_message(
    history: list[Any], message: dict[str, Any], state: object
) -> tuple[list[Any], Any, object]:
    """Files the question."""
    return [*history, {"role": "user", "content": message["text"]}], None, state


def bot_response(history: list[Any], state: object) -> Iterator[tuple[list[Any], object]]:
    """Answers it."""
    for end in range(1, len(PIECES) + 1):
        yield [*history, {"role": "assistant", "content": "".join(PIECES[:end])}], state


def chat_completion(_body: object, _files: object) -> Iterator[tuple[str, Any]]:
    """Answers a whole chat."""
    for end in range(1, len(PIECES) + 1):
        yield "".join(PIECES[:end]), None


with gr.Blocks(analytics_enabled=False) as app:
    chat, box, kept = gr.Chatbot(), gr.MultimodalTextbox(), gr.State()
    filed = box.submit(
        process_message, [chat, box, kept], [chat, box, kept], queue=False, api_name="process_message"
    )
    filed.success(bot_response, [chat, kept], [chat, kept], api_name="bot_response")
    gr.Button().click(
        chat_completion, [gr.JSON(), gr.File()], [gr.Textbox(), gr.JSON()], api_name="chat_completion"
    )

if __name__ == "__main__":
    app.queue(default_concurrency_limit=8).launch(quiet=True, prevent_thread_lock=True)
    print(f" is ready at {app.local_url.rstrip('/')}", flush=True)
    app.block_thread()
