"""What a server sends, read in pieces and no further than is allowed. Knows HTTP bodies; nothing in them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import httpx
from httpx_sse import EventSource

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._limits import Limits

HEADERS = {"Accept-Encoding": "identity"}
"""What requests carry so that answers are as large as they look."""
_LENGTH = re.compile(r"\d{1,30}", re.ASCII)
_EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}


async def read(response: httpx.Response, limits: Limits) -> bytes:
    """The body; leave the response afterwards, so that the connection is closed where more would follow.

    Raises:
        LimitExceeded: It is larger than allowed.
        UnexpectedAnswer: It is compressed.
    """
    length = response.headers.get("Content-Length", "")
    if _LENGTH.fullmatch(length) and int(length) > limits.body:
        raise _too_large(response, limits)
    body = bytearray()
    async with aclosing(_pieces(response)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > limits.body:
                raise _too_large(response, limits)
    return bytes(body)


async def messages(response: httpx.Response, limits: Limits) -> AsyncGenerator[str, None]:
    """The data of each event of an event stream; as UTF-8, whatever the server says, as events always are.

    Raises:
        LimitExceeded: A line or an event is larger than allowed; it was not kept.
        UnexpectedAnswer: It is compressed, or no event stream.
    """
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        raise UnexpectedAnswer("The server answered with no event stream")
    source = EventSource(httpx.Response(200, headers=_EVENTS, stream=_Bounded(response, limits.line)))
    async with aclosing(source.aiter_sse()) as events:
        async for event in events:
            if event.data:  # one that only says when to come again is not for us
                yield event.data


class _Bounded(httpx.AsyncByteStream):
    """The bytes of an event stream, as long as no event is larger than allowed."""

    def __init__(self, response: httpx.Response, limit: int) -> None:
        self._response = response
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = _EventSize()
        async with aclosing(_pieces(self._response)) as pieces:
            async for piece in pieces:
                if size.largest(piece) > self._limit:
                    raise LimitExceeded(
                        f"A message of the event stream is larger than {self._limit} bytes",
                        which="line",
                        limit=self._limit,
                    )
                yield piece


class _EventSize:
    """How large the events of a stream are; an event ends with an empty line."""

    def __init__(self) -> None:
        self._size = 0
        self._last = b"\n"

    def largest(self, piece: bytes) -> int:
        """The size of the largest event that the piece ends, or that it goes on with."""
        largest = self._size
        if self._last == b"\r" and piece.startswith(b"\n"):
            piece, self._last = piece[1:], b"\n"  # the second half of one line's end
        for line in piece.splitlines(keepends=True):
            empty = self._last in b"\r\n" and line[:1] in b"\r\n"
            self._size = 0 if empty else self._size + len(line)
            self._last = line[-1:]
            largest = max(largest, self._size)
        return largest


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        # It was asked for none, and a small body may unpack to any size.
        raise UnexpectedAnswer("The server answered with compressed content", status=response.status_code)
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as pieces:
        async for piece in pieces:
            yield piece


def _too_large(response: httpx.Response, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        f"The server's answer is larger than {limits.body} bytes",
        which="body",
        limit=limits.body,
        status=response.status_code,
    )
