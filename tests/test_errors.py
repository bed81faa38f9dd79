"""The error tree: as it is drawn, fit to be caught, carried to other processes, and acted on."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phi4_space import _errors
from phi4_space._errors import (
    DeadlineExceeded,
    EmptyPrompt,
    LimitExceeded,
    Phi4Error,
    SpaceError,
    SpacePaused,
)


def subclasses(kind: type[Phi4Error]) -> Iterator[type[Phi4Error]]:
    """A class and all of this room below it; a framework's package may have its own."""
    yield kind
    for child in (child for child in kind.__subclasses__() if child.__module__ == _errors.__name__):
        yield from subclasses(child)


CLASSES = sorted(set(subclasses(Phi4Error)), key=lambda kind: kind.__name__)
NO_USUAL_ADVICE = {
    # the bases, and those whose every case has an advice of its own, or none
    *("Phi4Error", "InvalidInput", "InvalidOption", "MediaNotReadable"),
    *("SpaceUnavailable", "UploadRefused", "SpaceError", "DeadlineExceeded"),
}
RETRYABLE = {
    *("SpaceNotReady", "SpaceBusy", "QueueFull", "RateLimited", "NoGpuAvailable", "GpuAborted"),
    *("UploadLost", "ConnectionFailed", "StreamLost", "DeadlineExceeded"),
}
VALUES: dict[str, Any] = {
    "advice": "Turn it off and on.",
    "status": 503,
    "retry_after": 9.5,
    "size": 10,
    "count": 7,
    "limit": 5,
    "stage": "BUILDING",
    "requested": 60.0,
    "left": 1.0,
    "missing": ("bot_response",),
    "found": ("chat", "add"),
    "title": "Error",
    "hidden": True,
    "which": "idle",
    "seconds": 45.0,
}


def filled(kind: type[Phi4Error]) -> Phi4Error:
    """An error of a class with every attribute set."""
    names = list(inspect.signature(kind).parameters)[1:]
    error = kind("It is broken", **{name: VALUES[name] for name in names})
    error.locate(step="get", space="owner/name")
    error.partial_text = "Hello w"
    return error


def drawn_tree() -> dict[str, tuple[str | None, str]]:
    """The tree in the module's docstring: each name's parent and what is said of it."""
    tree: dict[str, tuple[str | None, str]] = {}
    path: list[str] = []
    for line in (_errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r"    ((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+)(.*)", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            tree[found[2]] = (path[depth - 1] if depth else None, found[3].strip())
    return tree


def test_the_tree_is_as_it_is_drawn() -> None:
    """Every class stands in the docstring's tree, below the class that it derives from, and no other does."""
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}

    drawn = {name: parent or "Exception" for name, (parent, _) in drawn_tree().items()}

    assert drawn == real


@pytest.mark.parametrize("kind", CLASSES)
def test_the_tree_tells_which_builtin_catches_what(kind: type[Phi4Error]) -> None:
    """A class that is also a built-in error says so in the tree, and only then."""
    builtins = [base.__name__ for base in kind.__bases__[1:]]

    assert re.findall(r"\(also a (\w+)\)", drawn_tree()[kind.__name__][1]) == builtins


@pytest.mark.parametrize("kind", CLASSES)
def test_none_is_a_runtime_error(kind: type[Phi4Error]) -> None:
    """LlamaIndex takes a RuntimeError for a missing loop, and would try again in its own way."""
    assert not issubclass(kind, RuntimeError)


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_says_what_it_is(kind: type[Phi4Error]) -> None:
    """A class has a docstring of its own, and explains each attribute that its parent has not."""
    doc = kind.__dict__["__doc__"]
    parent = kind.__bases__[0]
    own = set(vars(filled(kind))) - set(vars(filled(parent)) if issubclass(parent, Phi4Error) else ())

    assert doc
    assert all(f" {name}:" in doc for name in own)


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_has_advice_where_there_is_a_usual_one(kind: type[Phi4Error]) -> None:
    """Who catches an error is told what to do, in a sentence."""
    assert bool(kind.usual_advice) == (kind.__name__ not in NO_USUAL_ADVICE)
    assert not kind.usual_advice or kind.usual_advice.endswith(".")
    assert kind("It is broken").advice == kind.usual_advice or kind in {DeadlineExceeded, LimitExceeded}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_says_whether_trying_again_helps(kind: type[Phi4Error]) -> None:
    """Only what may pass by itself is tried again, for each try costs the account's quota."""
    assert kind.retryable == (kind.__name__ in RETRYABLE)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_error_keeps_everything(kind: type[Phi4Error], protocol: int) -> None:
    """Errors cross process boundaries, as worker pools need, with all attributes and the same text."""
    error = filled(kind)

    received = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - written a moment ago, right here

    assert type(received) is kind
    assert vars(received) == vars(error)
    assert (str(received), received.args) == (str(error), error.args)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copied_error_keeps_everything(
    kind: type[Phi4Error], make: Callable[[Phi4Error], Phi4Error]
) -> None:
    """A copy is another error that says the same, so that several tasks may each raise their own."""
    error = filled(kind)

    twin = make(error)

    assert twin is not error
    assert type(twin) is kind
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_text_says_what_where_and_what_to_do(kind: type[Phi4Error]) -> None:
    """The text stands alone in a log: what happened, at which Space, in which step, and what to do."""
    error = filled(kind)

    assert str(error) == f"It is broken [Space owner/name, step get]. {error.advice}".rstrip()


def test_the_text_is_made_of_what_is_known() -> None:
    """Without a place or advice the text is shorter, and its sentences end with one full stop each."""
    nowhere = SpaceError("It broke.")
    somewhere = SpaceError("It broke")
    somewhere.locate(step="post", space="")
    advised = SpacePaused("It is paused", advice="")

    assert str(nowhere) == "It broke."
    assert str(somewhere) == "It broke [step post]."
    assert str(advised) == "It is paused."
    assert str(EmptyPrompt("Nothing")) == "Nothing. Pass a question, an image or audio."


def test_the_closest_room_tells_the_place() -> None:
    """An error that knows its place keeps it, however many rooms it passes on its way up."""
    error = SpaceError("It broke")

    error.locate(step="upload", space="owner/name")
    error.locate(step="get", space="https://huggingface.co")

    assert (error.step, error.space) == ("upload", "owner/name")


def test_a_deadline_names_the_setting_to_raise() -> None:
    """The advice of a deadline is the very setting that ran out."""
    error = DeadlineExceeded("The Space said nothing for 45 s", which="idle", seconds=45.0)

    assert "Timeouts.idle" in error.advice
    assert isinstance(error, TimeoutError)
