"""Response bodies, read in chunks and only up to a limit. Knows HTTP bodies; not what is in them."""

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
"""Headers of each request, so that a response is as large as it looks."""
_LENGTH = re.compile(r"\d{1,30}", re.ASCII)
_EVENTS = {"Content-Type": "text/event-stream; charset=utf-8-sig"}


async def read_body(response: httpx.Response, limits: Limits) -> bytes:
    """Reads a body. Close the response afterwards, so that nothing more is read where the body is too large.

    Raises:
        LimitExceeded: It is larger than allowed.
        UnexpectedAnswer: It is compressed.
    """
    length = response.headers.get("Content-Length", "")
    if _LENGTH.fullmatch(length) and int(length) > limits.body:
        raise _too_large(response, limits)
    body = bytearray()
    async with aclosing(_chunks(response)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limits.body:
                raise _too_large(response, limits)
    return bytes(body)


async def read_events(response: httpx.Response, limits: Limits) -> AsyncGenerator[str, None]:
    """Yields the data of each message of an event stream.

    The stream is read as the WHATWG standard has it: always UTF-8, whatever the server declares, with or
    without a byte order mark; comments, ids and the like are no messages, and neither are events of a type
    that somebody named, nor one that the stream's end cuts. A message of white space, with which some proxies
    keep a stream open, is left out as well.

    Raises:
        LimitExceeded: A line or an event is larger than allowed; it was not kept.
        UnexpectedAnswer: The body is compressed, or not an event stream.
    """
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        raise UnexpectedAnswer("The server did not answer with an event stream")
    source = EventSource(httpx.Response(200, headers=_EVENTS, stream=_Bounded(response, limits.line)))
    async with aclosing(source.aiter_sse()) as events:
        async for event in events:
            if event.event == "message" and event.data.strip():
                yield event.data


class _Bounded(httpx.AsyncByteStream):
    """The bytes of an event stream, up to the first event that is larger than allowed; lines end with LF."""

    def __init__(self, response: httpx.Response, limit: int) -> None:
        self._response = response
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, line_ends = _EventSize(), _LineEnds()
        async with aclosing(_chunks(self._response)) as chunks:
            async for chunk in chunks:
                if size.largest(chunk) > self._limit:
                    raise LimitExceeded(
                        f"A message of the event stream is larger than {self._limit} bytes",
                        which="line",
                        limit=self._limit,
                    )
                yield line_ends.to_lf(chunk)


class _LineEnds:
    """Writes each end of a line as LF as soon as it is there.

    After a CR httpx-sse would wait for the next bytes, since they may begin with LF: of a stream with bare
    CRs, which the standard allows, each event would come with the one after it.
    """

    def __init__(self) -> None:
        self._after_cr = False

    def to_lf(self, chunk: bytes) -> bytes:
        """The chunk with LF for each CRLF and CR, of which an LF that belongs to the last CR is left out."""
        rest = chunk[1:] if self._after_cr and chunk.startswith(b"\n") else chunk
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        return rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class _EventSize:
    """Measures the events of a stream; an event ends with an empty line."""

    def __init__(self) -> None:
        self._size = 0
        self._last = b"\n"

    def largest(self, chunk: bytes) -> int:
        """The size of the largest event that the chunk completes or continues."""
        largest = self._size
        if self._last == b"\r" and chunk.startswith(b"\n"):
            chunk, self._last = chunk[1:], b"\n"  # the second half of one line end
        for line in chunk.splitlines(keepends=True):
            empty = self._last in b"\r\n" and line[:1] in b"\r\n"
            self._size = 0 if empty else self._size + len(line)
            self._last = line[-1:]
            largest = max(largest, self._size)
        return largest


async def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        # The request asked for no compression, and a small body may unpack to any size.
        raise UnexpectedAnswer(
            "The server sent a compressed response, which was not asked for", status=response.status_code
        )
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as chunks:
        async for chunk in chunks:
            yield chunk


def _too_large(response: httpx.Response, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        f"The server's response is larger than {limits.body} bytes",
        which="body",
        limit=limits.body,
        status=response.status_code,
    )
