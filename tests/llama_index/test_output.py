from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ToolCallBlock
from llama_index.core.callbacks.token_counting import get_tokens_from_response

from llama_index_phi4._messages import to_turns
from llama_index_phi4._output import ResponseBuilder, to_completion_response
from phi4_space import (
    BrokenCall,
    Delta,
    Event,
    Notice,
    Progress,
    Queued,
    Reply,
    Rewritten,
    Sent,
    Started,
    Timing,
    ToolCall,
    Usage,
    Waking,
)

SPACE = "http://space.test"
CALLS = (ToolCall("call_1", "add", {"a": 1}), ToolCall("call_2", "add", {"a": 2}))


def reply(text: str = "", **fields: Any) -> Reply:
    sent = Sent("asked", ("cat.png",), "session", "event", 2)
    return Reply(text=text, sent=sent, space=SPACE, model="phi-4-multimodal", **fields)


def raw(response: ChatResponse) -> dict[str, Any]:
    assert isinstance(response.raw, dict)
    return response.raw


def read(*told: Event, parallel: bool = True) -> list[ChatResponse]:
    answer = ResponseBuilder(SPACE, parallel=parallel)
    return [response for event in told if (response := answer.add(event)) is not None]


@given(st.lists(st.text()))
def test_deltas_joined_are_the_message(pieces: list[str]) -> None:
    """Each response holds all that came before it, and the deltas add up to the last."""
    responses = read(*map(Delta, pieces), reply("".join(pieces)))

    so_far = ""
    for response in responses:
        assert response.delta is not None
        so_far += response.delta
        assert so_far == response.message.content
    assert so_far == "".join(pieces)


@pytest.mark.parametrize(
    ("before", "now", "delta"),
    [
        ("Hel", "Hello", "lo"),
        ("Hello wrld", "Hello world", "Hello world"),
        ("Hello", "Hel", ""),
        ("Hello", "", ""),
        ("Hello", "Hello", ""),
        ("", "Hello", "Hello"),
    ],
)
def test_text_taken_back_leaves_the_message_right(before: str, now: str, delta: str) -> None:
    """The message is what counts; the delta is what is new, or all of it where it does not go on."""
    [*_, last] = read(Delta(before), Rewritten(now))

    assert (last.message.content, last.delta) == (now, delta)


def test_an_empty_answer_is_one_response() -> None:
    """Streams are never empty, nor is a message without a block: core fails on either."""
    (response,) = read(reply())

    assert [TextBlock(text="")] == response.message.blocks
    assert (response.delta, response.message.content) == ("", "")


def test_calls_are_blocks_after_the_words() -> None:
    """The ids are those that were made when the calls were read; core's programs find them mirrored."""
    *_, last = read(Delta("Let me see."), reply("Let me see.", tool_calls=CALLS))

    assert last.message.blocks == [
        TextBlock(text="Let me see."),
        ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"a": 1}),
        ToolCallBlock(tool_call_id="call_2", tool_name="add", tool_kwargs={"a": 2}),
    ]
    mirrored = last.message.additional_kwargs["tool_calls"]
    assert [call["id"] for call in mirrored] == ["call_1", "call_2"]
    assert mirrored[0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert raw(last)["finish_reason"] == "tool_calls"


def test_a_call_alone_brings_no_empty_words() -> None:
    """A message that only calls has no text block."""
    (last,) = read(reply(tool_calls=CALLS))

    assert last.message.content is None
    assert len(last.message.blocks) == 2


def test_without_parallel_calls_the_first_counts() -> None:
    """The others are told in `raw`, not dropped silently."""
    (last,) = read(reply(tool_calls=CALLS), parallel=False)

    assert len(last.message.blocks) == len(last.message.additional_kwargs["tool_calls"]) == 1
    assert raw(last)["calls_left_out"] == ["add"]


@pytest.mark.parametrize("text", ["So:", ""])
def test_a_broken_call_is_neither_text_nor_called(text: str) -> None:
    """FreeToken 203, vllm 47903: it stands beside the text, with its reason; a history has it as words."""
    broken = BrokenCall('<|tool_call|>[{"name": ', "The JSON ends early.")

    *_, last = read(Delta(text), reply(text, broken_calls=(broken,)))

    message = ChatMessage.model_validate_json(last.message.model_dump_json())  # as a memory keeps it
    assert (message.content or "", last.delta) == (text, "")
    assert not any(isinstance(block, ToolCallBlock) for block in message.blocks)
    assert message.additional_kwargs["broken_calls"] == [{"text": broken.text, "reason": broken.reason}]
    assert raw(last)["broken_calls"] == message.additional_kwargs["broken_calls"]
    assert [turn.text for turn in to_turns([message])] == [f"{text}\n{broken.text}"]


def test_several_broken_calls_and_a_call() -> None:
    """Each is there, whole; the call is carried out."""
    broken = tuple(BrokenCall(f"<|tool_call|>{n}", "?") for n in range(3))

    (last,) = read(reply("So:", broken_calls=broken, tool_calls=CALLS[:1]))

    assert last.message.content == "So:"
    assert [one["text"] for one in last.message.additional_kwargs["broken_calls"]] == [b.text for b in broken]
    assert len(last.message.additional_kwargs["tool_calls"]) == 1


def test_raw_tells_of_the_turn_and_can_be_written_as_json() -> None:
    """Queue, progress, notices, timing and job are there; the session's name, the key to it, is not."""
    told: list[Event] = [
        Waking("BUILDING", 1.0),
        Queued(1, 2, 3.0),
        Started(),
        Progress(1, 4),
        Notice("busy"),
        Notice("still busy"),
        Delta("hi"),
        reply("hi", timing=Timing(0.1, 0.2, 0.3, 0.4), stopped_by="END"),
    ]

    first, last = read(*told)

    assert raw(first)["queue"] == {"position": 1, "size": 2, "eta": 3.0}
    assert raw(first)["space"] == SPACE
    assert "event_id" not in raw(first)
    assert json.loads(json.dumps(raw(last))) == {
        "space": SPACE,
        "queue": {"position": 1, "size": 2, "eta": 3.0},
        "progress": {"done": 1, "total": 4, "unit": "steps", "fraction": None, "description": None},
        "notices": [
            {"text": "busy", "level": "info", "title": None},
            {"text": "still busy", "level": "info", "title": None},
        ],
        "model": "phi-4-multimodal",
        "event_id": "event",
        "attempts": 2,
        "files": ["cat.png"],
        "timing": {"queued": 0.1, "started": 0.2, "first_text": 0.3, "done": 0.4},
        "finish_reason": "stop",
        "stopped_by": "END",
    }


def test_tokens_are_told_only_where_the_space_counted_them() -> None:
    """By the names that core's counter reads, in `raw` and beside it; otherwise core estimates."""
    (uncounted,) = read(reply("hi"))
    (counted,) = read(reply("hi", usage=Usage(7, 2)))

    assert "usage" not in raw(uncounted)
    assert uncounted.additional_kwargs == {}
    tokens = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert raw(counted)["usage"] == counted.additional_kwargs == tokens
    assert get_tokens_from_response(counted) == (7, 2)
    assert get_tokens_from_response(uncounted) == (0, 0)


def test_a_whole_answer_has_no_delta() -> None:
    """It is the same answer as a chat's."""
    (response,) = read(reply("hi"))

    completion = to_completion_response(response)
    assert (completion.text, completion.delta, completion.raw) == ("hi", "hi", response.raw)


def test_a_completion_that_only_calls_is_empty() -> None:
    """A completion's text is a string, whatever happens."""
    (response,) = read(reply(tool_calls=CALLS))

    assert to_completion_response(response).text == ""
