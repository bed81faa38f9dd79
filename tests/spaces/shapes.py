"""Chat Spaces as ordinary authors write them, for their /config alone: nothing of them runs. Knows Gradio.

    python tests/spaces/shapes.py > tests/gradio/configs/VERSION.json

Run it with each Gradio that there are to be configs of. What no client reads is left out.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import gradio as gr

NEW: bool = gr.__version__.startswith("6")
_PROPS = ("value", "file_count", "file_types", "label", "minimum", "maximum", "visible")
_DEPENDENCY = (
    *("id", "targets", "inputs", "outputs", "backend_fn", "queue", "api_name", "types", "trigger_after"),
    *("show_api", "api_visibility"),
)
MESSAGES: dict[str, Any] = {} if NEW else {"type": "messages"}
PRIVATE: dict[str, Any] = {"api_visibility": "private"} if NEW else {"api_name": False}
NAMED: tuple[dict[str, Any], dict[str, Any]] = {"api_name": "process_message"}, {"api_name": "bot_response"}


def respond(message: Any, _history: Any, *_more: Any) -> Any:
    """A chat's answer."""
    yield f"You said {message}"


def other(message: Any, _history: Any) -> Any:
    """Another chat's answer."""
    return f"They said {message}"


def add_message(history: Any, _message: Any, *_more: Any) -> Any:
    """Files a turn."""
    return history, None


def add_slowly(history: Any, message: Any, *_more: Any) -> Any:
    """Files a turn, and shows that it does."""
    yield history, None
    yield add_message(history, message)


def bot(history: Any, *_more: Any) -> Any:
    """Answers a turn."""
    yield history


def options() -> list[Any]:
    """The inputs that most Spaces have beside the question."""
    return [
        gr.Textbox("You are kind.", label="System prompt"),
        gr.Slider(1, 2048, 1024, step=1, label="Max new tokens"),
        gr.Slider(0.1, 4.0, 0.6, label="Temperature"),
        gr.Slider(0.05, 1.0, 0.9, label="Top-p (nucleus sampling)"),
        gr.Slider(1, 1000, 50, step=1, label="Top-k"),
        gr.Slider(1.0, 2.0, 1.2, label="Repetition penalty"),
        gr.Checkbox(value=False, label="Web search"),
    ]


def chat(function: Any = respond, **settings: Any) -> Any:
    """A gr.ChatInterface."""
    return gr.ChatInterface(function, **{**MESSAGES, **settings})


def multimodal() -> Any:
    """A gr.ChatInterface that takes files and options."""
    box = gr.MultimodalTextbox(file_count="multiple", file_types=["image", "audio"])
    return chat(multimodal=True, textbox=box, additional_inputs=options())


def tabs() -> Any:
    """Two chats."""
    return gr.TabbedInterface([chat(), chat(other)], ["A", "B"])


def with_outputs() -> Any:
    """A gr.ChatInterface with an output more."""
    return chat(multimodal=True, additional_outputs=[gr.Textbox(label="Status")])


def steps(  # noqa: PLR0913 - what a page may have
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    *,
    box: Callable[[], Any] = gr.MultimodalTextbox,
    file: Any = add_message,
    more: Callable[[], list[Any]] = list,
    chats: int = 1,
    returns_chat: bool = True,
    has_button: bool = False,
    form: dict[str, Any] = MESSAGES,
) -> Any:
    """Two steps."""
    with gr.Blocks() as demo:
        boards = [gr.Chatbot(label=f"Board {number}", **form) for number in range(1, chats + 1)]
        question, button, inputs = box(), gr.Button("Send"), more()
        outputs = [*boards, question] if returns_chat else [question]
        starts = [question.submit, button.click] if has_button else [question.submit]
        for start in starts:
            filed = start(file, [boards[0], question, *inputs], outputs, **{"queue": False, **(first or {})})
            answered = filed.then(bot, [*boards, *inputs], boards, **(second or {}))
            answered.then(lambda: None, None, [question])
    return demo


def in_state(*, takes_chat: bool) -> Any:
    """Two steps whose history is in a State: the second takes no Chatbot."""
    with gr.Blocks() as demo:
        board, question, history = gr.Chatbot(**MESSAGES), gr.Textbox(), gr.State([])
        taken = [question, board, history] if takes_chat else [question, history]
        filed = question.submit(lambda *_: None, taken, [question, board, history], api_name="user")
        filed.then(lambda _: None, history, [board, history], api_name="answer")
    return demo


def in_between() -> Any:
    """Two steps with one between them, and one behind that takes and returns the chat, too."""
    with gr.Blocks() as demo:
        board, question = gr.Chatbot(**MESSAGES), gr.MultimodalTextbox()
        filed = question.submit(add_message, [board, question], [board, question])
        answered = filed.then(lambda: None, None, [question]).then(bot, [board], [board], api_name="answer")
        answered.then(lambda history: history, [board], [board], api_name="tidy")
    return demo


def form() -> Any:
    """No chat at all."""
    return gr.Interface(lambda _image, question: question, [gr.Image(), gr.Textbox()], "text")


def many() -> Any:
    """More functions than an error shows."""
    with gr.Blocks() as demo:
        text, button = gr.Textbox(), gr.Button()
        for number in range(12):
            button.click(lambda words: words, text, text, api_name=f"function_{number}")
    return demo


APPS: dict[str, Callable[[], Any]] = {
    "multimodal": multimodal,
    "text": chat,
    "outputs": with_outputs,
    "tabs": tabs,
    "private": lambda: chat(**PRIVATE),
    "private_tab": lambda: gr.TabbedInterface([chat(), chat(other, **PRIVATE)], ["A", "B"]),
    "steps": steps,
    "queued": lambda: steps({"queue": True, **NAMED[0]}, NAMED[1]),
    "generator": lambda: steps(*NAMED, file=add_slowly),
    "textbox": lambda: steps(box=gr.Textbox),
    "options": lambda: steps(more=options),
    "images": lambda: steps(box=lambda: gr.MultimodalTextbox(file_types=["image"], file_count="multiple")),
    "tuples": lambda: steps(form={} if NEW else {"type": "tuples"}),
    "button": lambda: steps(has_button=True),
    "two_boards": lambda: steps(chats=2),
    "named_boards": lambda: steps(*NAMED, chats=2),
    "no_board": lambda: steps(*NAMED, returns_chat=False),
    "private_steps": lambda: steps(PRIVATE),
    "in_state": lambda: in_state(takes_chat=False),
    "in_state_and_chat": lambda: in_state(takes_chat=True),
    "in_between": in_between,
    "form": form,
    "many": many,
}


def config(build: Callable[[], Any]) -> dict[str, Any]:
    """What an app says at /config, of what a client reads."""
    whole = json.loads(json.dumps(build().get_config_file(), default=str))
    used = {number for one in whole["dependencies"] for number in (*one["inputs"], *one["outputs"])}
    return {
        "version": gr.__version__,
        "app_id": 1,
        "api_prefix": "/gradio_api",
        "components": [
            {
                **{name: part[name] for name in ("id", "type")},
                "props": {
                    name: part["props"][name] for name in _PROPS if part["props"].get(name) is not None
                },
            }
            for part in whole["components"]
            if part["id"] in used
        ],
        "dependencies": [
            {name: part[name] for name in _DEPENDENCY if name in part} for part in whole["dependencies"]
        ],
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump({name: config(build) for name, build in APPS.items()}, sys.stdout, separators=(",", ":"))
