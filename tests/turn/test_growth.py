"""What counts as growth of a text whose indentation changes, as Gradio's Chatbot has it."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Sequence
from inspect import cleandoc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import Servers

from phi4_space import Reply, SpaceClient
from phi4_space._turn.answer import Answer
from phi4_space._turn.growth import compare, end_of, is_same
from phi4_space._turns import Delta, Rewritten

LIST = "Birds:\n  - gulls\n    - herring gull\n  - terns\nFish:\n\n    cod\n\n        salted\nEnd."
CODE = "def f(x):\n    if x:\n        return 1\n\n    return 2\n\n\nprint(f(0))\n"
JSON = '{\n  "city": "Oslo",\n  "parts": [\n    {\n      "name": "Frogner"\n    }\n  ]\n}'


def bare(text: str) -> str:
    """A text without what does not count: white space at its start, and at the start of its lines."""
    return re.sub(r"\n[^\S\n]+", "\n", text.lstrip())


def tidied(text: str, cuts: Sequence[int]) -> list[str]:
    """What a Chatbot shows of a text that grows, cut at these places, and whole at last."""
    return [cleandoc(text[:cut]) for cut in (*sorted(cuts), len(text))]


def events(growing: Answer, snapshots: Sequence[str]) -> list[Delta | Rewritten]:
    """All events of an answer, which is settled afterwards."""
    happened = [event for snapshot in snapshots for part in growing.read(snapshot) for event in part]
    happened += growing.close()
    for _ in growing.settle():
        pass
    return happened


def answer(*tools: str, stop: Sequence[str] = ()) -> Answer:
    numbers = itertools.count(1)
    return Answer(tools, lambda: f"call-{next(numbers)}", stop=stop)


@pytest.mark.parametrize(
    ("old", "new", "rest"),
    [
        ("", "a", "a"),
        ("a", "ab", "b"),
        ("a", "a", ""),
        ("a\nb", "a\n  b\nc", "\nc"),
        ("a\n  b", "a\nbc", "c"),
        ("a\n   ", "a\nb", "b"),
        ("a\n  ", "a\n\nb", "\nb"),
        ("a\n\n b", "a\n\n\tb\n\n\nc", "\n\n\nc"),
        ("  ", "b\n c", "b\n c"),
        (" \n  ", "\n", ""),
        ("b", "\n\n  b\nc", "\nc"),
        ("a\nb", "a\n  b", ""),
        ("a\r\nb", "a\r\n \r b\r\n", "\r\n"),
    ],
)
def test_what_is_new(old: str, new: str, rest: str) -> None:
    """Indentation and blank starts do not count; what follows is what is new."""
    end = end_of(old, new)

    assert end is not None
    assert new[end:] == rest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a", "b"),
        ("ab", "a"),
        ("a b", "a  b"),
        ("a\nb", "ab"),
        ("a\n\nb", "a\nb"),
        ("a\n\n", "ab"),
        ("a\n\n", "a"),
        ("a \nb", "a\nb"),
        ("Thinking…", "42"),
        ("a\nb\nc", "a\n b\n d"),
        ("a", ""),
    ],
)
def test_what_was_replaced(old: str, new: str) -> None:
    """Any other change is none of indentation: words, white space among them, blank lines between lines."""
    assert end_of(old, new) is None
    assert not is_same(old, new)


@pytest.mark.parametrize("text", [LIST, CODE, JSON])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_indented_text_is_streamed_once(text: str, size: int) -> None:
    """A nested list, code and JSON that a Chatbot tidies come once, and stand in the reply as they were."""
    growing = answer()
    snapshots = tidied(text, range(0, len(text), size))

    happened = events(growing, snapshots)

    assert all(isinstance(event, Delta) for event in happened)
    assert bare("".join(event.text for event in happened)) == bare(text).rstrip()
    assert growing.text == snapshots[-1] == text.rstrip()


@pytest.mark.parametrize("text", [LIST, CODE, JSON], ids=["list", "code", "json"])
def test_indented_text_of_real_spaces_is_streamed_once(
    text: str, gradio_python: str, servers: Servers
) -> None:
    """A Space that streams strings, as most do, on each Gradio."""
    with SpaceClient(servers.url("ordinary", gradio_python)) as space:
        *happened, reply = space.stream(prompt=text)

    # What precedes the answer is the question, which the Chatbot tidied as well.
    assert not any(isinstance(event, Rewritten) for event in happened)
    streamed = "".join(event.text for event in happened if isinstance(event, Delta))
    assert isinstance(reply, Reply)
    assert reply.text == cleandoc(text)
    assert bare(streamed) == bare(reply.text)


WHITE = st.sampled_from(["\n", "\n", " ", "  ", "    ", "\t", "\r", "\xa0", "\u2028"])
WORDS = st.sampled_from(["a", "b c", "- ", "{", '"', "\u00e9", ""]) | st.text(max_size=2)
lines = st.builds("".join, st.tuples(st.sampled_from(["", "  ", "    ", "\t", "      "]), WORDS))
texts = st.lists(lines).map("\n".join) | st.lists(WHITE | WORDS).map("".join)
cutting = st.lists(st.integers(0, 60)) | st.builds(range, st.just(0), st.just(60), st.integers(1, 5))


@given(texts, cutting, st.sampled_from([(), ("weather",)]))
def test_tidied_text_is_never_rewritten(text: str, cuts: Sequence[int], tools: tuple[str, ...]) -> None:
    """Whatever grows, cut anywhere and tidied as Gradio does: nothing is taken back, the deltas make the last
    text but for white space at the start of lines, and the reply holds that text.
    """
    growing = answer(*tools)
    snapshots = tidied(text, cuts)

    happened = events(growing, snapshots)

    assert all(isinstance(event, Delta) for event in happened)
    assert bare("".join(event.text for event in happened)) == bare(snapshots[-1])
    assert growing.text == snapshots[-1]


@given(texts, texts)
def test_only_continued_text_is_growth(old: str, new: str) -> None:
    """Two texts are told apart by what counts of them alone, and so is what is new."""
    end = end_of(old, new)

    assert (end is not None) == bare(new).startswith(bare(old))
    if end is not None:
        assert bare(old + new[end:]) == bare(new)
    assert is_same(old, new) == (bare(old) == bare(new))


CALLS = json.dumps([{"name": "weather", "arguments": {"city": "Oslo"}}], indent=2)
CALL = f"<|tool_call|>{CALLS}<|/tool_call|>"


@given(st.lists(st.integers(0, 140)))
def test_calls_are_read_once(cuts: list[int]) -> None:
    """A call in JSON over several lines is one call, never shown, whatever became of its indentation."""
    growing = answer("weather")

    happened = events(growing, tidied(f"I look:\n    - once\n{CALL}", cuts))

    assert all(isinstance(event, Delta) for event in happened)
    assert growing.text == "I look:\n    - once\n"
    assert [(call.name, dict(call.arguments)) for call in growing.tool_calls] == [
        ("weather", {"city": "Oslo"})
    ]


@given(st.lists(st.integers(0, 140)))
def test_stop_strings_end_indented_text(cuts: list[int]) -> None:
    """The text ends before a stop string, and stands as the last text has it up to there."""
    growing = answer(stop=["- terns"])

    happened = events(growing, tidied(LIST, cuts))

    assert growing.stopped_by == "- terns"
    assert bare("".join(event.text for event in happened)) == bare("Birds:\n- gulls\n- herring gull\n  ")
    assert bare(growing.text) == bare("Birds:\n- gulls\n- herring gull\n")


def test_a_stop_string_in_indentation_counts_where_it_was_passed_on() -> None:
    """Where the last text alone has it, or only what was passed on, the answer stays as it was passed on."""
    growing = answer(stop=["\n  b"])

    happened = events(growing, ["a\n  ", "a\nb", "a\nbc"])

    assert happened == [Delta("a")]
    assert (growing.text, growing.stopped_by) == ("a", "\n  b")


def test_a_rewritten_text_is_indented_as_it_is() -> None:
    """A text that replaces another begins anew; what changed before has no part in it."""
    growing = answer()

    happened = events(growing, ["a\n  b", "a\nb\nc", "x\n  y", "x\n  y z"])

    assert happened == [Delta("a\n  b"), Delta("\nc"), Rewritten("x\n  y"), Delta(" z")]
    assert growing.text == "x\n  y z"


def test_much_text_is_compared_in_moments() -> None:
    """Others get a turn, whatever a Space sends; the time grows by the length alone."""

    def longest(length: int) -> tuple[float, float]:
        text = ("    x = 1\n" * (length // 10)) + "y"
        started = time.thread_time()
        moments = [started, *(time.thread_time() for _ in compare(text, f" {text} "))]
        return max(after - before for before, after in itertools.pairwise(moments)), moments[-1] - started

    for _ in range(3):  # a busy machine may slow one measurement down
        (_, short), (moment, long) = longest(400_000), longest(4_000_000)
        if moment < 0.05 and long < 40 * max(short, 0.005):
            return
    pytest.fail(f"{moment:.3f} s in one moment, {long:.3f} s in all, {short:.3f} s for a tenth")
