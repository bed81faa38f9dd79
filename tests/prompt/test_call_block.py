"""The forms of a call: what opens one, where its JSON ends, and what belongs to it behind that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._prompt.call_block import LONGEST_UNMARKED, CallBlock
from phi4_space._prompt.call_opening import find_opening
from phi4_space._prompt.call_rest import Rest, find_rest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[]<|>\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
containers = st.lists(json_values, max_size=3) | st.dictionaries(st.text(max_size=3), json_values, max_size=3)


def is_weather(spelled: str) -> bool:
    """Whether `weather"` begins so."""
    return 'weather"'.startswith(spelled)


@pytest.mark.parametrize(
    ("text", "at", "form", "start"),
    [
        ("hi <|tool_call|>[", 3, "marked", 13),
        ("<|tool_call|>\n {", 0, "marked", 13),
        ("<|tool_call|> none", 0, "marked", 13),
        ("<|tool_calls|>[", 0, "marked", 14),
        ("so functools[{", 3, "functools", 9),
        ("functools [ {", 0, "functools", 10),
        ('a {"name": "weather",', 2, "bare", 0),
        ('[ { "name":"weather" ', 0, "bare", 0),
        ('{"arguments":', 0, "bare", 0),
        ('[{"parameters" ', 0, "bare", 0),
        ("{'name': 'weather',", 0, "bare", 0),
        ('a {"id": "1", "type": "function", "name": "weather",', 2, "bare", 0),
        ('[{"type": "function", "function": {', 0, "bare", 0),
        ('{"role": "assistant", "content": null, "tool_calls": [', 0, "bare", 0),
        ("a <tool_call> {", 2, "tagged", 11),
        ("<tool_call>name\n<", 0, "tagged", 11),
        ("[TOOL_CALLS] [", 0, "listed", 13),
        ("<|python_tag|>", 0, "marked", 14),
        ("a<|/tool_call|>", 1, "stray", 14),
    ],
)
def test_an_opening_begins_a_block(text: str, at: int, form: str, start: int) -> None:
    """Each form is known by its opening, as soon as that is whole."""
    assert find_opening(text, is_weather) == (at, CallBlock(form, start))


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ('```json\n[{"name": "weather",', CallBlock("bare", 8, ticks=3)),
        ('```{"name": "weather"}', CallBlock("bare", 3, ticks=3)),
        ("`<|tool_call|>", CallBlock("marked", 14, ticks=1)),
        ("```tool_call\n", CallBlock("block", 12, ticks=3)),
        ("<function=f>", CallBlock("function", 12, "f")),
        ('<function name="f">', CallBlock("function", 19, "f")),
        ("[TOOL_CALLS]f[ARGS]{", CallBlock("listed", 19, "f")),
    ],
)
def test_an_opening_says_more(text: str, block: CallBlock) -> None:
    """Which fence is around it, and which tool it names."""
    assert find_opening(text, is_weather) == (0, block)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("a <", 2),
        ("a <|tool_c", 2),
        ("<|tool_call|", 0),
        ("half", 3),
        ("if functools ", 3),
        ("`", 0),
        ("see ```js", 4),
        ("```json\n[", 0),
        ("[", 0),
        ("{ ", 0),
        ('{"name": "wea', 0),
        ('[{"par', 0),
        ("{'name': 'wea", 0),
        ("{'name': '", 0),
        ('{"id": "a", "ty', 0),
        ('{"content": "a', 0),
        ("a <tool_call>", 2),
        ("<tool_call> name ", 0),
        ("<function=f", 0),
        ("[TOOL_CALLS]f[AR", 0),
        ("```tool_", 0),
    ],
)
def test_what_may_become_an_opening_is_told(text: str, at: int) -> None:
    """Where the text ends amid what may be an opening, the place is told, and no block yet."""
    assert find_opening(text, is_weather) == (at, None)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "a < b",
        "<|end|>",
        "function",
        "functools[0]",
        "`code`",
        "```python\nprint",
        "[1, 2]",
        "{x}",
        "[]",
        '{"city":',
        '{"name": "Ada',
        '[{"name": "weather forecast',
        '{"nam"',
        "[" * 9 + "{",
        "[" + " " * 65,
        "{'name': 'Ada",
        '{"type": "string"',
        '{"id": "' + "a" * 300,
        "<tool_call> hello there",
        "[TOOL_CALLS] hello there",
        "<function> x",
    ],
)
def test_other_text_is_no_opening(text: str) -> None:
    """What cannot become a call any more keeps nothing back."""
    assert find_opening(text + ".", is_weather) == (len(text) + 1, None)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (" \n[{}}]", 7),
        ("[{]", 3),
        ("{[}", 3),
        ('{"]": "}"}]', 10),
        ("f(x, {})", None),
        ('"[]"', None),
        ("[{}", None),
    ],
)
def test_the_end_of_broken_json_is_its_own_bracket(text: str, end: int | None) -> None:
    """Where brackets do not match, the one that closes the first counts; without one there is no end."""
    block = CallBlock("marked", 0)

    block.follow(text)

    assert block.end == end


def test_what_is_spoilt_ends_with_a_marker_alone() -> None:
    """JSON that is no call may go on behind its end; a marker says where it does not."""
    block = CallBlock("marked", 0)
    text = "[1] 2]"

    assert block.follow(text) == 0
    block.reject("a fault")

    assert block.follow(text) == 0
    assert block.end is None
    assert block.follow(text + "<|/tool_call|>") == len(text) + 14
    assert block.error == "a fault"


@given(containers, st.integers(1, 5), st.booleans())
def test_the_end_of_json_is_found_in_pieces(value: Any, size: int, indented: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
    """However JSON is cut, its end is where the decoder sees it, whatever follows."""
    text = json.dumps(value, indent=1 if indented else None)
    follows = text + " and ]}[ more"
    block = CallBlock("bare", 0)

    for length in range(size, len(follows) + size, size):
        assert block.follow(follows[:length]) == 0

    assert block.end == len(text)


@pytest.mark.parametrize(
    ("form", "text", "failed"),
    [
        ("marked", '[{"a<|/tool_call|>b "c', 18),
        ("marked", '[{"a<|tool_call|>b "c', 4),
        ("bare", '[{"a<|tool_calls|>b "c', 4),
        ("marked", '[{"a<|/tool_call|>b', 0),
        ("marked", '[{"a<|/tool_call|>b": 1', 0),
        ("marked", '[{"a<|/tool_call|>' + "b" * 2_000, 18),
        ("functools", "[{" + "x" * LONGEST_UNMARKED, 0),
        ("bare", '{"name": "f", "arguments": {' + "x" * LONGEST_UNMARKED, 0),
        ("bare", "[{" + "x" * LONGEST_UNMARKED, LONGEST_UNMARKED),
        ("marked", "[{" + "x" * LONGEST_UNMARKED, 0),
        ("bare", "[{}]" + "x" * LONGEST_UNMARKED, 0),
    ],
)
def test_broken_json_is_given_up(form: str, text: str, failed: int) -> None:
    """A marker amid JSON, or JSON too long where no marker proves a call, says that it is none."""
    assert CallBlock(form, 0).follow(text) == failed


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("\n<|/tool_call|> x", Rest(15, closes=True)),
        ("<|/tool_calls|>", Rest(15, closes=True)),
        ("</tool_call>", Rest(12, closes=True)),
        ("</function>\n</tool_call>", Rest(11, closes=True)),
        ("<|tool_call_end|>", Rest(17, closes=True)),
        ("[/TOOL_CALLS]", Rest(13, closes=True)),
        ("} ]<|/tool_call|>", Rest(17, closes=True)),
        ("]", Rest(1, is_partial=True)),
        (" <|/to", Rest(6, is_partial=True)),
        ("", Rest(0, is_partial=True)),
        ("\n```\nx", Rest(4, unfences=True)),
        ("\n`", Rest(2, is_partial=True)),
        (', {"name', Rest(2, continues=True)),
        ("\n[ {", Rest(1, continues=True)),
        (", {", Rest(3, is_partial=True)),
    ],
)
def test_what_belongs_to_a_call_is_found(text: str, rest: Rest) -> None:
    """What closes a call, its fence, or goes on with another, and whether it has arrived."""
    assert find_rest(text, ticks=3, can_continue=True) == rest


@pytest.mark.parametrize("text", [" x", "\n[1]", "```", ', {"name": '])
def test_what_belongs_to_no_call(text: str) -> None:
    """Other text behind it is no part of it, nor is a fence that was not opened, or a call of its own."""
    assert find_rest(text, ticks=0, can_continue=False) is None


def test_a_fence_ends_with_as_many_backticks() -> None:
    """As opened it."""
    assert find_rest("``", ticks=1, can_continue=False) == Rest(1, unfences=True)
    assert find_rest("``", ticks=3, can_continue=False) == Rest(2, is_partial=True)


@pytest.mark.parametrize(
    ("form", "text", "length", "body", "is_reopened"),
    [
        ("tagged", "add(1)</tool_call>", 18, 6, False),
        ("tagged", "add(1)<tool_call>", 6, 6, True),
        ("tagged", "x</function>", 12, 1, False),
        ("function", "x</function>", 12, 1, False),
        ("listed", "x[TOOL_CALLS]", 1, 1, True),
        ("listed", "x[/TOOL_CALLS]", 14, 1, False),
        ("block", "x\n```", 5, 1, False),
        ("block", "x<|/tool_call|>", 15, 1, False),
    ],
)
def test_each_form_has_its_own_markers(
    form: str,
    text: str,
    length: int,
    body: int,
    is_reopened: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What is not JSON ends with what closes its form, or before what opens another."""
    block = CallBlock(form, 0)

    assert block.follow(text) == length
    assert (block.body_end, block.is_reopened) == (body, is_reopened)
