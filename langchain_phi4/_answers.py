"""One answer, whole, as a message. Knows the client's reply and core's messages; no model, no I/O."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.json import parse_partial_json

from phi4_space import Event, Notice, Progress, Queued, Reply, UnexpectedAnswer, Waking

PROVIDER = "phi4"
_MARK = "<|tool_call|>"
# Core mends broken JSON by trying each of its beginnings, and merges each call with all others: both take
# the square of the length. A closing bracket in front tells it at once that there is nothing to mend.
_UNMENDABLE = "]"
_SOON_MENDED = 200  # characters
_MOST_CALLS = 1_000


class Heard:
    """What was heard of one answer: the reply, and the news before it.

    Attributes:
        reply: The reply, once it was taken.

    Args:
        one_call: Whether only the first of several tool calls counts.
    """

    reply: Reply

    def __init__(self, *, one_call: bool = False) -> None:
        self._one_call = one_call
        self._news: dict[str, Any] = {}

    def take(self, event: Event) -> None:
        """Takes an event; those that metadata does not tell are passed over.

        Raises:
            UnexpectedAnswer: The answer calls more tools than any sane one.
        """
        match event:
            case Waking():
                self._news["waking"] = asdict(event)
            case Queued():
                self._news.setdefault("queue", asdict(event))  # where the turn came in tells most
            case Progress():
                self._news["progress"] = asdict(event)
            case Notice():
                self._news.setdefault("notices", []).append(asdict(event))
            case Reply():
                self.reply = replace(event, tool_calls=event.tool_calls[:1]) if self._one_call else event
                _refuse_too_many(len(self.reply.tool_calls) + len(self.reply.broken_calls))
            case _:
                pass

    def result(self) -> ChatResult:
        """The answer as `_generate` returns it."""
        message = AIMessage(
            content=self.reply.text,
            tool_calls=[
                tool_call(name=call.name, args=dict(call.arguments), id=call.id)
                for call in self.reply.tool_calls
            ],
            invalid_tool_calls=broken_calls(self.reply),
            response_metadata={"model_provider": PROVIDER, **self.metadata()},
            usage_metadata=self.usage(),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def metadata(self) -> dict[str, Any]:
        """What is to be said once: the names, the reason of the end, the times, and the news."""
        reply = self.reply
        told = {
            "model_name": reply.model,
            "finish_reason": "tool_calls" if reply.tool_calls else "stop",
            "stop_sequence": reply.stopped_by,
            "space": reply.space,
            "gradio_version": reply.gradio_version,
            "event_id": reply.sent.event_id,
            "attempts": reply.sent.attempts,
            "timing": asdict(reply.timing),
            **self._news,
        }
        return {name: value for name, value in told.items() if value is not None}

    def usage(self) -> UsageMetadata | None:
        """The tokens, where the Space counted them; never an estimate."""
        if (usage := self.reply.usage) is None:
            return None
        total = usage.input_tokens + usage.output_tokens
        return UsageMetadata(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=total
        )


def broken_calls(reply: Reply) -> list[InvalidToolCall]:
    """What was marked as a call and could not be read, as calls that say so."""
    return [
        invalid_tool_call(
            name=None,
            args=_unreadable(call.text),
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


def _unreadable(text: str) -> str:
    """The text, marked so that core, which mends broken JSON, does not make a call of it after all."""
    if len(text) > _SOON_MENDED:
        return _UNMENDABLE + text
    try:
        parse_partial_json(text)
    except ValueError:
        return text
    return _MARK + text
