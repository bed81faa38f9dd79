"""The chat as the Space keeps it, and as its page shows it. Knows no page, no queue and no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from gradio.components import chatbot

from phi4_server.model import Role, Said

Shown = Any
"""One bubble of Gradio's Chatbot: a dict or a `Message`, whose shape differs between Gradio 5 and 6."""


class Entry(TypedDict):
    """One thing said, in the plain values that `gr.State` keeps for a session."""

    role: Role
    text: str
    files: list[str]


def heard(chat: Sequence[Entry]) -> tuple[Said, ...]:
    """The kept chat as a model takes it."""
    return tuple(
        Said(role=entry["role"], text=entry["text"], files=tuple(Path(file) for file in entry["files"]))
        for entry in chat
    )


def shown(chat: Sequence[Entry]) -> list[Shown]:
    """The kept chat as the page shows it: a bubble for each file, then one for the text."""
    return [bubble for entry in chat for bubble in _bubbles(entry)]


def last_question(chat: Sequence[Entry]) -> int | None:
    """The place of the last thing that the user said, or None in a chat without any."""
    asked = [place for place, entry in enumerate(chat) if entry["role"] == "user"]
    return asked[-1] if asked else None


def _bubbles(entry: Entry) -> list[Shown]:
    files = [{"role": entry["role"], "content": {"path": file}} for file in entry["files"]]
    said = bool(entry["text"]) or entry["role"] == "assistant"
    return [*files, _bubble(entry["role"], entry["text"])] if said else files


def _bubble(role: str, text: str) -> Shown:
    """Text as the Chatbot's own type; Gradio 6 wants it in a block, Gradio 5 has no blocks.

    A Chatbot runs `inspect.cleandoc` over text that it gets as a string: tabs and common indentation go, so
    that half an answer is no longer the start of the whole one. What it gets as its own type it leaves alone.
    """
    block = getattr(chatbot, "TextMessage", None)
    content: Any = text if block is None else [block(text=text)]
    return chatbot.Message(role=role, content=content)
