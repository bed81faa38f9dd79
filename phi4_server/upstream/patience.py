"""How long an answer is waited for. Knows clocks; no HTTP and no JSON.

Silence is time without text: comments, empty deltas and what a model thinks may come for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from phi4_server.upstream.answer import AnswerReader
from phi4_server.upstream.errors import UpstreamFailure

_USAGE_S = 1.0
_END_S = 0.2

Events = AsyncGenerator[str, None]


async def read_text(events: Events, reader: AnswerReader, *, silence: float) -> AsyncGenerator[str, None]:
    """Yields the text of an answer until it is whole, or the events end.

    Args:
        events: The events of the answer.
        reader: Reads them.
        silence: Seconds that may pass without text or the growth of a call, waiting for them alone.

    Raises:
        UpstreamFailure: What the events or the reader raise, or that there was silence.
    """
    while not reader.is_finished and (text := await _next_text(events, reader, silence)) is not None:
        if text:
            yield text
    if reader.is_finished:
        await _read_tail(events, reader)


async def _next_text(events: Events, reader: AnswerReader, silence: float) -> str | None:
    """The next text, "" where the answer is whole, None where the events end."""
    clock = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(silence) as limit:
            async for event in events:
                size = reader.size
                text = reader.feed(event)
                if text or reader.is_finished:
                    return text
                if reader.size > size:
                    limit.reschedule(clock() + silence)
    except TimeoutError:
        raise reader.errors.silent(silence) from None
    return None


async def _read_tail(events: Events, reader: AnswerReader) -> None:
    """Waits a little for the usage, and for the end of the response, which frees its connection for the next.

    The answer is whole: neither an error nor silence takes it back.
    """
    with suppress(TimeoutError, UpstreamFailure):
        async with asyncio.timeout(_USAGE_S):
            while not reader.is_done and (event := await anext(events, None)) is not None:
                reader.feed_tail(event)
        async with asyncio.timeout(_END_S):
            await anext(events, None)
