"""What one chat takes in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import pytest

from phi4_server.bounds import Bounds
from phi4_server.chat import Entry
from phi4_server.chat_bounds import bounded, check

SMALL = Bounds(file=10, files=2, text=10, turns=3)


def said(text: str, files: Sequence[str] = ()) -> Entry:
    return {"role": "user", "text": text, "files": [*files]}


def answered(text: str) -> Entry:
    return {"role": "assistant", "text": text, "files": []}


@pytest.mark.parametrize(
    ("chat", "text", "files", "refusal"),
    [
        ([], "x" * 10, 2, None),
        ([], "x" * 11, 0, "A message may have 10 characters, and this one has 11. Send less text."),
        ([], "half \ud83d", 0, "half a character"),
        ([], "", 3, "A message may have 2 files, and this one has 3. Send fewer."),
        ([said("a"), answered("b")] * 2, "c", 0, None),
        ([said("a"), answered("b")] * 3, "c", 0, "3 questions"),
        ([said("x" * 10), answered("x" * 10)], "x" * 5, 0, None),
        ([said("x" * 10), answered("x" * 10)], "x" * 6, 0, "25 characters"),
        ([said("", ["kept"] * 8), said("")], "", 2, None),
        ([said("", ["kept"] * 9), said("")], "", 2, "10 files"),
        ([said("", ["gone"])], "", 0, "A file of this chat is gone"),
    ],
)
def test_bounds(chat: list[Entry], text: str, files: int, refusal: str | None, tmp_path: Path) -> None:
    """What a chat may hold, it takes; one more of anything it refuses, and says which."""
    (tmp_path / "kept").touch()
    for entry in chat:
        entry["files"] = [str(tmp_path / file) for file in entry["files"]]
    names = [str(tmp_path / "kept")] * files
    if refusal is None:
        check(SMALL, chat, text, names)
    else:
        with pytest.raises(ValueError, match=refusal):
            check(SMALL, chat, text, names)


def test_refusal_is_a_message_to_the_user() -> None:
    """The chat is left as it was, and what is refused is told; all else is filed as before."""
    seen = []

    def process_message(*turn: object) -> tuple[list[object], object, list[Entry]]:
        seen.append(turn)
        return [], None, []

    filed = bounded(process_message, SMALL)
    with pytest.raises(gr.Error, match="Send less text"):
        filed([], {"text": "x" * 11, "files": []}, [])
    assert seen == []
    filed(["h"], {"text": None, "files": []}, [said("s")])
    filed([], None, [])
    assert seen == [(["h"], {"text": None, "files": []}, [said("s")]), ([], None, [])]
