"""What a server says on standard output once it answers."""

from __future__ import annotations

import time

import pytest

from phi4_server.announcement import Announcement
from phi4_server.model import ModelFailed, Progress

URL = "http://127.0.0.1:1"
READY = f"A model is ready at {URL}"


class Ready:
    """A model that is there."""

    name = "A model"
    nature = "It is there."
    options = frozenset[str]()

    def complete(self, _request: object) -> object:
        raise AssertionError


class Loading(Ready):
    """A model that is there after some looks, or never."""

    def __init__(self, look: Progress | ModelFailed | None) -> None:
        """Is so far."""
        self.look = look

    def progress(self) -> Progress | None:
        if isinstance(self.look, ModelFailed):
            raise self.look
        return self.look


class Lines:
    """What is said and reported, of a model and its page."""

    def __init__(self, model: object) -> None:
        """Waits for both."""
        self.lines: list[str] = []
        self.announcement = Announcement(
            model,  # type: ignore[arg-type]
            report=lambda progress: self.lines.append(f"({progress.text})"),
            say=lambda *new: self.lines.extend(new),
        )

    def up_to(self, last: str) -> list[str]:
        """The lines, once this is one of them."""
        deadline = time.monotonic() + 5
        while last not in self.lines and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.lines


@pytest.mark.parametrize("notes", [["OpenAI's API is here"], []])
def test_what_is_served_is_said(notes: list[str]) -> None:
    """Programs wait for the last line."""
    said = Lines(Ready())
    said.announcement.of_page(URL, notes)

    assert said.lines == [*notes, READY]
    assert said.announcement.is_done


def test_a_model_that_loads_is_ready_later() -> None:
    """The page is there before, and has a line of its own that no program takes for the last."""
    model = Loading(Progress("Loading"))
    said = Lines(model)
    said.announcement.of_page(URL, ["A note"])

    assert said.lines == ["A note", f"A model is loading; its page is at {URL}"]
    assert not said.announcement.is_done

    model.look = None

    assert said.up_to(READY) == ["A note", f"A model is loading; its page is at {URL}", READY]
    assert said.announcement.is_done


def test_a_model_that_is_ready_before_the_page() -> None:
    """What is still waited for is reported, and nobody reads of a model that loads."""
    said = Lines(Loading(None))

    assert said.up_to("(Starting the page)") == ["(Starting the page)"]
    assert not said.announcement.is_done

    said.announcement.of_page(URL, ["A note"])

    assert said.up_to(READY) == ["(Starting the page)", "A note", READY]


def test_a_model_that_fails_is_never_ready() -> None:
    """What went wrong is said where the server ends."""
    said = Lines(Loading(ModelFailed("no memory")))
    said.announcement.of_page(URL, [])
    time.sleep(0.3)

    assert said.lines == [f"A model is loading; its page is at {URL}"]
    assert not said.announcement.is_done
