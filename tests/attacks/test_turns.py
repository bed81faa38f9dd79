"""Turns with a Space that sends too much: each ends by a limit with a name, or by its deadline."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from scripted import (
    CLOSE,
    ESTIMATION,
    HEARTBEAT,
    STARTS,
    URL,
    ScriptedSpace,
    completed,
    events,
    generating,
    job,
    more,
    replaced,
    whole,
)

import phi4_space as p4
from phi4_space._turn.answer import Answer
from phi4_space._turns import Delta

pytestmark = pytest.mark.usefixtures("no_waiting")

ADD = p4.ToolSpec("add")
LOG = job(msg="log", log="hello", level="info")
PROGRESS = job(msg="progress", progress_data=[{"index": 1, "length": 2}])


async def turn(space: ScriptedSpace, outside: dict[str, Any] | None = None, **options: Any) -> list[Any]:
    """All events of one turn."""
    tools = {
        name: options.pop(name) for name in ("tools", "tool_choice", "response_format") if name in options
    }
    client = p4.SpaceClient(URL, environment=p4.Environment(transport=space, **(outside or {})), **options)
    async with client:
        return [event async for event in client.astream("hi", **tools)]


def streaming(*messages: Any) -> ScriptedSpace:
    """A Space whose stream holds these messages between a turn's first and last."""
    return ScriptedSpace({"data": [events(ESTIMATION, STARTS, *messages, CLOSE)]})


def step(*data: Any) -> dict[str, Any]:
    """A message with outputs, or with their edits."""
    return job(msg="process_generating", output={"data": [*data]}, success=True)


@pytest.mark.parametrize(
    ("which", "messages", "limits"),
    [
        ("notices", [LOG] * 4, {"notices": 3}),
        ("notices", [PROGRESS, LOG] * 2, {"notices": 3}),
        ("notices", [LOG] * 1_001, {}),
        ("answer", [generating("x" * 101)], {"answer": 100}),
        ("answer", [completed("x" * 101)], {"answer": 100}),
        ("answer", [generating("x"), *[more("y" * 10)] * 10], {"answer": 100}),
        ("answer", [generating("x" * 2_000_001), more("y" * 2_000_000)], {}),
        ("edits", [generating(""), step([["append", [1], "x"]] * 10_001, [])], {}),
        ("depth", [step(*json.loads("[" * 120 + "]" * 120))], {}),
        ("values", [step([0] * 100_000)], {}),
    ],
)  # fmt: skip
def test_more_than_a_limit_ends_the_turn(which: str, messages: list[Any], limits: dict[str, int]) -> None:
    """The error names the limit; the turn is not tried again, and its job is taken back."""
    space = streaming(*messages)

    with pytest.raises(p4.LimitExceeded) as refused:
        asyncio.run(turn(space, limits=p4.Limits(**limits)))

    assert (refused.value.which, refused.value.step) == (which, "get")
    assert space.steps().count("data") == 1
    assert ("cancel" in space.steps()) == (messages[-1]["msg"] != "process_completed")


@pytest.mark.parametrize(
    ("messages", "limits"),
    [
        ([LOG] * 3, {"notices": 3}),
        ([generating("x" * 100)], {"answer": 100}),
        ([HEARTBEAT] * 2_000, {}),
    ],
)
def test_as_much_as_a_limit_is_an_answer(messages: list[Any], limits: dict[str, int]) -> None:
    """Up to the limit all is as ever."""
    happened = asyncio.run(turn(streaming(*messages, completed("x" * 100)), limits=p4.Limits(**limits)))

    assert happened[-1].text == "x" * 100


def test_what_had_arrived_is_in_the_error() -> None:
    """As for all errors of a turn."""
    space = streaming(generating("Hello"), more("!" * 100))

    with pytest.raises(p4.LimitExceeded) as refused:
        asyncio.run(turn(space, limits=p4.Limits(answer=100)))

    assert refused.value.partial_text == "Hello"


FORMS: dict[str, Callable[[int], str]] = {
    "calls": lambda size: '<|tool_call|>{"name": "add"}' * (size // 28),
    "openings": lambda size: "<|tool_call|>" * (size // 13),
    "letters": lambda size: "x" * size,
    "brackets": lambda size: "[" * size,
}


@pytest.mark.parametrize("form", FORMS)
def test_others_get_their_turn_while_an_answer_is_read(form: str) -> None:
    """A long answer that comes at once is read in steps: counted, a tick of another task for each."""
    text = FORMS[form](400_000)

    async def beside() -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        await turn(streaming(completed("hi")), tools=[ADD])
        short, ticks = ticks, 0
        await turn(streaming(completed(text)), tools=[ADD])
        ticking.cancel()
        return short, ticks

    short, long = asyncio.run(beside())

    assert long - short >= len(text) // 20_000


def test_others_get_their_turn_between_messages() -> None:
    """Also where a Space sends without a pause, and none of it tells anything."""

    async def beside() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        await turn(streaming(*[HEARTBEAT] * 1_000, completed("hi")))
        ticking.cancel()
        return ticks

    assert asyncio.run(beside()) >= 1_000


@pytest.mark.parametrize(
    "messages",
    [
        [completed(FORMS["calls"](2_000_000))],
        [HEARTBEAT] * 500,
        [generating("x"), *[more("y")] * 500],
        [generating("x"), replaced("z" * 2_000_000)],
        [generating("x" + "\n y" * 300_000), replaced("x" + "\n  y" * 300_000)],
    ],
)
def test_the_deadline_holds_against_work(messages: list[Any]) -> None:
    """A turn whose time is up ends between two pieces of work, though nothing is waited for.

    The clock goes on a second each time it is looked at.
    """
    space = streaming(*messages, completed("end"))

    with pytest.raises(p4.DeadlineExceeded) as late:
        asyncio.run(
            turn(space, {"clock": itertools.count().__next__}, timeouts=p4.Timeouts(total=60), tools=[ADD])
        )

    assert late.value.which == "total"


def test_the_steps_of_a_snapshot_are_the_answer() -> None:
    """Read one after the other, they tell the text of the last snapshot, in pieces of a bounded length."""
    long = "a" * 50_000
    snapshots = ["a", long, f"{long}b", "c" * 50_000, ""]
    answer, text, counts = Answer((), lambda: "id"), "", []

    for snapshot in snapshots:
        happened = [event for step in answer.read(snapshot) for event in step]
        for event in happened:
            assert len(event.text) <= 16_384
            text = text + event.text if isinstance(event, Delta) else event.text
        counts.append(len(happened))
        assert text == answer.text == snapshot

    assert counts == [1, 4, 1, 4, 1]


LONG = "x" * 2_000_000
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TYPED = p4.ToolSpec("add", parameters=SCHEMA)


def wanted(*schema: Any, **options: Any) -> dict[str, Any]:
    """The option that asks for JSON."""
    return {"response_format": p4.ResponseFormat(*schema, **options)}


def never(_: object) -> None:
    """A check that nothing meets."""
    raise ValueError(LONG)


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        (json.dumps({"a": LONG}), wanted(SCHEMA)),
        (json.dumps({LONG: 1}), wanted({**SCHEMA, "additionalProperties": False})),
        (json.dumps([LONG]), wanted({"type": "array", "items": {"enum": [1]}})),
        ("{" + LONG, wanted()),
        ('{"a": ' + "9" * 2_000_000 + "}", wanted()),
        (json.dumps({"a": 1}), wanted(check=never)),
        (f'<|tool_call|>[{{"name": "add", "arguments": "{LONG}"}}]<|/tool_call|>', {"tools": [ADD]}),
        (f'<|tool_call|>[{{"name": "{LONG}", "arguments": 1}}]<|/tool_call|>', {"tools": [ADD]}),
        (f'<|tool_call|>[{{"{LONG}": 1}}]<|/tool_call|>', {"tools": [ADD]}),
        (f'<|tool_call|>[{{"name": "add", "arguments": {{"a": "{LONG}"}}}}]<|/tool_call|>',
         {"tools": [TYPED], "tool_choice": "add"}),
        (f'<|tool_call|>[{{"name": "{LONG}", "arguments": {{"a": "x"}}}}]<|/tool_call|>',
         {"tools": [TYPED], "tool_choice": "required"}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_answer_is_told_in_short(answer: str, options: dict[str, Any]) -> None:
    """The model is asked again in words that do not repeat megabytes; nor does any error."""
    space = ScriptedSpace({"data": [events(*whole(answer)), events(*whole(answer))]})

    try:
        reply = asyncio.run(turn(space, **options))[-1]
        reasons = [call.reason for call in reply.broken_calls]
    except p4.Phi4Error as failed:
        reasons = [str(failed)]

    bodies = space.bodies("predict")
    prompts = [body["data"][1]["text"].replace(answer, "") for body in bodies[1:]]
    corrections = [prompt.rpartition("User: ")[2] for prompt in prompts]
    assert all(len(text) < 2_500 for text in (*reasons, *corrections))


def test_many_calls_that_have_to_fit_are_checked_in_bounded_work() -> None:
    """A schema is looked at once for all of them, and so much work is done for all together."""
    call = '<|tool_call|>{"name": "add", "arguments": {"a": 1}}'
    space = ScriptedSpace({"data": [events(*whole(call * 5_000)), events(*whole(call))]})

    happened = asyncio.run(turn(space, tools=[p4.ToolSpec("add", parameters=SCHEMA)], tool_choice="required"))

    assert [call.name for call in happened[-1].tool_calls] == ["add"]
    assert "too large to check" in space.bodies("predict")[1]["data"][1]["text"]
