"""An answer as it grows: what is shown when, what is held back, and what is taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phi4_space._turn.answer import Answer
from phi4_space._turns import Delta, Rewritten, ToolCall

CALL = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Oslo"}}]<|/tool_call|>'
News = list[Delta | Rewritten]


def answer(*tools: str, stop: Sequence[str] = ()) -> Answer:
    """An answer whose calls are numbered."""
    numbers = itertools.count(1)
    return Answer(tools, lambda: f"call-{next(numbers)}", stop=stop)


def joined(changes: Iterable[Delta | Rewritten]) -> str:
    """What a reader sees who does with each event what it says."""
    text = ""
    for event in changes:
        text = text + event.text if isinstance(event, Delta) else event.text
    return text


def look(growing: Answer, snapshot: str) -> News:
    """What is new of an answer that grew to a snapshot."""
    return [event for part in growing.read(snapshot) for event in part]


def read(growing: Answer, snapshots: Iterable[str]) -> News:
    """All news of an answer, its end included."""
    changes = [event for snapshot in snapshots for event in look(growing, snapshot)] + growing.close()
    for _ in growing.settle():
        pass
    return changes


def meant(finished: Answer) -> list[tuple[str, dict[str, object]]]:
    """The calls, without the ids, which are new each time."""
    return [(call.name, dict(call.arguments)) for call in finished.tool_calls]


@pytest.mark.parametrize(
    ("snapshots", "changes"),
    [
        ([], []),
        ([""], []),
        (["Hello"], [Delta("Hello")]),
        (["Hel", "Hello", "Hello"], [Delta("Hel"), Delta("lo")]),
        (["Hello", "Hell"], [Delta("Hello"), Rewritten("Hell")]),
        (["Hello", ""], [Delta("Hello"), Rewritten("")]),
        (["Thinking…", "42"], [Delta("Thinking…"), Rewritten("42")]),
        (["Thinking…", "42", "42 km"], [Delta("Thinking…"), Rewritten("42"), Delta(" km")]),
        (["a <|tool_call|> b"], [Delta("a <|tool_call|> b")]),
    ],
)
def test_only_what_is_new_is_told(snapshots: list[str], changes: News) -> None:
    """Text that grew is a delta, text that changed is a rewrite, and the same again is nothing."""
    assert read(answer(), snapshots) == changes


def test_a_call_is_held_back_and_never_shown() -> None:
    """What may become a tool call is not shown while it may; when it is one, it is no text at all."""
    growing = answer("weather")
    snapshots = [f"One moment. {CALL}"[:end] for end in range(len(CALL) + 13)]

    changes = read(growing, snapshots)

    assert joined(changes) == growing.text == "One moment. "
    assert growing.tool_calls == (ToolCall("call-1", "weather", {"city": "Oslo"}),)
    assert not any("<" in event.text for event in changes)


def test_a_broken_call_is_kept_and_never_shown() -> None:
    """What was marked as a call and cannot be read is told apart from the words around it."""
    growing = answer("weather")
    snapshots = [f"One moment. {CALL[:-20]}<|/tool_call|> Done."[:end] for end in range(len(CALL) + 13)]

    changes = read(growing, snapshots)

    assert joined(changes) == growing.text == "One moment.  Done."
    assert growing.tool_calls == ()
    (broken,) = growing.broken_calls
    assert broken.text == f"{CALL[:-20]}<|/tool_call|>"
    assert "JSON is invalid" in broken.reason
    assert look(growing, "No call.") == [Rewritten("No call.")]
    assert growing.broken_calls == ()


def test_text_held_back_for_nothing_is_shown_at_the_end() -> None:
    """What began like a call and is none comes out with the answer's end, as it was written."""
    growing = answer("weather")

    assert look(growing, "x <|tool_ca") == [Delta("x ")]
    assert growing.close() == [Delta("<|tool_ca")]
    assert growing.text == "x <|tool_ca"
    assert growing.tool_calls == ()


def test_without_tools_nothing_is_held_back() -> None:
    """Where no tool is on offer, every character is shown as it comes."""
    growing = answer()

    assert [look(growing, CALL[:end]) for end in range(1, len(CALL) + 1)] == [
        [Delta(piece)] for piece in CALL
    ]
    assert growing.close() == []


def test_calls_taken_back_do_not_count() -> None:
    """A rewrite starts the answer anew, its calls too; a call that stays gets an id of its own again."""
    growing = answer("weather")

    look(growing, CALL)
    assert [call.id for call in growing.tool_calls] == ["call-1"]
    look(growing, f"Wait. {CALL}")
    assert [call.id for call in growing.tool_calls] == ["call-2"]
    assert look(growing, "No call.") == [Rewritten("No call.")]
    assert growing.tool_calls == ()


def test_a_rewrite_of_what_was_never_shown_is_none() -> None:
    """Held-back text that changes was seen by nobody, so what follows is a delta."""
    growing = answer("weather")

    assert look(growing, "x <|tool_ca") == [Delta("x ")]
    assert look(growing, "x or y") == [Delta("or y")]


@pytest.mark.parametrize(
    ("snapshots", "changes", "stopped_by", "calls"),
    [
        (["one END two", "one END two three"], [Delta("one ")], "END", 0),
        (["one E", "one END"], [Delta("one ")], "END", 0),
        (["one E"], [Delta("one "), Delta("E")], None, 0),
        (["END"], [], "END", 0),
        # text taken back takes its stop string along
        (["one END", "two"], [Delta("one "), Rewritten("two")], None, 0),
        (["one EN", "two END x"], [Delta("one "), Rewritten("two ")], "END", 0),
        # calls before it count, those behind it do not
        ([f"one {CALL} END {CALL}"], [Delta("one  ")], "END", 1),
        ([f"one END {CALL}", f"one END {CALL}{CALL}"], [Delta("one ")], "END", 0),
        # what stands in a call is no text; and what is none after all is
        ([CALL.replace("Oslo", "END")], [], None, 1),
        (['x {"name": "weather", "END'], [Delta("x "), Delta('{"name": "weather", "')], "END", 0),
        (["x <|tool END"], [Delta("x <|tool ")], "END", 0),
    ],
)
def test_a_stop_string_ends_the_text(
    snapshots: list[str], changes: News, stopped_by: str | None, calls: int
) -> None:
    """The text ends before it, rewritten or not; it counts in text alone, and what follows is not heard."""
    growing = answer("weather", stop=["END"])

    assert read(growing, snapshots) == changes
    assert growing.text == joined(changes)
    assert growing.stopped_by == stopped_by
    assert len(growing.tool_calls) == calls


pieces = st.sampled_from(
    [CALL, "<|tool", "_call|>", "[{", '"name"', "functools", "```json\n", "```", "weather", "\n", '"}]']
)
texts = st.lists(pieces | st.text(max_size=4), max_size=8).map("".join)
tools = st.sampled_from([(), ("weather",), ("weather", "clock")])


@given(texts, st.lists(st.integers(0, 200)), tools)
def test_deltas_add_up_however_the_answer_grew(text: str, cuts: list[int], tools: tuple[str, ...]) -> None:
    """Whichever snapshots a Space sends of a growing answer, the deltas are the text that one look gives."""
    growing, whole = answer(*tools), answer(*tools)

    changes = read(growing, [text[:end] for end in sorted(cuts)] + [text])
    read(whole, [text])

    assert all(isinstance(event, Delta) and event.text for event in changes)
    assert joined(changes) == growing.text == whole.text
    assert growing.tool_calls == whole.tool_calls
    assert growing.broken_calls == whole.broken_calls
    assert tools or growing.text == text


@given(st.lists(texts, max_size=6), texts, tools)
def test_readers_see_the_last_snapshot_alone(before: list[str], text: str, tools: tuple[str, ...]) -> None:
    """Whatever a Space shows meanwhile, who follows the events ends up with the last snapshot alone.

    Where indentation alone changed, what was shown stays: tests/turn/test_growth.py is about that.
    """
    growing, whole = answer(*tools), answer(*tools)

    changes = read(growing, [*before, text])
    assume(not growing._is_indented_anew)
    read(whole, [text])

    assert joined(changes) == growing.text == whole.text
    assert meant(growing) == meant(whole)
    assert growing.broken_calls == whole.broken_calls
    assert len({call.id for call in growing.tool_calls}) == len(growing.tool_calls)


@given(st.lists(texts, max_size=6), texts, tools, st.lists(st.sampled_from(["wea", "\n", "l", '"}]'])))
def test_readers_see_no_stop_string(
    before: list[str], text: str, tools: tuple[str, ...], stop: list[str]
) -> None:
    """The text is that without stop strings, cut before the first; whatever was shown meanwhile."""
    growing, whole = answer(*tools, stop=stop), answer(*tools)

    changes = read(growing, [*before, text])
    assume(not growing._is_indented_anew)
    read(whole, [text])

    end = min((whole.text.index(word) for word in stop if word in whole.text), default=None)
    assert joined(changes) == growing.text == whole.text[:end]
    assert (growing.stopped_by is None) == (end is None)
    assert meant(growing) == meant(whole)[: len(growing.tool_calls)]


@given(texts, tools)
def test_what_was_shown_is_never_more_than_there_is(text: str, tools: tuple[str, ...]) -> None:
    """At no time is anything shown that a growing answer would have to take back."""
    growing = answer(*tools)
    so_far = ""

    for end in range(len(text) + 1):
        so_far += joined(look(growing, text[:end]))
        assert so_far == growing.text
