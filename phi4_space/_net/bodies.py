"""Response bodies, read in chunks and only up to a limit. Knows HTTP bodies; not what is in them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import httpx

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._limits import Limits

HEADERS = {"Accept-Encoding": "identity"}
"""Headers of each request, so that a response is as large as it looks."""
_LENGTH = re.compile(r"\d{1,30}", re.ASCII)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    async with _chunks(response) as chunks:
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
        LimitExceeded: An event is larger than allowed; it was not kept.
        UnexpectedAnswer: The body is compressed, or not an event stream.
    """
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        raise UnexpectedAnswer("The server did not answer with an event stream")
    messages = _Messages(limits.line)
    async with _chunks(response) as chunks:
        async for chunk in chunks:
            for message in messages.feed(chunk):
                yield message


class _Messages:
    """The messages of an event stream, read from its bytes as they come, each byte once.

    Args:
        limit: Bytes that one event may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()  # the event that has not ended, its lines ended by LF
        self._is_first = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[str]:
        """The messages that the next bytes complete. An event is over with its empty line."""
        seen = max(len(self._held) - 1, 0)
        self._held += self._with_lf(chunk)
        if self._held.find(b"\n\n", seen) < 0:
            self._check(self._held)
            return []
        is_small = len(self._held) <= self._limit
        *events, self._held = self._held.split(b"\n\n")
        if not is_small:
            self._check(self._held, *events)
        if self._is_first:
            self._is_first = False
            events[0] = events[0].removeprefix(_BYTE_ORDER_MARK)
        return [message for event in events if (message := _message(event)) and not message.isspace()]

    def _with_lf(self, chunk: bytes) -> bytes:
        """The chunk with LF for each CRLF and CR, of which an LF that belongs to the last CR is left out.

        A CR ends a line at once, since the standard allows it alone: an event need not wait for the next
        bytes, although these may begin with LF.
        """
        if not chunk:
            return chunk
        rest = chunk.removeprefix(b"\n") if self._after_cr else chunk
        self._after_cr = chunk.endswith(b"\r")
        return rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check(self, *events: bytearray) -> None:
        if max(map(len, events)) > self._limit:
            raise LimitExceeded(
                f"A message of the event stream is larger than {self._limit} bytes",
                which="line",
                limit=self._limit,
            )


def _message(event: bytearray) -> str:
    """The data of an event, if it is a message."""
    text = event.decode("utf-8", "replace")
    if text.startswith("data: ") and "\n" not in text:
        return text.removeprefix("data: ")  # as Gradio writes it
    data, kind = [], ""
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            kind = value.removeprefix(" ")
    return "\n".join(data) if kind in {"", "message"} else ""


def _chunks(response: httpx.Response) -> aclosing[AsyncGenerator[bytes, None]]:
    """The body as it comes, to be read within an `async with` block."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        # The request asked for no compression, and a small body may unpack to any size.
        raise UnexpectedAnswer(
            "The server sent a compressed response, which was not asked for", status=response.status_code
        )
    # Not `aiter_bytes`, which unpacks in two layers more what is not packed.
    return aclosing(
        cast("AsyncGenerator[bytes, None]", aiter(cast("httpx.AsyncByteStream", response.stream)))
    )


def _too_large(response: httpx.Response, limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        f"The server's response is larger than {limits.body} bytes",
        which="body",
        limit=limits.body,
        status=response.status_code,
    )
