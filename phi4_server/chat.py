"""The chat as the Space keeps it, and as its page shows it. Knows no page, no queue and no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from gradio.components import chatbot

from phi4_server.model import Message, Role

Bubble = Any
"""One bubble of Gradio's Chatbot: a dict or a `Message`, whose shape differs between Gradio 5 and 6."""


class Entry(TypedDict):
    """A message, in the plain values that `gr.State` keeps for a session."""

    role: Role
    text: str
    files: list[str]


def to_messages(chat: Sequence[Entry]) -> tuple[Message, ...]:
    """The kept chat as a model takes it."""
    return tuple(
        Message(role=entry["role"], text=entry["text"], files=tuple(Path(file) for file in entry["files"]))
        for entry in chat
    )


def to_bubbles(chat: Sequence[Entry]) -> list[Bubble]:
    """The kept chat as the page shows it: a bubble for each file, then one for the text."""
    return [bubble for entry in chat for bubble in _bubbles(entry)]


def last_question(chat: Sequence[Entry]) -> int | None:
    """The index of the user's last message; None in a chat without any."""
    questions = [index for index, entry in enumerate(chat) if entry["role"] == "user"]
    return questions[-1] if questions else None


def _bubbles(entry: Entry) -> list[Bubble]:
    files = [{"role": entry["role"], "content": {"path": file}} for file in entry["files"]]
    has_text = bool(entry["text"]) or entry["role"] == "assistant"
    return [*files, _bubble(entry["role"], entry["text"])] if has_text else files


def _bubble(role: str, text: str) -> Bubble:
    """Text as the Chatbot's own type; Gradio 6 wants it in a block, Gradio 5 has no blocks.

    A Chatbot runs `inspect.cleandoc` over text that it gets as a string: tabs and common indentation go, so
    that half an answer is no longer the start of the whole one. What it gets as its own type it leaves alone.
    """
    block = getattr(chatbot, "TextMessage", None)
    content: Any = text if block is None else [block(text=text)]
    return chatbot.Message(role=role, content=content)
