from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message

from langchain_phi4._output import ChunkBuilder, ReplyCollector
from phi4_space import (
    BrokenCall,
    Delta,
    Event,
    Queued,
    Reply,
    Rewritten,
    Sent,
    Started,
    Thought,
    Timing,
    ToolCall,
    Usage,
)

BROKEN = '<|tool_call|>[{"name": "add", "arguments": {"a": 1'
CALLS = (ToolCall("call_1", "add", {"a": 1, "b": "zwölf"}), ToolCall("call_2", "add", {}))


def reply(text: str = "", **changes: Any) -> Reply:
    whole = Reply(
        text=text,
        timing=Timing(0.1, 0.2, 0.3, 0.4),
        sent=Sent("hi", event_id="event", session_hash="secret"),
        space="http://space.test",
        model="phi-4-multimodal",
        gradio_version="6.31.0",
    )
    return replace(whole, **changes)


def chunks(*events: Event, formatted: bool = False, one_call: bool = False) -> list[AIMessageChunk]:
    collector = ReplyCollector(one_call=one_call)
    builder = ChunkBuilder(collector, formatted=formatted)
    made = []
    for event in events:
        collector.add(event)
        made += [chunk.message for chunk in builder.add(event)]
    assert all(isinstance(message, AIMessageChunk) for message in made)
    return made  # type: ignore[return-value] # as asserted


def summed(*events: Event, **options: bool) -> AIMessageChunk:
    return reduce(lambda one, other: one + other, chunks(*events, **options))


def message_of(collector: ReplyCollector) -> AIMessage:
    message = collector.result().generations[0].message
    assert isinstance(message, AIMessage)
    return message


# --- the shape of chunks ------------------------------------------------------------------------------


def test_each_piece_of_text_is_one_chunk_and_the_end_is_one_more() -> None:
    """Text comes as plain strings, and after it one empty chunk that says it is the last."""
    made = chunks(Delta("Hel"), Delta("lo"), reply("Hello"))

    assert [chunk.content for chunk in made] == ["Hel", "lo", ""]
    assert [chunk.chunk_position for chunk in made] == [None, None, "last"]


def test_an_answer_without_words_is_still_one_chunk() -> None:
    """Core raises where no chunk comes at all."""
    (last,) = chunks(reply())

    assert (last.content, last.chunk_position) == ("", "last")


def test_what_is_no_text_makes_no_chunk() -> None:
    """News of the queue and empty pieces are not shown."""
    assert chunks(Queued(1, 2), Started(), Delta("")) == []


def test_metadata_stands_on_the_last_chunk_alone() -> None:
    """Only what may be repeated is: strings of two chunks would be joined, and numbers summed."""
    *before, last = chunks(Queued(1, 2), Delta("a"), Delta("b"), reply("ab", tool_calls=CALLS))

    assert [chunk.response_metadata for chunk in before] == [{"model_provider": "phi4"}] * 4
    assert last.response_metadata == {
        "model_provider": "phi4",
        "model_name": "phi-4-multimodal",
        "finish_reason": "tool_calls",
        "space": "http://space.test",
        "gradio_version": "6.31.0",
        "event_id": "event",
        "attempts": 1,
        "timing": {"queued": 0.1, "started": 0.2, "first_text": 0.3, "done": 0.4},
        "queue": {"position": 1, "size": 2, "eta": None},
    }


@pytest.mark.parametrize(("text", "indexes"), [("", [0, 1, 2]), ("Well. ", [1, 2, 3])])
def test_calls_come_last_each_alone_with_a_number_above_the_texts(text: str, indexes: list[int]) -> None:
    """No chunk has text and calls, none has two, and no call shares its number with the text's block 0."""
    broken = (BrokenCall(BROKEN, "cut off"),)
    made = chunks(*([Delta(text)] if text else []), reply(text, tool_calls=CALLS, broken_calls=broken))

    calls = [chunk for chunk in made if chunk.tool_call_chunks]
    assert [chunk.content for chunk in calls] == ["", "", ""]
    assert [[one["index"] for one in chunk.tool_call_chunks] for chunk in calls] == [[n] for n in indexes]
    assert made[-1].tool_call_chunks == []
    assert made.index(calls[0]) == (1 if text else 0)


def test_arguments_are_whole_json_as_the_model_wrote_it() -> None:
    """Letters of all alphabets stay what they are, and no arguments are an empty object."""
    calls = summed(reply(tool_calls=CALLS)).tool_call_chunks

    assert [call["args"] for call in calls] == ['{"a": 1, "b": "zwölf"}', "{}"]
    assert [call["id"] for call in calls] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    "text",
    [BROKEN, 'functools[{"name": "add"', '{"name": "add", "arguments": {"a": 1', '{"a": 1}', "[]", '"x'],
)
def test_a_broken_call_never_becomes_a_call(text: str) -> None:
    """Core mends broken JSON; what could not be read as a call is told so that it cannot be mended."""
    event = reply(broken_calls=(BrokenCall(text, "cut off"),))

    streamed, collector = summed(event), ReplyCollector()
    collector.add(event)
    invoked = message_of(collector)

    for message in (streamed, invoked):
        assert message.tool_calls == []
        (call,) = message.invalid_tool_calls
        assert call["args"] in {text, f"<|tool_call|>{text}"}
        assert call["id"] == "broken_event_0"
    assert invoked.invalid_tool_calls[0]["error"] == "cut off"


def test_only_the_first_call_counts_where_one_is_wanted() -> None:
    """parallel_tool_calls=False, which a model cannot be made to keep to."""
    message = summed(reply(tool_calls=CALLS), one_call=True)

    assert [call["id"] for call in message.tool_calls] == ["call_1"]


def test_tokens_are_told_where_the_space_counted_them() -> None:
    """Usage stands on one chunk, so that a sum does not double it, and is never made up."""
    *before, last = chunks(Delta("a"), reply("a", usage=Usage(3, 4)))

    assert [chunk.usage_metadata for chunk in before] == [None]
    assert last.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert summed(Delta("a"), reply("a")).usage_metadata is None


@given(st.lists(st.text(max_size=3), max_size=5), st.integers(0, 2), st.integers(0, 2))
def test_the_sum_of_the_chunks_is_what_invoke_returns(pieces: list[str], calls: int, broken: int) -> None:
    """The two ways to an answer agree on words, calls and metadata, however it was cut."""
    event = reply(
        "".join(pieces),
        tool_calls=CALLS[:calls],
        broken_calls=(BrokenCall(BROKEN, "cut off"),) * broken,
        usage=Usage(1, 2),
        stopped_by="END",
    )
    collector = ReplyCollector()
    collector.add(event)
    invoked = message_of(collector)

    streamed = message_chunk_to_message(summed(*map(Delta, pieces), event))
    assert isinstance(streamed, AIMessage)

    for message in (streamed, invoked):
        for call in message.invalid_tool_calls:
            call["error"] = None  # a chunk cannot carry it
    assert streamed.model_dump() == invoked.model_dump()


# --- text that was replaced -------------------------------------------------------------------------


def test_a_rewritten_text_that_goes_on_is_gone_on_with() -> None:
    """What was shown stays true, so only the rest is shown."""
    made = chunks(Delta("Hel"), Rewritten("Hello"), Delta("!"), reply("Hello!"))

    assert [chunk.content for chunk in made] == ["Hel", "lo", "!", ""]
    assert "final_text" not in made[-1].response_metadata


def test_nothing_shown_can_be_taken_back_silently() -> None:
    """A rewriting before the first text is no loss."""
    assert summed(Rewritten(""), Delta("{}"), reply("{}"), formatted=True).content == "{}"


def test_text_that_replaces_what_was_shown_follows_it_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The new text comes whole, after an empty line; the metadata has it alone, and the log tells of it."""
    made = chunks(Delta("Thinking"), Rewritten("It is"), Delta(" a cat."), reply("It is a cat."))

    assert [chunk.content for chunk in made] == ["Thinking", "\n\nIt is", " a cat.", ""]
    assert made[-1].response_metadata["final_text"] == "It is a cat."
    assert "replaced text" in caplog.text


def test_a_reply_that_differs_from_the_text_shown_is_told_too() -> None:
    """The reply has the last word, whatever was shown before it."""
    made = chunks(Delta("one"), Rewritten(""), reply("two", tool_calls=CALLS))

    assert [chunk.content for chunk in made] == ["one", "\n\ntwo", "", "", ""]
    assert [call["index"] for chunk in made for call in chunk.tool_call_chunks] == [1, 2]


def test_text_taken_back_leaves_its_block_to_itself() -> None:
    """Calls keep clear of block 0 even where the new answer has no words."""
    message = summed(Delta("one"), Rewritten(""), reply("", tool_calls=CALLS))

    assert [call["index"] for call in message.tool_call_chunks] == [1, 2]
    assert message.content == "one"


def test_text_that_is_to_have_a_format_comes_with_the_reply() -> None:
    """It may be rejected, and no chunk can be withdrawn; thoughts come before it."""
    events = (Thought("Hm."), Delta('{"b'), Rewritten(""), Delta('{"a": 1}'), reply('{"a": 1}'))

    thought, text, last = chunks(*events, formatted=True)

    assert thought.additional_kwargs == {"reasoning_content": "Hm."}
    assert [text.content, last.content] == ['{"a": 1}', ""]
    assert "final_text" not in last.response_metadata
