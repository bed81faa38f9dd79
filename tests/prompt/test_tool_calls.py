"""The forms of a call: what opens one, where its JSON ends, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._prompt.tool_calls import LONGEST_UNMARKED, CallBlock, find_opening, read_calls

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
        ('```json\n[{"name": "weather",', 0, "fenced", 8),
        ('```{"name": "weather"}', 0, "fenced", 3),
    ],
)
def test_an_opening_begins_a_block(text: str, at: int, form: str, start: int) -> None:
    """Each form is known by its opening, as soon as that is whole."""
    assert find_opening(text, is_weather) == (at, CallBlock(form, start))


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
        ("marked", '[{"a<|/tool_call|>b', 18),
        ("marked", '[{"a<|tool_call|>b', 4),
        ("bare", '[{"a<|tool_calls|>b', 4),
        ("functools", "[{" + "x" * LONGEST_UNMARKED, LONGEST_UNMARKED),
        ("bare", "[{" + "x" * LONGEST_UNMARKED, LONGEST_UNMARKED),
        ("marked", "[{" + "x" * LONGEST_UNMARKED, 0),
        ("bare", "[{}]" + "x" * LONGEST_UNMARKED, 0),
    ],
)
def test_broken_json_is_given_up(form: str, text: str, failed: int) -> None:
    """A marker amid JSON, or JSON too long where no marker proves a call, says that it is none."""
    assert CallBlock(form, 0).follow(text) == failed


@pytest.mark.parametrize(
    ("form", "text", "length", "complete"),
    [
        ("marked", "[]\n<|/tool_call|> x", 17, True),
        ("marked", "[]<|/tool_calls|>", 17, True),
        ("marked", "[]} ]<|/tool_call|>", 19, True),
        ("marked", "[]]", 3, False),
        ("marked", "[] <|/to", 8, False),
        ("marked", "[]", 2, False),
        ("fenced", "[]\n```\nx", 6, True),
        ("fenced", "[]\n`", 4, False),
    ],
)
def test_a_closing_is_found(form: str, text: str, length: int, complete: bool) -> None:  # noqa: FBT001 - a table's column
    """What closes a block is told with how far it has come."""
    block = CallBlock(form, 0)
    block.follow(text)

    closing = block.closing(text)

    assert closing is not None
    assert (closing.end(), closing.lastgroup is not None) == (length, complete)


@pytest.mark.parametrize(("form", "text"), [("marked", "[] x"), ("fenced", "[]\n[]"), ("bare", "[]```")])
def test_what_closes_nothing(form: str, text: str) -> None:
    """Other text behind the JSON is no closing, and bare JSON has none."""
    block = CallBlock(form, 0)
    block.follow(text)

    assert block.closing(text) is None


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('{"name": "f", "arguments": {"x": 1}}', [("f", {"x": 1})]),
        ('[{"name": "f", "parameters": {"x": 1}}]', [("f", {"x": 1})]),
        (
            '[{"name": "f", "arguments": {}}, {"arguments": {"y": []}, "name": "g"}]',
            [("f", {}), ("g", {"y": []})],
        ),
        ('{"name": "f", "arguments": "{\\"x\\": \\"ü\\"}"}', [("f", {"x": "ü"})]),
        ('{"name": "f"}', [("f", {})]),
        ('{"id": 1, "type": "function", "name": "f", "arguments": {}}', [("f", {})]),
        ('{"name": "f", "arguments": {"x": 1}, "parameters": {}}', [("f", {"x": 1})]),
    ],
)
def test_marked_json_says_its_calls(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """A list or an object, arguments or parameters, also as a JSON string: all are calls."""
    assert read_calls(text) == (calls, "")


NO_CALL = "a call must be a JSON object with a name and arguments"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "its JSON is invalid at character 0: Expecting value"),
        ("f(1)", "its JSON is invalid at character 0: Expecting value"),
        ('[{"name": "f", "arguments": {}},]', "its JSON is invalid at character 3"),
        (
            '{"name": "f", "arguments": {"x": "a"b"}}',
            "its JSON is invalid at character 36: Expecting ',' delimiter",
        ),
        ('{"name": "f", "arguments": {}}, {}', "its JSON is invalid at character 30: Extra data"),
        ('{"name": "f", "arguments": {"x": NaN}}', "its JSON is invalid: NaN is not JSON"),
        ("[" * 100_000 + "]" * 100_000, "its JSON is invalid: "),
        ("[]", "it contains no call"),
        ("{}", NO_CALL),
        ("[1]", NO_CALL),
        ('{"name": " "}', NO_CALL),
        ('{"name": 1, "arguments": {}}', NO_CALL),
        ('{"name": "f", "args": {"x": 1}}', NO_CALL),
        ('[{"name": "f", "arguments": {}}, {"name": ""}]', NO_CALL),
        ('{"name": "f", "arguments": null}', "the arguments of 'f' are not a JSON object"),
        ('{"name": "f", "arguments": [1]}', "the arguments of 'f' are not a JSON object"),
        ('{"name": "f", "arguments": "[1]"}', "the arguments of 'f' are not a JSON object"),
        (
            '{"name": "f", "arguments": "x"}',
            "the arguments of 'f' are invalid JSON at character 0: Expecting value",
        ),
    ],
)
def test_what_is_no_call_says_why(text: str, fault: str) -> None:
    """All of the JSON is calls with arguments that can be trusted, or none of it, and then it is told why."""
    calls, error = read_calls(text)

    assert calls == []
    assert error.startswith(fault)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "g", "arguments": {}}',
        '[{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]',
        '{"name": "f"}',
        '{"name": "f", "description": "a tool on offer", "parameters": {"type": "object"}}',
        '{"name": "f", "arguments": {}, "parameters": {}}',
    ],
)
def test_bare_json_must_be_a_call_and_nothing_else(text: str) -> None:
    """Unmarked JSON about tools, such as a list of those on offer, asks for nothing."""
    calls, error = read_calls(text, only={"f"})

    assert calls == []
    assert error


@pytest.mark.parametrize("key", ["arguments", "parameters"])
def test_bare_json_may_call_what_is_offered(key: str) -> None:
    """Unmarked JSON with a call's two keys is a call of the tool on offer."""
    assert read_calls(json.dumps({"name": "f", key: {"x": 1}}), only={"f"}) == ([("f", {"x": 1})], "")
