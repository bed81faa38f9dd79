"""What one chat takes in. Knows no queue, no sockets and no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from phi4_server.bounds import Bounds
from phi4_server.chat import Bubble, Entry

Filing = Callable[[list[Bubble], dict[str, Any] | None, list[Entry]], tuple[list[Bubble], Any, list[Entry]]]
"""A `process_message`."""


def bounded(file_message: Filing, bounds: Bounds) -> Filing:
    """A `process_message` that raises an error for the user where a message is too much for its chat."""

    def process_message(
        history: list[Bubble], message: dict[str, Any] | None, state: list[Entry]
    ) -> tuple[list[Bubble], Any, list[Entry]]:
        if message:
            try:
                check(bounds, state, message["text"] or "", message["files"])
            except ValueError as refusal:
                raise gr.Error(str(refusal), print_exception=False) from refusal
        return file_message(history, message, state)

    return process_message


def check(bounds: Bounds, chat: Sequence[Entry], text: str, files: Sequence[str]) -> None:
    """Looks whether a chat takes one more message.

    Raises:
        ValueError: It does not; the text says why, and what to do.
    """
    if len(text) > bounds.text:
        raise ValueError(
            f"A message may have {bounds.text:,} characters, and this one has {len(text):,}. Send less text."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("The message holds half a character (a lone surrogate). Send text.") from None
    if len(files) > bounds.files:
        raise ValueError(
            f"A message may have {bounds.files} files, and this one has {len(files)}. Send fewer."
        )
    questions = sum(entry["role"] == "user" for entry in chat)
    characters = sum(len(entry["text"]) for entry in chat)
    kept = [file for entry in chat for file in entry["files"]]
    fills = {
        f"{bounds.turns} questions": questions + 1 > bounds.turns,
        f"{bounds.chat_text:,} characters": characters + len(text) > bounds.chat_text,
        f"{bounds.chat_files} files": len(kept) + len(files) > bounds.chat_files,
    }
    for bound, is_full in fills.items():
        if is_full:
            raise ValueError(f"This chat is full: a chat may hold {bound}. Start a new one.")
    if not all(Path(file).is_file() for file in kept):
        raise ValueError("A file of this chat is gone: this Space had to make room. Start a new chat.")
