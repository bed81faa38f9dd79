"""Where a call is none: in thoughts, and as a part of other JSON."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space import BrokenCall, ToolCall
from phi4_space._prompt.call_reader import CallReader

MARKED = '<|tool_call|>[{"name": "add", "arguments": {"x": 1}}]<|/tool_call|>'
TAGGED = '<tool_call>{"name": "add", "arguments": {"x": 1}}</tool_call>'
BARE = '{"name": "add", "arguments": {"x": 1}}'
WRAPPED = '{"type": "function", "function": {"name": "add", "arguments": {"x": 1}}}'
BROKEN = '<|tool_call|>[{"name": "add", "argu'
CALLED = [("add", {"x": 1})]


def read(answer: str, size: int) -> tuple[str, list[Any]]:
    """The text of an answer that comes in pieces of a size, and its calls."""
    reader = CallReader(["add"])
    pieces: list[Any] = []
    for start in range(0, len(answer), size):
        pieces += reader.feed(answer[start : start + size])
    pieces += reader.close()
    calls = [(one.name, one.arguments) for one in pieces if isinstance(one, ToolCall)]
    broken = [one for one in pieces if isinstance(one, BrokenCall)]
    return "".join(one for one in pieces if isinstance(one, str)), [*calls, *broken]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("call", [MARKED, TAGGED, BARE, WRAPPED, BROKEN, f"```json\n{BARE}\n```"])
@pytest.mark.parametrize(
    "thought",
    [
        "<think>{}</think>",
        "<think>\nI could say {} or\n</think>\n\n",
        "<Thinking>{} < {}</Thinking>",
        "Well. <reasoning>{}, {}</reasoning> So: ",
        "<scratchpad>{}\n<think>{}</scratchpad>",
        "<thought></thought><thought>{}</thought>",
    ],
)
def test_thoughts_are_no_calls(thought: str, call: str, size: int) -> None:
    """They are text as the model wrote it; a call behind them is one."""
    text = thought.replace("{}", call)

    assert read(text, size) == (text, [])
    assert read(f"{text}{MARKED}", size) == (text, CALLED)
    assert read(f"{text}{BARE}", size) == (text, CALLED)
    assert read(f"{MARKED}Then{text}", size) == (f"Then{text}", CALLED)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (f"<think>I call it: {MARKED}", "<think>I call it: "),
        (f"<think>I call it: {BARE}", "<think>I call it: "),
        (f"<think><think>{MARKED}", "<think><think>"),
        (f"The tag <think> opens. {MARKED} </thi", "The tag <think> opens.  </thi"),
        (f"<thinks>{MARKED}</thinks>", "<thinks></thinks>"),
        (f"a < b {MARKED}", "a < b "),
    ],
)
def test_a_thought_without_an_end_hides_no_call(answer: str, text: str, size: int) -> None:
    """A model may forget its end, or only speak of the tag."""
    assert read(answer, size) == (text, CALLED)


def test_the_tag_of_a_thought_in_arguments_is_part_of_them() -> None:
    """A call is read as a whole."""
    answer = '<|tool_call|>[{"name": "add", "arguments": {"x": "<think>"}}]<|/tool_call|> </think> ' + BARE

    assert read(answer, 4) == (" </think> ", [("add", {"x": "<think>"}), *CALLED])


def test_a_thought_is_passed_on_as_it_comes() -> None:
    """What cannot be a call or the end of it is not held back."""
    reader = CallReader(["add"])

    assert reader.feed("<think>One, ") == ["<think>One, "]
    assert reader.feed("two of") == ["two o"]  # "functools" may begin there
    assert reader.feed(" </thi") == ["f "]
    assert reader.feed(f"s {BARE}") == ["</this "]
    assert reader.feed(" more") == []
    assert reader.feed("</think>!") == [f"{BARE} more</think>!"]
    assert reader.close() == []


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        f'{{"answer": {BARE}}}',
        f'{{"answer":{BARE}, "more": 1}}',
        f'{{"answer": [{BARE}]}}',
        f'{{"answer": [{BARE}, {BARE}]}}',
        f'{{"answer": [1, {BARE}]}}',
        f'{{"answer": {{"call": {BARE}}}}}',
        f'{{"answer": {WRAPPED}}}',
        f'{{"answer": {{"tool_calls": [{BARE}]}}}}',
        f'[{{"x": {BARE}}}]',
        f"{{'answer': {BARE}}}",
        f'So:\n```json\n{{\n  "answer": {BARE}\n}}\n```\nGood?',
        f'{{"text": "] and }}", "answer": {BARE}}}',
        f'{{"long": "{"x" * 3000}", "answer": {BARE}}}',
    ],
)
def test_a_part_of_other_json_is_no_call(answer: str, size: int) -> None:
    """It is text, whole, and a call behind it is one."""
    assert read(answer, size) == (answer, [])
    assert read(f"{answer}\n{BARE}", size) == (f"{answer}\n", CALLED)
    assert read(f"{answer} {MARKED}", size) == (f"{answer} ", CALLED)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "before",
    [
        "So, ",
        "1, ",
        "Action: ",
        'I "call": now ',
        '{"x": 1}, ',
        '{"x": [1]} ',
        '{"x": [1, "and I call ',
        "] } ",
    ],
)
def test_what_only_follows_json_or_a_colon_is_a_call(before: str, size: int) -> None:
    """Or stands where calls do, in an answer of a form of its own."""
    assert read(f"{before}{BARE}", size)[1] == CALLED


def test_calls_beside_other_properties_are_calls() -> None:
    """Where the property is that of calls."""
    assert read(f'{{"why": "so", "tool_calls": [{BARE}]}}', 3)[1] == CALLED
