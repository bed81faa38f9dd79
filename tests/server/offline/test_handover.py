"""Requests that several agents of the offline model hand on to each other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.model import Message
from phi4_server.offline.agents import choosing, is_handed_over, turns_before_handover
from phi4_server.offline.model import OfflineModel
from phi4_server.offline.prompt import Turn
from phi4_server.offline.tools import Tool, parted

CREW = {"pilot": "Knows the tides and currents.", "purser": "Knows the ferry, when it leaves and its fares."}
HANDED = (
    "Agent purser is now handling the request due to the following reason: ferry.\n"
    "Please continue with the current request."
)


def handoff(crew: dict[str, str] = CREW) -> Tool:
    """The tool that hands a request on, as LlamaIndex describes it."""
    text = f"Useful for handing off to another agent.\n\nCurrently available agents:\n{crew}\n"
    properties = {"to_agent": {"type": "string"}, "reason": {"type": "string"}}
    return Tool(
        "handoff", text, {"type": "object", "properties": properties, "required": ["to_agent", "reason"]}
    )


def plain(name: str, description: str, parameter: str, kind: str = "string") -> Tool:
    """A tool with one parameter."""
    properties = {parameter: {"type": kind}}
    return Tool(name, description, {"type": "object", "properties": properties, "required": [parameter]})


BERTHS = plain("berth_price", "What some nights at a berth cost.", "nights", "integer")
FERRY = plain("ferry_times", "When the ferry to a destination leaves.", "destination")


def answered(asked: str, *after: str, tools: list[Tool]) -> str:
    """The model's answer to a transcript in which tools are offered."""
    listed = [
        {"name": each.name, "description": each.description, "parameters": each.parameters} for each in tools
    ]
    lines = [f"System: <|tool|>{json.dumps(listed)}<|/tool|>", f"User: {asked}", *after, "Assistant:"]
    return "".join(OfflineModel().stream([Message(role="user", text="\n".join(lines))]))


def calls(text: str) -> list[tuple[str, Any]]:
    """The calls in an answer, a handover by whom it names."""
    return [(call.name, call.arguments.get("to_agent", dict(call.arguments))) for call in parted(text)[1]]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("When does the ferry leave for Bergen?", [("handoff", "purser")]),
        ("Please hand this off to the pilot.", [("handoff", "pilot")]),
        ("Ask the agent who knows the tides and currents.", [("handoff", "pilot")]),
        ("What do 3 nights at a berth cost?", [("berth_price", {"nights": 3})]),
        (
            "What do 3 nights at a berth cost, and when does the ferry leave for Bergen?",
            [("berth_price", {"nights": 3}), ("handoff", "purser")],
        ),
        ("Hello!", []),
    ],
)
def test_what_another_agent_knows_is_handed_on(asked: str, expected: list[tuple[str, Any]]) -> None:
    """The one who is named takes it, or whose description says most of it; the rest is done here."""
    assert calls(answered(asked, tools=[BERTHS, handoff()])) == expected


BOTH = (
    '[{"name": "berth_price", "arguments": {"nights": 3}},'
    ' {"name": "handoff", "arguments": {"to_agent": "purser", "reason": "ferry"}}]'
)
BEGUN = (
    f"Assistant: <|tool_call|>{BOTH}<|/tool_call|>",
    "Tool: berth_price (call 1) -> 42 crowns",
    f"Tool: handoff (call 2) -> {HANDED}",
)
ASKED = "What do 3 nights at a berth cost, and when does the ferry leave for Bergen?"
BACK = handoff({"clerk": "Knows the berths, what nights cost."})


def test_who_takes_over_does_what_is_left() -> None:
    """With tools of its own, and without handing the request back."""
    said = answered(ASKED, *BEGUN, tools=[FERRY, BACK])

    assert calls(said) == [("ferry_times", {"destination": "Bergen"})]


def test_the_handover_is_no_result() -> None:
    """The answer tells what both agents' tools returned, and not that one of them handed on."""
    ferry = '[{"name": "ferry_times", "arguments": {"destination": "Bergen"}}]'
    after = (f"Assistant: <|tool_call|>{ferry}<|/tool_call|>", "Tool: ferry_times -> at nine")

    said = answered(ASKED, *BEGUN, *after, tools=[FERRY, BACK])

    assert said == "berth_price returned for 3: 42 crowns. ferry_times returned for Bergen: at nine."


@pytest.mark.parametrize(
    ("roles", "place"), [("", 0), ("at", 0), ("ah", 2), ("aht", 3), ("athat", 3), ("ahat", 2), ("ahah", 4)]
)
def test_what_came_before_the_handover_is_told_apart(roles: str, place: int) -> None:
    """All up to the last result of the calls that handed it on ("a" calls, "t" returns, "h" hands on)."""
    turns = [
        Turn(role="assistant") if role == "a" else Turn(role="tool", text=HANDED if role == "h" else "12")
        for role in roles
    ]

    assert turns_before_handover(turns) == place


@pytest.mark.parametrize("said", ["42 crowns", "The request continues.", "Proceed to gate 4.", ""])
def test_other_results_hand_nothing_on(said: str) -> None:
    """Only who shall continue with the request takes it over."""
    assert not is_handed_over(said)


def test_a_description_lists_what_a_parameter_takes() -> None:
    """The parameter named as the list is takes one of its keys; others stay as they are."""
    properties = choosing(handoff()).parameters["properties"]

    assert [way["const"] for way in properties["to_agent"]["oneOf"]] == ["pilot", "purser"]
    assert properties["reason"] == {"type": "string"}


@given(st.text(alphabet="{}'\":, ab\n"), st.sampled_from(["agents", "", "x"]))
def test_any_description_is_read(text: str, title: str) -> None:
    """What lists nothing changes nothing, and nothing fails."""
    tool = Tool("t", f"{title}: {text}", {"properties": {"agent": {"type": "string"}}})

    assert choosing(tool).name == "t"
    assert choosing(Tool("t", text)) == Tool("t", text)
