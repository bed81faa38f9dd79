"""The events of a response, read within a limit. Knows event streams; not what is in them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import httpx
from httpx_sse import EventSource

MAX_EVENT = 2**20
"""Bytes in one event, and in a body that is none."""

_AS_EVENTS = {"Content-Type": "text/event-stream; charset=utf-8-sig"}
_EMPTY_LINE = re.compile(rb"(?>\r\n|\n|\r){2}")
_SEAM = 3  # bytes of an empty line's four that may have come before


class EventTooLarge(ValueError):
    """An event is larger than `MAX_EVENT`; it was not kept."""


async def read_events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """Yields the data of each event.

    Raises:
        EventTooLarge: One is too large.
        httpx.TransportError: The connection broke.
    """
    # Event streams are UTF-8, whatever the server says, and may begin with a byte order mark.
    source = EventSource(httpx.Response(200, headers=_AS_EVENTS, stream=_Bounded(response)))
    async with aclosing(source.aiter_sse()) as events:
        async for event in events:
            if event.data:
                yield event.data


async def read_start(response: httpx.Response) -> bytes:
    """The beginning of a body, up to `MAX_EVENT` bytes."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MAX_EVENT:
            break
    return bytes(body[:MAX_EVENT])


class _Bounded(httpx.AsyncByteStream):
    """A response's bytes, as long as no event in them is too large."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, seam = 0, b""
        async for chunk in self._response.aiter_raw():
            window = seam + chunk
            ends = [found.end() for found in _EMPTY_LINE.finditer(window)]
            size = len(window) - ends[-1] if ends else size + len(chunk)
            if size > MAX_EVENT:
                raise EventTooLarge
            seam = window[-_SEAM:]
            yield chunk
