"""The client's events as responses, one by one as an answer grows. Knows events and responses; no message.

Each response of a stream holds the whole answer so far as its message, and what is new as its delta. Joined,
the deltas are the answer. Where the Space replaces text they cannot be: the message is right then, and the
delta is the whole new text, unless it continues the old, apart from its indentation. An answer that is to
have a format may be rejected and asked for once more: its message grows, and its text is the last delta.

A call that cannot be read is no text: core has no block for it, so it is in the message's
`additional_kwargs["broken_calls"]`, with which it stays in memories, and in `raw`.

Thoughts are blocks of the message, and what is new of them is `additional_kwargs["thinking_delta"]`, where
core's agents look for it.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index_phi4._callbacks import EventSink
from llama_index_phi4._calls import BROKEN_CALLS
from llama_index_phi4._options import Call
from llama_index_phi4._tools import to_blocks
from phi4_space import (
    Delta,
    Event,
    Notice,
    Progress,
    Queued,
    Reply,
    Rewritten,
    SpaceClient,
    Thought,
    ToolCall,
    Usage,
)
from phi4_space.interop import end_of, to_dict

T = TypeVar("T")
_GAP = "\n\n"


def ask(client: SpaceClient, call: Call, *, to: Callable[[ChatResponse], T]) -> Generator[T, None, None]:
    """Asks, and yields the answer as it grows; queue, progress and notices go to core's handlers.

    Args:
        client: The client to ask.
        call: The call.
        to: Makes of each response what is yielded.
    """
    # Not a generator itself: the span in which it is called is that of the endpoint.
    builder, sink = _builder(client, call), EventSink(client.url)
    return _responses(client.stream(call.message, **call.options), builder, sink, to)


def aask(client: SpaceClient, call: Call, *, to: Callable[[ChatResponse], T]) -> AsyncGenerator[T, None]:
    """`ask`, asynchronously."""
    builder, sink = _builder(client, call), EventSink(client.url)
    return _aresponses(client.astream(call.message, **call.options), builder, sink, to)


def reply(client: SpaceClient, call: Call) -> ChatResponse:
    """Asks, and waits for the whole answer; queue, progress and notices go to core's handlers."""
    builder, sink, response = _builder(client, call), EventSink(client.url), None
    with closing(client.stream(call.message, **call.options)) as events:
        for event in events:
            sink.send(event)
            response = builder.add_beside_text(event)
    return _whole(response)


async def areply(client: SpaceClient, call: Call) -> ChatResponse:
    """`reply`, asynchronously."""
    builder, sink, response = _builder(client, call), EventSink(client.url), None
    async with aclosing(client.astream(call.message, **call.options)) as events:
        async for event in events:
            sink.send(event)
            response = builder.add_beside_text(event)
    return _whole(response)


def _whole(last: ChatResponse | None) -> ChatResponse:
    """The last response of a stream, as a call that does not stream returns it."""
    response = cast("ChatResponse", last)  # a turn ends with its reply
    response.delta = None
    return response


def _builder(client: SpaceClient, call: Call) -> ResponseBuilder:
    return ResponseBuilder(client.url, parallel=call.parallel, formatted="response_format" in call.options)


def _responses(
    events: Generator[Event, None, None],
    builder: ResponseBuilder,
    sink: EventSink,
    to: Callable[[ChatResponse], T],
) -> Generator[T, None, None]:
    with closing(events):
        for event in events:
            sink.send(event)
            if (response := builder.add(event)) is not None:
                yield to(response)


async def _aresponses(
    events: AsyncGenerator[Event, None],
    builder: ResponseBuilder,
    sink: EventSink,
    to: Callable[[ChatResponse], T],
) -> AsyncGenerator[T, None]:
    async with aclosing(events):
        async for event in events:
            sink.send(event)
            if (response := builder.add(event)) is not None:
                yield to(response)


class ResponseBuilder:
    """Builds responses from the events of one answer.

    Args:
        space: The Space's URL.
        parallel: Whether it may make several calls; otherwise the first alone counts.
        formatted: Whether it is to have a format.
    """

    def __init__(self, space: str, *, parallel: bool = True, formatted: bool = False) -> None:
        self._parallel = parallel
        self._formatted = formatted
        self._text = ""
        self._thoughts: dict[int, Thought] = {}
        self._thought: int | None = None  # the number of the one that grew last
        self._raw: dict[str, Any] = {"space": space}

    def add(self, event: Event) -> ChatResponse | None:
        """The answer after an event; None where the event did not change it.

        A `Reply` always makes a response, the last, with all that is known of the turn in `raw`.
        """
        match event:
            case Delta(text):
                return self._grown(self._text + text, delta="" if self._formatted else text)
            case Rewritten(text):
                return self._grown(text, delta="" if self._formatted else self._rest_of(text))
            case Thought():
                return self._thinking(event)
            case _:
                return self.add_beside_text(event)

    def add_beside_text(self, event: Event) -> ChatResponse | None:
        """The answer, where the event is its `Reply`, which has its text; None otherwise.

        Enough for an answer that nobody sees growing.
        """
        match event:
            case Reply():
                return self._ended(event)
            case Queued():
                self._raw["queue"] = to_dict(event)
            case Progress():
                self._raw["progress"] = to_dict(event)
            case Notice():
                self._raw["notices"] = [*self._raw.get("notices", ()), to_dict(event)]
        return None

    def _grown(self, text: str, calls: tuple[ToolCall, ...] = (), *, delta: str) -> ChatResponse:
        self._text = text
        blocks = to_blocks(calls)
        additional: dict[str, Any] = {"tool_calls": _mirrored(blocks)} if blocks else {}
        if BROKEN_CALLS in self._raw:
            additional[BROKEN_CALLS] = copy.deepcopy(self._raw[BROKEN_CALLS])
        return ChatResponse(
            message=ChatMessage(
                role=MessageRole.ASSISTANT,
                blocks=_blocks(text, self._thoughts, blocks),
                additional_kwargs=additional,
            ),
            delta=delta,
            raw=dict(self._raw),
        )

    def _rest_of(self, text: str) -> str:
        return "" if self._text.startswith(text) else text[end_of(self._text, text) or 0 :]

    def _thinking(self, event: Thought) -> ChatResponse | None:
        known = None if event.rewritten else self._thoughts.pop(event.number, None)
        whole = event if known is None else dataclasses.replace(event, text=known.text + event.text)
        self._thoughts[event.number] = whole
        if not event.text:
            return None
        is_another = event.rewritten or event.number != self._thought
        gap = _GAP if is_another and self._thought is not None else ""
        self._thought = event.number
        response = self._grown(self._text, delta="")
        response.additional_kwargs = {"thinking_delta": gap + event.text}
        return response

    def _ended(self, reply: Reply) -> ChatResponse:
        self._thoughts = {thought.number: thought for thought in reply.thoughts}
        calls = reply.tool_calls if self._parallel else reply.tool_calls[:1]
        self._raw |= {
            "model": reply.model,
            "event_id": reply.sent.event_id,
            "attempts": reply.sent.attempts,
            "files": list(reply.sent.files),
            "timing": to_dict(reply.timing),
            "finish_reason": reply.finish_reason or ("tool_calls" if calls else "stop"),
        }
        if reply.stopped_by is not None:
            self._raw["stopped_by"] = reply.stopped_by
        if reply.files:
            self._raw["reply_files"] = [to_dict(file) for file in reply.files]
        if left_out := reply.tool_calls[len(calls) :]:
            self._raw["calls_left_out"] = [call.name for call in left_out]
        if reply.broken_calls:
            self._raw[BROKEN_CALLS] = [to_dict(broken) for broken in reply.broken_calls]
        usage = _token_counts(reply.usage)
        if usage:
            self._raw["usage"] = usage
        delta = reply.text if self._formatted else self._rest_of(reply.text)
        response = self._grown(reply.text, calls, delta=delta)
        response.additional_kwargs = dict(usage)
        return response


def to_completion_response(response: ChatResponse) -> CompletionResponse:
    """The same answer, as the response of a completion."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        additional_kwargs=response.additional_kwargs,
    )


def _blocks(text: str, thoughts: Mapping[int, Thought], calls: list[ToolCallBlock]) -> list[ContentBlock]:
    # There is always a block, and text comes first: core looks at the first.
    texts: list[ContentBlock] = [TextBlock(text=text)] if text or not calls else []
    known = [thoughts[number] for number in sorted(thoughts)]
    return [*texts, *(_block(thought) for thought in known if thought.text or thought.title), *calls]


def _block(thought: Thought) -> ThinkingBlock:
    named = {} if thought.title is None else {"title": thought.title}
    return ThinkingBlock(content=thought.text, additional_information=named)


def _mirrored(calls: list[ToolCallBlock]) -> list[dict[str, Any]]:
    """The calls once more, as core's streaming programs and chat engines look for them."""
    return [
        {
            "id": call.tool_call_id,
            "type": "function",
            "function": {"name": call.tool_name, "arguments": json.dumps(call.tool_kwargs)},
        }
        for call in calls
    ]


def _token_counts(usage: Usage | None) -> dict[str, int]:
    """Tokens, only where the Space counted them, by the names that core's counter reads."""
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
