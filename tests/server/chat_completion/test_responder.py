"""How any model's answer becomes the Space's: bounded, cut at its stop strings, ended once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.chat_completion.responder import Responder
from phi4_server.chat_completion.stop import StopReader
from phi4_server.model import ChatRequest, End, Message, Usage

HI = ChatRequest(messages=(Message(role="user", text="hi"),))
USAGE = Usage(input_tokens=1, output_tokens=2)


class Pieces:
    """A model that answers in given pieces."""

    name = "Pieces"
    nature = "It answers in pieces."
    options = frozenset[str]()

    def __init__(self, *pieces: str | End) -> None:
        """Will answer in these."""
        self._pieces = pieces
        self.was_closed = False

    def complete(self, _request: ChatRequest) -> Iterator[str | End]:
        try:
            yield from self._pieces
        finally:
            self.was_closed = True


class Endless(Pieces):
    """A model that never ends, and notes that it is closed."""

    def complete(self, _request: ChatRequest) -> Iterator[str | End]:
        try:
            while True:
                yield "xxx"
        finally:
            self.was_closed = True


def answered(*pieces: str | End, stop: tuple[str, ...] = ()) -> tuple[str, End]:
    """The text and the end of an answer that a model gives in pieces."""
    responder = Responder(Pieces(*pieces), most=100)
    *text, end = responder.answer(ChatRequest(messages=HI.messages, stop=stop))
    assert isinstance(end, End)
    return "".join(piece for piece in text if isinstance(piece, str)), end


def test_an_answer_too_long_is_stopped() -> None:
    """An answer too long is an error, and the model is closed."""
    endless = Endless()
    with pytest.raises(ValueError, match="it may have 10 characters"):
        list(Responder(endless, most=10).answer(HI))
    assert endless.was_closed


def test_an_answer_that_is_left_is_closed() -> None:
    """Closing an answer closes the model's."""
    endless = Endless()
    answer = Responder(endless, most=10).answer(HI)
    next(answer)
    answer.close()
    assert endless.was_closed


def test_an_end_comes_once_and_last() -> None:
    """A model's own end is passed on; one that says nothing of it is done."""
    assert answered("a", "b") == ("ab", End())
    assert answered("a", End(finish_reason="length", usage=USAGE), "z") == (
        "a",
        End(finish_reason="length", usage=USAGE),
    )


def test_a_plain_iterator_is_an_answer() -> None:
    """A model may hand out any iterator, also one that cannot be closed."""

    class Plain(Pieces):
        def complete(self, _request: ChatRequest) -> Iterator[str | End]:
            return iter(["a", "b"])

    assert list(Responder(Plain(), most=10).answer(HI)) == ["a", "b", End()]


def test_an_answer_ends_before_a_stop_string() -> None:
    """The text ends before it, wherever it is cut; the end says which it was, and the model is closed."""
    model = Pieces("one E", "ND two", End(finish_reason="length", usage=USAGE))
    pieces = list(Responder(model, most=100).answer(ChatRequest(messages=HI.messages, stop=("END",))))

    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "one "
    assert pieces[-1] == End(finish_reason="stop", stopped_by="END")
    assert model.was_closed


@pytest.mark.parametrize(
    ("text", "stop", "expected", "stopped_by"),
    [
        ("one END two END", ("END",), "one ", "END"),
        ("abc", ("abc", "b"), "", "abc"),
        ("abd", ("abc", "b"), "a", "b"),
        ("aab", ("ab", "aab"), "", "aab"),
        ("xEN", ("END",), "xEN", None),
        ("END", ("END", "EN"), "", "EN"),
        ("nothing", (), "nothing", None),
    ],
)
def test_the_first_stop_string_counts(
    text: str, stop: tuple[str, ...], expected: str, stopped_by: str | None
) -> None:
    """It is the first of the whole text, and of two that begin together the shorter, however text arrives."""
    for pieces in ([text], [*text]):
        result, end = answered(*pieces, stop=stop)
        assert (result, end.stopped_by) == (expected, stopped_by)


@given(st.lists(st.text("abE", max_size=4)), st.lists(st.text("abE", min_size=1, max_size=3), max_size=3))
def test_cuts_never_matter(pieces: list[str], stop: list[str]) -> None:
    """What is let through does not depend on how the answer was cut."""

    def read(parts: list[str]) -> tuple[str, str | None]:
        reader = StopReader(stop)
        text = "".join([reader.feed(part) for part in parts])
        return text + reader.close(), reader.stopped_by

    assert read(pieces) == read(["".join(pieces)])


def test_halves_of_characters_are_replaced() -> None:
    """What no JSON can carry does not cost the answer."""
    assert answered("a\ud800", "b") == ("a\ufffdb", End())
    assert answered("wörld 🌍") == ("wörld 🌍", End())


def test_half_a_character_waits_for_the_other() -> None:
    """One that is cut in two pieces is whole; a half that stays alone is replaced."""
    halves = ["a\ud83d", "\ude00b\ud83d", "", "c\ude00\ud83d"]

    assert answered(*halves) == ("a\U0001f600b\ufffdc\ufffd\ufffd", End())
    assert answered("a\ud83d", "\ude00b", stop=("\U0001f600",)) == ("a", End(stopped_by="\U0001f600"))


def test_what_is_no_text_is_a_fault_of_the_models() -> None:
    """The error says what the model yielded."""
    with pytest.raises(TypeError, match="yielded NoneType"):
        answered(None)  # type: ignore[arg-type]
