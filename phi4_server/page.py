"""The Space's page: what a person sees, and what the buttons do. Knows no model's rules and no sockets."""

from __future__ import annotations

import html
import inspect
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from phi4_server.chat import Bubble, Entry, last_question, to_bubbles

TITLE = "Phi-4-multimodal"
EXAMPLES = Path(__file__).parent / "examples"
"""The folder of the image and the audio that the example buttons attach; a server must allow it."""

LONGEST_PASTE = 1_000_000
"""Characters; Gradio makes a file of a longer paste, and a model takes images and audio only."""

# Gradio decides by its name alone what a file is and whether it is accepted, and Python knows few extensions:
# on a machine without its own list of them, the box would refuse what the model takes.
for _ending, _kind in {
    ".webp": "image/webp",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".weba": "audio/webm",
}.items():
    mimetypes.add_type(_kind, _ending)

# Gradio 5 has two kinds of chatbot and wants to be told which; Gradio 6 has only the one meant here.
_CHATBOT: dict[str, Any] = (
    {"type": "messages", "show_copy_button": True, "show_share_button": False}
    if "type" in inspect.signature(gr.Chatbot).parameters
    else {"buttons": ["copy"]}
)
# What a button does is not part of the Space's contract; the versions name that option differently.
PRIVATE: dict[str, Any] = (
    {"api_visibility": "private"}
    if "api_visibility" in inspect.signature(gr.Blocks.load).parameters
    else {"api_name": False}
)

STAY = """() => window.navigation?.addEventListener("navigate", (event) => {
    const leaves = new URL(event.destination.url).origin !== location.origin;
    if (leaves && event.cancelable && !event.userInitiated) event.preventDefault();
})"""
"""What the page does once it is loaded: only the person before it leaves it. Markup in an answer could send
the browser elsewhere, with words of the chat in the URL; Gradio 5 lets it, and no header forbids that."""

_STYLE = """
.gradio-container { width: 100% !important; max-width: 60rem !important; margin: 0 auto !important; }
#head { align-items: center; }
body.dark { color-scheme: dark; }
#title, #title > * { padding: 0 !important; }
#title h1 { font: 600 1.4rem/1.3 var(--font); margin: 0; }
#title p { font: 400 .95rem/1.4 var(--font); margin: .2rem 0 0; opacity: .75; }
#head button, #examples button { flex: 0 0 auto; min-width: 0; font-weight: 400; }
#examples { gap: .5rem; }
#stop { margin-left: auto; }
#chat { min-height: 18rem; height: calc(100dvh - 19rem) !important; }
#chat .message img { max-height: 14rem; width: auto; object-fit: contain; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question that one click puts into the box.

    Attributes:
        label: What the button says.
        text: The question.
        files: Names in `EXAMPLES` that go with it.
    """

    label: str
    text: str
    files: tuple[str, ...] = ()


QUESTIONS = (
    Example(label="Who are you?", text="Who are you?"),
    Example(label="Image", text="What are the main colours of this image?", files=("hills.png",)),
    Example(label="Audio", text="How long is this audio clip?", files=("chime.wav",)),
    Example(
        label="Both",
        text="How large is the image, and how loud is the audio?",
        files=("hills.png", "chime.wav"),
    ),
    Example(label="Memory", text="My name is Ada, and I live in Lima. Please remember it."),
    Example(
        label="JSON",
        text='Answer as JSON with the keys "name", "city" and "year": '
        "Ada moved to the city of Lima in the year 2019.",
    ),
    Example(
        label="A text",
        text="Context: The museum opens at nine. It closes at five, and on Fridays at eight.\n"
        "Question: When does the museum close on Fridays?",
    ),
)
"""Seven of the page's ten functions, which come before those of the contract: see `phi4_server.app.build`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The parts of a laid out page that the Space's two functions are wired to.

    Attributes:
        chatbot: Shows the chat.
        box: Where a person types, and attaches or records files.
        chat: The chat itself, a list of `Entry` for each session.
        stop: Asks for the answer under way to be given up.
        new: Starts a new chat.
        retried: Has taken the last answer back, so that it can be given anew.
    """

    chatbot: gr.Chatbot
    box: gr.MultimodalTextbox
    chat: gr.State
    stop: gr.Button
    new: gr.Button
    retried: Any


def lay_out(nature: str) -> Page:
    """Draws the page inside the Blocks that is open, with the ten functions of its buttons.

    Args:
        nature: What the page says of its model.
    """
    with gr.Row(elem_id="head"):
        title = f"<style>{_STYLE}</style><h1>{TITLE}</h1><p>{html.escape(nature)}</p>"
        gr.HTML(title, elem_id="title", padding=False)
        shade = gr.Button("Light or dark", size="sm")
        new = gr.Button("New chat", size="sm", elem_id="new")
    chat = gr.State([])
    chatbot = gr.Chatbot(
        show_label=False,
        elem_id="chat",
        placeholder="Ask something. You can attach images and audio.",
        **_CHATBOT,
    )
    box = gr.MultimodalTextbox(
        show_label=False,
        elem_id="box",
        placeholder="Type a question, or attach an image or audio",
        file_count="multiple",
        file_types=["image", "audio"],
        sources=["upload", "microphone"],
        max_plain_text_length=LONGEST_PASTE,
        autofocus=True,
    )
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(example.label, size="sm") for example in QUESTIONS]
        stop = gr.Button("Stop", size="sm", elem_id="stop")

    for button, example in zip(examples, QUESTIONS, strict=True):
        button.click(partial(_fill, example), None, box, queue=False, **PRIVATE)
    chatbot.undo(_undo, chat, [chatbot, box, chat], queue=False, **PRIVATE)
    retried = chatbot.retry(_unanswer, chat, [chatbot, chat], queue=False, **PRIVATE)
    shade.click(None, None, None, js="() => document.body.classList.toggle('dark')", **PRIVATE)
    return Page(chatbot=chatbot, box=box, chat=chat, stop=stop, new=new, retried=retried)


def _fill(example: Example) -> dict[str, Any]:
    return {"text": example.text, "files": [str(EXAMPLES / name) for name in example.files]}


def _undo(chat: Sequence[Entry]) -> tuple[list[Bubble], Any, list[Entry]]:
    """Takes the last question back into the box, to be asked in other words."""
    place = last_question(chat)
    if place is None:
        return [], gr.update(), []
    question = chat[place]
    box = {"text": question["text"], "files": question["files"]}
    return to_bubbles(chat[:place]), gr.update(value=box, interactive=True), [*chat[:place]]


def _unanswer(chat: Sequence[Entry]) -> tuple[list[Bubble], list[Entry]]:
    """Forgets what followed the last question, so that it can be answered anew."""
    place = last_question(chat)
    kept = [] if place is None else [*chat[: place + 1]]
    return to_bubbles(kept), kept
