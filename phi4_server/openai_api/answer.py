"""An answer as OpenAI has it, whole and in chunks. Knows its shape; no model, no sockets."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phi4_server.chat_completion.calls import CallReader, ToolCall
from phi4_server.model import ChatModel, End

Json = Mapping[str, Any]


def model_id(model: ChatModel) -> str:
    """What programs call the model: its name without blanks."""
    return re.sub(r"\s+", "-", model.name.strip())


def model_card(model: ChatModel, *, created: int) -> Json:
    """The model in a list of them; `options` are the ones that it honours."""
    return {
        "id": model_id(model),
        "object": "model",
        "created": created,
        "owned_by": "phi4-space",
        "options": sorted(model.options),
    }


@dataclass(slots=True)
class Answer:
    """One that arrives in pieces.

    Attributes:
        model: The model that answers.
        reads_calls: Whether calls in its text are handed on as such.
    """

    model: ChatModel
    reads_calls: bool
    _id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    _created: int = field(default_factory=lambda: int(time.time()))
    _text: list[str] = field(default_factory=list)
    _calls: list[Json] = field(default_factory=list)
    _end: End = field(default_factory=End)
    _reader: CallReader = field(default_factory=CallReader)
    _has_begun: bool = False

    def feed(self, piece: str | End) -> Sequence[Json]:
        """Takes the next piece, and returns what it adds to the message, as `delta`s."""
        if isinstance(piece, End):
            self._end = piece
            return [*self._deltas(self._reader.close())]
        if self.reads_calls:
            return [*self._deltas(self._reader.feed(piece))]
        return [*self._deltas(iter([piece] if piece else []))]

    def whole(self) -> Json:
        """The completion, once its end was fed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text), "refusal": None}
        if self._calls:
            message |= {
                "content": message["content"] or None,
                "tool_calls": [
                    {name: call[name] for name in call if name != "index"} for call in self._calls
                ],
            }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason}
        usage = {} if self._usage is None else {"usage": self._usage}
        return {**self._head("chat.completion"), "choices": [choice], **usage}

    def chunks(self, deltas: Sequence[Json]) -> Iterator[Json]:
        """Chunks with what was added; the first of all names the role."""
        for delta in deltas:
            if not self._has_begun:
                self._has_begun = True
                yield self._chunk({"role": "assistant", "content": ""})
            yield self._chunk(delta)

    def last_chunks(self, *, counts: bool) -> Iterator[Json]:
        """The chunk with the reason of the end, and one with the usage if that is wanted and known."""
        if not self._has_begun:  # an empty answer
            yield self._chunk({"role": "assistant", "content": ""})
        yield self._chunk({}, finish_reason=self._finish_reason)
        if counts and self._usage is not None:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage}

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _deltas(self, parts: Iterator[str | ToolCall]) -> Iterator[Json]:
        for part in parts:
            if isinstance(part, ToolCall):
                self._calls.append(_call(part, len(self._calls)))
                yield {"tool_calls": [self._calls[-1]]}
            else:
                self._text.append(part)
                yield {"content": part}

    def _head(self, kind: str) -> Json:
        # The name under which it counted says how: the offline model's tokens are words.
        counted_as = self._end.model
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": model_id(self.model),
            "system_fingerprint": counted_as,
        }

    @property
    def _finish_reason(self) -> str:
        return "tool_calls" if self._calls and self._end.finish_reason == "stop" else self._end.finish_reason

    @property
    def _usage(self) -> Json | None:
        usage = self._end.usage
        return None if usage is None else usage.to_json()


def _call(call: ToolCall, index: int) -> Json:
    return {
        "index": index,
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
