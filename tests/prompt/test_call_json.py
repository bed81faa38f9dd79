"""The JSON of a call: which calls it says, and why it says none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phi4_space._prompt.call_json import read_calls


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
        ('{"name": "f", "arguments": null}', [("f", {})]),
        ('{"name": "f", "args": {"x": 1}}', [("f", {"x": 1})]),
        ('[[{"name": "f"}], {"name": "g"}]', [("f", {}), ("g", {})]),
        ('{"type": "function", "function": {"name": "f", "arguments": "{}"}}', [("f", {})]),
        ('{"tool_calls": [{"id": "1", "function": {"name": "f"}}]}', [("f", {})]),
        ('{"id": 1, "type": "function", "name": "f", "arguments": {}}', [("f", {})]),
        ('{"name": "f", "arguments": {"x": 1}, "parameters": {}}', [("f", {"x": 1})]),
    ],
)
def test_marked_json_says_its_calls(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """A list or an object, arguments or parameters, also as a JSON string: all are calls."""
    assert read_calls(text) == (calls, "", False)


NO_CALL = "a call must be a JSON object with a name and arguments"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "its JSON is invalid at character 0: Expecting value"),
        ("f(1)", "its JSON is invalid at character 0: Expecting value"),
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
        ('{"name": "f", "x": 1}', NO_CALL),
        ('{"function": {"arguments": {}}}', NO_CALL),
        ('{"tool_calls": []}', "it contains no call"),
        ('{"name": "f", "parameters": {"type": "object", "properties": {}}}', NO_CALL),
        ('[{"name": "f", "arguments": {}}, {"name": ""}]', NO_CALL),
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
    calls, error, _ = read_calls(text)

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
    calls, error, is_other = read_calls(text, only={"f"})

    assert calls == []
    assert error
    assert is_other


@pytest.mark.parametrize("key", ["arguments", "parameters"])
def test_bare_json_may_call_what_is_offered(key: str) -> None:
    """Unmarked JSON with a call's two keys is a call of the tool on offer."""
    assert read_calls(json.dumps({"name": "f", key: {"x": 1}}), only={"f"}) == (
        [("f", {"x": 1})],
        "",
        False,
    )


@pytest.mark.parametrize(
    ("text", "is_other"),
    [
        ('{"name": "f", "arguments": [1]}', False),
        ('{"name": "f", "arguments": {', False),
        ('{"type": "function", "function": {"name": "g", "arguments": 1}}', False),
        ('{"type": "function", "function": {"name": "g", "description": "d"}}', True),
        ('{"type": "function", "function": "g"}', True),
    ],
)
def test_what_cannot_be_read_is_told_from_what_says_something_else(text: str, is_other: bool) -> None:  # noqa: FBT001 - a table's column
    """A call with wrong arguments is a broken one; other JSON is not."""
    reading = read_calls(text, only={"f"})

    assert (reading.calls, reading.is_other) == ([], is_other)
    assert reading.error


def test_what_is_wrapped_may_name_any_tool() -> None:
    """That it is a call is certain then; which tools there are, its caller knows."""
    assert read_calls('{"function": {"name": "g", "arguments": null}}', only={"f"}).calls == [("g", {})]
    assert read_calls('{"tool_calls": [{"name": "g"}]}', only={"f"}).calls == [("g", {})]


def test_an_opening_may_name_the_tool() -> None:
    """The JSON is its arguments then."""
    assert read_calls('{"x": 1}', tool="f").calls == [("f", {"x": 1})]
    assert read_calls(" ", tool="f").calls == [("f", {})]
    assert read_calls("[1]", tool="f").error == "the arguments of 'f' are not a JSON object"
