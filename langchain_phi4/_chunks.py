"""One answer as it grows, as chunks. Knows the client's events and core's chunks; no model, no I/O.

A chunk's shape matters, since what does not fit is merged wrongly without an error: text comes first and
calls last, never both in one chunk; each call has a whole number of its own, above that of the text; and
what may be said once only, names and numbers, stands on the last chunk.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_phi4._answers import PROVIDER, Heard, broken_calls
from phi4_space import Delta, Event, Reply, Rewritten, StreamLost

_logger = logging.getLogger("langchain_phi4")
_GAP = "\n\n"


class Chunking:
    """Turns the events of one answer into chunks.

    A chunk cannot be taken back. Where the Space takes back text that was shown and goes on differently, the
    new text follows whole after an empty line, and the last chunk's metadata holds it as `final_text`; where
    the answer was to have a format, nothing may follow, and an error says so.

    Args:
        heard: What was heard of the answer; each event goes there first.
        formatted: Whether the answer was to have a format.
    """

    def __init__(self, heard: Heard, *, formatted: bool) -> None:
        self._heard = heard
        self._formatted = formatted
        self._text = ""  # the answer as the Space has it, as far as it was shown
        self._gap = ""
        self._taken_back = False

    def take(self, event: Event) -> Iterator[ChatGenerationChunk]:
        """The chunks that an event makes; the last of all come with the reply.

        Raises:
            StreamLost: Shown text of an answer with a format was taken back.
        """
        match event:
            case Delta():
                yield from self._show(event.text)
            case Rewritten():
                yield from self._show_the_rest_of(event.text)
            case Reply():
                yield from self._show_the_rest_of(event.text)
                yield from self._end(self._heard.reply)
            case _:
                pass

    def _show(self, text: str) -> Iterator[ChatGenerationChunk]:
        if text:
            yield _chunk(self._gap + text)
            self._text, self._gap = self._text + text, ""

    def _show_the_rest_of(self, text: str) -> Iterator[ChatGenerationChunk]:
        if not text.startswith(self._text):
            self._take_back()
        yield from self._show(text[len(self._text) :])

    def _take_back(self) -> None:
        if self._formatted:
            raise StreamLost(
                "The answer was taken back and given anew after its beginning had been streamed",
                advice="Ask with invoke, which gives the last text alone.",
            )
        _logger.warning("The Space took back text that had been streamed; the new text follows it")
        self._text, self._gap, self._taken_back = "", _GAP, True

    def _end(self, reply: Reply) -> Iterator[ChatGenerationChunk]:
        for call in self._calls(reply):
            yield _chunk(calls=[call])
        metadata = self._heard.metadata()
        if self._taken_back:
            metadata["final_text"] = reply.text
        yield _chunk(metadata=metadata, usage=self._heard.usage(), position="last")

    def _calls(self, reply: Reply) -> list[ToolCallChunk]:
        good = [
            (call.name, json.dumps(dict(call.arguments), ensure_ascii=False), call.id)
            for call in reply.tool_calls
        ]
        bad = [(None, call["args"], call["id"]) for call in broken_calls(reply)]
        first = 1 if self._text or self._taken_back else 0  # the text, if there is one, is block 0
        return [
            tool_call_chunk(name=name, args=args, id=id_, index=index)
            for index, (name, args, id_) in enumerate([*good, *bad], first)
        ]


def _chunk(
    text: str = "",
    *,
    calls: Sequence[ToolCallChunk] = (),
    metadata: dict[str, Any] | None = None,
    usage: UsageMetadata | None = None,
    position: Literal["last"] | None = None,
) -> ChatGenerationChunk:
    message = AIMessageChunk(
        content=text,
        tool_call_chunks=list(calls),
        response_metadata={"model_provider": PROVIDER, **(metadata or {})},
        usage_metadata=usage,
        chunk_position=position,
    )
    return ChatGenerationChunk(message=message)
