"""One answer, as a message or as chunks. Knows events and core's messages; no model, no I/O.

A chunk's shape matters, since what does not fit is merged wrongly without an error: text comes first and
calls last, never both in one chunk; each call has a whole number of its own, above those of what came before;
and what may occur only once, names and numbers, is in the last chunk.

Thoughts are where core looks for them, in `additional_kwargs["reasoning_content"]`: it makes a `reasoning`
block of that, and `content` remains a string.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.json import parse_partial_json

from phi4_space import (
    Delta,
    Event,
    Notice,
    Progress,
    Queued,
    Reply,
    Rewritten,
    Thought,
    UnexpectedAnswer,
    Waking,
)
from phi4_space.interop import end_of, to_dict

_PROVIDED = {"model_provider": "phi4"}  # in each chunk: by it, core knows how to read what is in it
_MARK = "<|tool_call|>"
# Core repairs broken JSON by trying each of its beginnings, and merges each call with all others: both take
# the square of the length. A closing bracket in front shows it at once that there is nothing to repair.
_UNREPAIRABLE = "]"
_SOON_REPAIRED = 200  # characters
_MOST_CALLS = 1_000
_GAP = "\n\n"
_logger = logging.getLogger("langchain_phi4")


class ReplyCollector:
    """Collects the events of one answer: the reply, and those before it that its metadata have.

    Attributes:
        reply: The reply, once it was added.

    Args:
        one_call: Whether only the first of several tool calls counts.
    """

    reply: Reply

    def __init__(self, *, one_call: bool = False) -> None:
        self._one_call = one_call
        self._events: dict[str, Any] = {}

    def add(self, event: Event) -> None:
        """Adds an event; kinds that metadata do not have are passed over.

        Raises:
            UnexpectedAnswer: The answer has more tool calls than any sane one.
        """
        match event:
            case Waking():
                self._events["waking"] = to_dict(event)
            case Queued():
                self._events.setdefault("queue", to_dict(event))  # the place where the turn entered it
            case Progress():
                self._events["progress"] = to_dict(event)
            case Notice():
                self._events.setdefault("notices", []).append(to_dict(event))
            case Reply():
                self.reply = replace(event, tool_calls=event.tool_calls[:1]) if self._one_call else event
                _refuse_too_many(len(self.reply.tool_calls) + len(self.reply.broken_calls))
            case _:
                pass

    def result(self) -> ChatResult:
        """The answer as `_generate` returns it."""
        message = AIMessage(
            content=self.reply.text,
            additional_kwargs=_reasoning(_GAP.join(one.text for one in self.reply.thoughts if one.text)),
            tool_calls=[
                tool_call(name=call.name, args=dict(call.arguments), id=call.id)
                for call in self.reply.tool_calls
            ],
            invalid_tool_calls=_invalid_calls(self.reply),
            response_metadata=_PROVIDED | self.metadata(),
            usage_metadata=self.usage(),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def metadata(self) -> dict[str, Any]:
        """The metadata of the answer: names, the finish reason, times, and the events before the reply."""
        reply = self.reply
        metadata = {
            "model_name": reply.model,
            "finish_reason": reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop"),
            "stop_sequence": reply.stopped_by,
            "space": reply.space,
            "gradio_version": reply.gradio_version,
            "event_id": reply.sent.event_id,
            "attempts": reply.sent.attempts,
            "timing": to_dict(reply.timing),
            "thoughts": [{"title": one.title, "text": one.text} for one in reply.thoughts] or None,
            "reply_files": [to_dict(file) for file in reply.files] or None,
            **self._events,
        }
        return {name: value for name, value in metadata.items() if value is not None}

    def usage(self) -> UsageMetadata | None:
        """The tokens, where the Space counted them; never an estimate."""
        if (usage := self.reply.usage) is None:
            return None
        total = usage.input_tokens + usage.output_tokens
        return UsageMetadata(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=total
        )


class ChunkBuilder:
    """Turns the events of one answer into chunks.

    A chunk cannot be withdrawn. So text that is to have a format comes with the reply: it may be rejected,
    and asked for once more. Where the Space replaces other text that was streamed, the new text follows
    whole after an empty line, and the last chunk's metadata has it as `final_text`. Text of which only
    indentation changed goes on, and is `final_text` as well. Thoughts follow each other after an empty line,
    replaced ones too, and the last chunk's metadata has them as they were at the end.

    Args:
        collector: The answer's events; each is added there first.
        formatted: Whether the answer is to have a format.
    """

    def __init__(self, collector: ReplyCollector, *, formatted: bool) -> None:
        self._collector = collector
        self._formatted = formatted
        self._texts: list[str] = []  # the answer as the Space has it, as far as it was streamed
        self._gap = ""
        self._rewritten = False
        self._thought: int | None = None  # the number of the one that was streamed last
        self._kind = ""
        self._kinds = 0  # how often the kind of what is streamed changed; core numbers its blocks so

    def add(self, event: Event) -> Sequence[ChatGenerationChunk]:
        """The chunks that an event makes; the last of all come with the reply."""
        match event:
            case Delta() | Rewritten() if self._formatted:
                return ()
            case Delta():
                return self._append(event.text)
            case Thought():
                return self._think(event)
            case Rewritten():
                return self._append_rest_of(event.text)
            case Reply():
                return [*self._append_rest_of(event.text), *self._end(self._collector.reply)]
            case _:
                return ()

    def _append(self, text: str) -> Sequence[ChatGenerationChunk]:
        if not text:
            return ()
        self._begin("text")
        chunk = _chunk(self._gap + text)
        self._texts.append(text)
        self._gap = ""
        return (chunk,)

    def _append_rest_of(self, text: str) -> Sequence[ChatGenerationChunk]:
        end = end_of("".join(self._texts), text)
        if end is None:
            self._rewrite()
        return self._append(text[end or 0 :])

    def _think(self, thought: Thought) -> Sequence[ChatGenerationChunk]:
        if not thought.text:
            return ()
        self._begin("reasoning")
        is_another = thought.rewritten or thought.number != self._thought
        gap = _GAP if is_another and self._thought is not None else ""
        self._thought = thought.number
        return (_chunk(additional_kwargs=_reasoning(gap + thought.text)),)

    def _begin(self, kind: str) -> None:
        self._kinds += kind != self._kind
        self._kind = kind

    def _rewrite(self) -> None:
        _logger.warning("The Space replaced text that had been streamed; the new text follows it")
        self._texts, self._gap, self._rewritten = [], _GAP, True

    def _end(self, reply: Reply) -> Iterator[ChatGenerationChunk]:
        for call in self._calls(reply):
            yield _chunk(tool_call_chunks=[call])
        metadata = self._collector.metadata()
        if self._rewritten or "".join(self._texts) != reply.text:
            metadata["final_text"] = reply.text
        yield _chunk(
            response_metadata=_PROVIDED | metadata,
            usage_metadata=self._collector.usage(),
            chunk_position="last",
        )

    def _calls(self, reply: Reply) -> list[ToolCallChunk]:
        parsed = [
            (call.name, json.dumps(dict(call.arguments), ensure_ascii=False), call.id)
            for call in reply.tool_calls
        ]
        unparsed = [(None, call["args"], call["id"]) for call in _invalid_calls(reply)]
        return [
            tool_call_chunk(name=name, args=args, id=id_, index=index)
            for index, (name, args, id_) in enumerate([*parsed, *unparsed], self._kinds)
        ]


def to_chunk(message: AIMessage) -> AIMessageChunk:
    """A message of a stream as a chunk; one that is whole, as the only one.

    Where a model must not stream, core's stream yields the message of `invoke`, in which its parsers of
    streams find no calls.
    """
    if isinstance(message, AIMessageChunk):
        return message
    fields = {name: value for name, value in message if name != "type"}
    return AIMessageChunk(**fields, chunk_position="last")


def _chunk(text: str = "", **fields: Any) -> ChatGenerationChunk:
    """A chunk; fields that are left out, as for words they are, need not be checked."""
    fields.setdefault("response_metadata", dict(_PROVIDED))
    return ChatGenerationChunk(message=AIMessageChunk(content=text, **fields))


def _reasoning(text: str) -> dict[str, str]:
    """Additional arguments of a message with thoughts."""
    return {"reasoning_content": text} if text else {}


def _invalid_calls(reply: Reply) -> list[InvalidToolCall]:
    """What was marked as a call and could not be parsed, with the reason."""
    return [
        invalid_tool_call(
            name=None,
            args=_unparsable(call.text),
            id=f"broken_{reply.sent.event_id}_{number}",
            error=call.reason,
        )
        for number, call in enumerate(reply.broken_calls)
    ]


def _refuse_too_many(calls: int) -> None:
    if calls > _MOST_CALLS:
        raise UnexpectedAnswer(
            f"The answer calls tools {calls} times", advice=f"Ask for less: {_MOST_CALLS} times are the most."
        )


def _unparsable(text: str) -> str:
    """The text, marked so that core, which repairs broken JSON, does not make a call of it."""
    if len(text) > _SOON_REPAIRED:
        return _UNREPAIRABLE + text
    try:
        parse_partial_json(text)
    except ValueError:
        return text
    return _MARK + text
