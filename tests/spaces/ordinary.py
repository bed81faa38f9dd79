"""A Gradio app as ordinary authors write them: strings that grow, and files. `python ordinary.py --port 0`"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

FOLDER = Path(tempfile.mkdtemp())


def process_message(history: list[Any], message: dict[str, Any], state: Any) -> tuple[Any, ...]:
    """Files the question: "FILES" and their names, a line each, or else a text to repeat."""
    return [*history, {"role": "user", "content": message["text"]}], {"text": "", "files": []}, state


def bot_response(history: list[Any], state: Any) -> Any:
    """Answers, with a message for each file or with the text, three letters at a time."""
    question = history[-1]["content"]
    text = question if isinstance(question, str) else question[0]["text"]
    first, *names = text.split("\n")
    if first == "FILES":
        for name in names:
            (FOLDER / name).write_text(f"This is {name}.", encoding="utf-8")
            history = [*history, {"role": "assistant", "content": {"path": str(FOLDER / name)}}]
        yield history, state
        return
    for end in range(3, len(text) + 3, 3):
        yield [*history, {"role": "assistant", "content": text[:end]}], state


with gr.Blocks() as app:
    typed: dict[str, Any] = {"type": "messages"} if gr.__version__.startswith("5.") else {}
    box = gr.Chatbot(**typed)
    words = gr.MultimodalTextbox()
    memory = gr.State()
    words.submit(
        process_message, [box, words, memory], [box, words, memory], api_name="process_message", queue=False
    ).then(bot_response, [box, memory], [box, memory], api_name="bot_response")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--with-parent", action="store_true")
    asked = parser.parse_args()
    _, url, _ = app.launch(server_port=asked.port or None, prevent_thread_lock=True)
    print(f"The Space is ready at {url.rstrip(chr(47))}", flush=True)  # noqa: T201 - for whoever started it
    sys.stdin.read()  # which closes with the parent
