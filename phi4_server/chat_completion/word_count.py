"""Whole chats for a model that has no tokens: its words count as such. Knows no one model."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

from phi4_server.chat_completion.stop import StopReader
from phi4_server.model import ChatRequest, End, FinishReason, Message, Usage

_WORD = re.compile(r"\S+\s*|\s+")


def complete(
    stream: Callable[[Sequence[Message]], Iterator[str]], request: ChatRequest, *, name: str
) -> Iterator[str | End]:
    """Yields a model's answer, at most `max_tokens` words of it, and its end.

    Args:
        stream: The model's.
        request: What it is asked.
        name: What the model calls itself, which says that its tokens are words.
    """
    most = request.options.get("max_tokens", math.inf)
    stops, count = StopReader(request.stop), 0
    reason: FinishReason = "stop"
    for piece in stream(request.messages):
        words = _WORD.findall(piece)
        if count + len(words) > most:
            yield stops.feed("".join(words[: int(most) - count]))
            count, reason = int(most), "length"
            break
        count += len(words)
        yield stops.feed(piece)
        if stops.stopped_by is not None:
            break
    yield stops.close()
    asked = sum(len(_WORD.findall(message.text)) for message in request.messages)
    usage = Usage(input_tokens=asked, output_tokens=count)
    yield End(finish_reason=reason, usage=usage, stopped_by=stops.stopped_by, model=name)
