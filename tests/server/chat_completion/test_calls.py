"""Tool calls in an answer that arrives in pieces."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phi4_server.chat_completion.calls import CallReader, ToolCall

ADD = ToolCall("add", '{"a": 1}')
MARKED = '<|tool_call|>[{"name": "add", "arguments": {"a": 1}}]<|/tool_call|>'


def read(*pieces: str) -> tuple[str, list[ToolCall]]:
    """The text and the calls of an answer."""
    reader = CallReader()
    parts = [part for piece in pieces for part in reader.feed(piece)] + [*reader.close()]
    text = "".join(part for part in parts if isinstance(part, str))
    return text, [part for part in parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize(
    ("answer", "text", "calls"),
    [
        (MARKED, "", [ADD]),
        (f"Let me see. {MARKED}\n", "Let me see.", [ADD]),
        (f"{MARKED} and {MARKED}", "and", [ADD, ADD]),
        ('<|tool_calls|>{"name": "add", "parameters": {"a": 1}}<|/tool_calls|>', "", [ADD]),
        ('<|tool_call|>[{"name": "add", "arguments": "{\\"a\\": 1}"}]<|/tool_call|>', "", [ADD]),
        ('<|tool_call|>[{"name": "now"}]<|/tool_call|>', "", [ToolCall("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": ""}]<|/tool_call|>', "", [ToolCall("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": null}]<|/tool_call|>', "", [ToolCall("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": " "}]<|/tool_call|>', "", [ToolCall("now", "{}")]),
        (MARKED.removesuffix("<|/tool_call|>"), "", [ADD]),
        ('<|tool_call|>[{"name": "é", "arguments": {}}]<|/tool_call|>', "", [ToolCall("é", "{}")]),
    ],
)
def test_calls(answer: str, text: str, calls: list[ToolCall]) -> None:
    """Calls are read in each form in which they come, also where the answer ends without its marker."""
    assert read(answer) == (text, calls)


@pytest.mark.parametrize(
    "answer",
    [
        "Just text, 1 < 2, and <|no marker|>.",
        "  blanks stay  \n",
        "<|tool_call|>[{]<|/tool_call|>",
        "<|tool_call|>[]<|/tool_call|>",
        "<|tool_call|>[1]<|/tool_call|>",
        '<|tool_call|>[{"name": "", "arguments": {}}]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "arguments": [1]}]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "arguments": {"a": NaN}}]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "arguments": "{"}]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "arguments": {"a": "\\ud800"}}]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "arguments": {}}, 2]<|/tool_call|>',
        '<|tool_call|>[{"name": "add", "argu',
        "<|tool_call|>" + "[" * 100_000 + "<|/tool_call|>",
        "<|/tool_call|><|tool_call",
    ],
)
def test_what_is_no_call_stays_text(answer: str) -> None:
    """Nothing of it is lost, and half of a list is no list."""
    assert read(answer) == (answer, [])


@given(st.text("<|/tol_ca>s {}[]\n", max_size=40), st.lists(st.integers(0, 120), max_size=9), st.booleans())
@example("<|tool_call|>", [3, 5], True)  # noqa: FBT003  what is drawn
def test_pieces_make_no_difference(text: str, cuts: list[int], marked: bool) -> None:  # noqa: FBT001
    """However an answer is cut, the same is read."""
    answer = f"{text}{MARKED if marked else ''}{text}"
    edges = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[start:end] for start, end in pairwise(edges)]
    assert read(*pieces) == read(answer)


def test_text_streams_on() -> None:
    """Only what may become a marker, and blanks, wait for the next piece."""
    reader = CallReader()
    assert [*reader.feed("a <|to")] == ["a"]
    assert [*reader.feed("day")] == [" <|today"]
    assert [*reader.feed("b ")] == ["b"]
    assert [*reader.feed(MARKED)] == [ADD]
    assert json.loads(ADD.arguments) == {"a": 1}
