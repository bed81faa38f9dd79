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
_KEEP_ALIVE = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
_SEAM = 3  # bytes of an empty line's four that may have come before


class EventTooLarge(ValueError):
    """An event is larger than `MAX_EVENT`; it was not kept."""


async def read_events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """Yields the data of each event that has any, whatever its type, as the WHATWG standard has it.

    Those that only keep the stream open are left out: of white space, or of a type that says so.

    Raises:
        EventTooLarge: One is too large.
        httpx.TransportError: The connection broke.
    """
    # Event streams are UTF-8, whatever the server says, and may begin with a byte order mark.
    source = EventSource(httpx.Response(200, headers=_AS_EVENTS, stream=_Bounded(response)))
    async with aclosing(source.aiter_sse()) as events:
        async for event in events:
            if event.data.strip() and event.event not in _KEEP_ALIVE:
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
        size, seam, after_cr = 0, b"", False
        async for chunk in self._response.aiter_raw():
            window = seam + chunk
            ends = [found.end() for found in _EMPTY_LINE.finditer(window)]
            size = len(window) - ends[-1] if ends else size + len(chunk)
            if size > MAX_EVENT:
                raise EventTooLarge
            seam = window[-_SEAM:]
            # After a CR httpx-sse would wait for the next bytes, which may begin with LF, and hold an event.
            rest = chunk[1:] if after_cr and chunk.startswith(b"\n") else chunk
            after_cr = chunk.endswith(b"\r") if chunk else after_cr
            yield rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
