"""The client's events -> ChatResponse and CompletionResponse. Knows both vocabularies; asks nothing.

Each response of a stream holds the whole answer so far as its message, and what is new as its delta. Joined,
the deltas are the answer. Where the Space takes text back they cannot be: the message is right then, and the
delta is the new text, whole, unless it goes on from the old.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from llama_index_phi4._tools import to_blocks
from phi4_space import Delta, Event, Notice, Progress, Queued, Reply, Rewritten, ToolCall, Usage


class Answer:
    """An answer, as it arrives.

    Args:
        space: The Space's URL.
        parallel: Whether it may make several calls; otherwise the first alone counts.
    """

    def __init__(self, space: str, *, parallel: bool = True) -> None:
        self._parallel = parallel
        self._text = ""
        self._raw: dict[str, Any] = {"space": space}

    def read(self, event: Event) -> ChatResponse | None:
        """The answer after an event; None where that left it as it was.

        A `Reply` always gives a response, the last, with all that is known of the turn in `raw`.
        """
        match event:
            case Delta(text):
                return self._grown(self._text + text)
            case Rewritten(text):
                return self._grown(text)
            case Reply():
                return self._ended(event)
            case Queued():
                self._raw["queue"] = dataclasses.asdict(event)
            case Progress():
                self._raw["progress"] = dataclasses.asdict(event)
            case Notice():
                self._raw["notices"] = [*self._raw.get("notices", ()), dataclasses.asdict(event)]
        return None

    def _grown(self, text: str, calls: tuple[ToolCall, ...] = ()) -> ChatResponse:
        delta = "" if self._text.startswith(text) else text.removeprefix(self._text)
        self._text = text
        blocks = to_blocks(calls)
        return ChatResponse(
            message=ChatMessage(
                role=MessageRole.ASSISTANT,
                blocks=_said(text, blocks),
                additional_kwargs={"tool_calls": _mirrored(blocks)} if blocks else {},
            ),
            delta=delta,
            raw=dict(self._raw),
        )

    def _ended(self, reply: Reply) -> ChatResponse:
        calls = reply.tool_calls if self._parallel else reply.tool_calls[:1]
        self._raw |= {
            "model": reply.model,
            "event_id": reply.sent.event_id,
            "attempts": reply.sent.attempts,
            "files": list(reply.sent.files),
            "timing": dataclasses.asdict(reply.timing),
            "finish_reason": "tool_calls" if calls else "stop",
        }
        if reply.stopped_by is not None:
            self._raw["stopped_by"] = reply.stopped_by
        if left_out := reply.tool_calls[len(calls) :]:
            self._raw["calls_left_out"] = [call.name for call in left_out]
        if reply.broken_calls:
            self._raw["broken_calls"] = [dataclasses.asdict(broken) for broken in reply.broken_calls]
        usage = _counted(reply.usage)
        if usage:
            self._raw["usage"] = usage
        # A call that nobody can read is no call, but it was said, and silence would look like an answer.
        text = "\n".join(filter(None, (reply.text, *(broken.text for broken in reply.broken_calls))))
        response = self._grown(text, calls)
        response.additional_kwargs = dict(usage)
        return response


def whole(response: ChatResponse) -> ChatResponse:
    """The last response of a stream, as a call that does not stream gives it."""
    return response.model_copy(update={"delta": None})


def to_completion_response(response: ChatResponse) -> CompletionResponse:
    """The same answer, for who asked for a completion."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        additional_kwargs=response.additional_kwargs,
    )


def _said(text: str, calls: list[ToolCallBlock]) -> list[ContentBlock]:
    # There is always a block, and words come first: core looks at the first.
    words: list[ContentBlock] = [TextBlock(text=text)] if text or not calls else []
    return [*words, *calls]


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


def _counted(usage: Usage | None) -> dict[str, int]:
    """Tokens, only where the Space counted them, by the names that core's counter reads."""
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
