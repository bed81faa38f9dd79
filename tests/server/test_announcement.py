"""What a server says on standard output once it answers."""

from __future__ import annotations

import time

from phi4_server.announcement import announce
from phi4_server.model import ModelFailed, Progress

URL = "http://127.0.0.1:1"


class Ready:
    """A model that is there."""

    name = "A model"
    nature = "It is there."
    options = frozenset[str]()

    def complete(self, _request: object) -> object:
        raise AssertionError


class Loading(Ready):
    """A model that is there after some looks, or never."""

    def __init__(self, *looks: Progress | ModelFailed) -> None:
        """Says these, one a look."""
        self.looks = [*looks]

    def progress(self) -> Progress | None:
        look = self.looks.pop(0) if self.looks else None
        if isinstance(look, ModelFailed):
            raise look
        return look


def said(model: object, *notes: str, last: str | None = None) -> list[str]:
    """The lines that are said of a model, up to the last."""
    lines: list[str] = []
    announce(model, URL, notes, say=lambda *new: lines.extend(new))  # type: ignore[arg-type]
    deadline = time.monotonic() + 5
    while last is not None and last not in lines and time.monotonic() < deadline:
        time.sleep(0.01)
    return lines


def test_what_is_served_is_said() -> None:
    """Programs wait for the last line."""
    assert said(Ready(), "OpenAI's API is here") == ["OpenAI's API is here", f"A model is ready at {URL}"]
    assert said(Ready()) == [f"A model is ready at {URL}"]


def test_a_model_that_loads_is_ready_later() -> None:
    """The page is there before, and has a line of its own that no program takes for the last."""
    last = f"A model is ready at {URL}"

    assert said(Loading(Progress("Loading"), Progress("Loading")), "A note", last=last) == [
        "A note",
        f"A model is loading; its page is at {URL}",
        last,
    ]


def test_a_model_that_fails_is_never_ready() -> None:
    """What went wrong is said where the server ends."""
    model = Loading(ModelFailed("no memory"))
    lines = said(model)
    time.sleep(0.3)

    assert lines == [f"A model is loading; its page is at {URL}"]
