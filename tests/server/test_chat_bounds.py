"""What one chat takes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr
import pytest

from phi4_server import Message
from phi4_server.bounds import Bounds
from phi4_server.chat import Entry
from phi4_server.chat_bounds import Brief, bounded, check

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


class Endless:
    """Goes on until it is closed."""

    name = "Endless"
    nature = "It goes on."

    def __init__(self) -> None:
        """Is open."""
        self.closed = False

    def stream(self, _chat: Sequence[Message]) -> Iterator[str]:
        try:
            while True:
                yield "xxx"
        finally:
            self.closed = True


def test_answer_ends() -> None:
    """An answer too long is stopped, and so is the model."""
    endless = Endless()
    brief = Brief(endless, 10)
    pieces: list[str] = []
    with pytest.raises(ValueError, match="it may have 10 characters"):
        pieces.extend(brief.stream([]))
    assert endless.closed
    assert (brief.name, brief.nature) == ("Endless", "It goes on.")


def test_answer_that_is_left() -> None:
    """Closing an answer closes the model's."""
    endless = Endless()
    answer = Brief(endless, 10).stream([])
    next(answer)
    answer.close()  # type: ignore[attr-defined]
    assert endless.closed


def test_answer_of_a_plain_iterator() -> None:
    """A model may hand out any iterator."""

    class Plain(Endless):
        def stream(self, _chat: Sequence[Message]) -> Iterator[str]:
            return iter(["a", "b"])

    assert list(Brief(Plain(), 10).stream([])) == ["a", "b"]
