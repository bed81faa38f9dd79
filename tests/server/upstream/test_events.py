"""The events of a response, whatever way they are cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import httpx
import pytest

from phi4_server.upstream.events import MAX_EVENT, EventTooLarge, read_events, read_start

pytestmark = pytest.mark.anyio


class Chunks(httpx.AsyncByteStream):
    """Bytes in given pieces; notes how many were taken."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        """Takes the pieces."""
        self.chunks = chunks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields them."""
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


async def events(*chunks: bytes) -> list[str]:
    """The events of a response that comes in pieces."""
    return [event async for event in read_events(httpx.Response(200, stream=Chunks(chunks)))]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_events_end_with_an_empty_line(end: bytes) -> None:
    """Each of the three line ends; comments and other fields are no data."""
    lines = [
        b": ping",
        b"",
        b"event: x",
        b"data: a",
        b"",
        b"data:b",
        b"data: c",
        b"",
        b"id: 1",
        b"",
        b"data: d",
    ]

    assert await events(end.join(lines) + 2 * end) == ["a", "b\nc", "d"]


async def test_events_are_utf8_whatever_the_server_says() -> None:
    """A letter may be cut in two."""
    assert await events(b"data: \xc3", b"\xa9\n\n") == ["é"]


async def test_a_byte_order_mark_is_no_data() -> None:
    """It may begin a stream, whole or cut."""
    assert await events(b"\xef\xbb", b"\xbfdata: a\n\ndata: b\n\n") == ["a", "b"]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"])
async def test_many_events_are_never_too_large(end: bytes) -> None:
    """Wherever the empty lines between them are cut, small events without end have no bound."""
    event = b"data: " + b"x" * 100_000
    for cut in range(len(end) + 1):
        chunks = [event + end[:cut], end[cut:]] * 12

        assert await events(*chunks) == ["x" * 100_000] * 12


@pytest.mark.parametrize("chunk", [b"x" * 1000, b"data: x\n" * 100, b": x\r\n" * 200, b"data: x\r" * 100])
async def test_an_event_without_end_is_not_kept(chunk: bytes) -> None:
    """Neither a long line nor many short ones are read past the limit."""
    chunks = Chunks([b"data: "] + [chunk] * 100_000)

    with pytest.raises(EventTooLarge):
        _ = [event async for event in read_events(httpx.Response(200, stream=chunks))]

    assert chunks.taken * len(chunk) < 2 * MAX_EVENT


@pytest.mark.parametrize(
    ("stream", "found"),
    {
        b"retry: 3000\n\nid: 7\n\nevent: x\n\n: c\n\ndata: a\n\n": ["a"],
        b"data\n\ndata:\n\ndata: \n\ndata:  \n\n": [],
        b"event: ping\ndata: pong\n\nevent: heartbeat\ndata: 1\n\ndata: a\n\n": ["a"],
        b"event: error\ndata: a\n\n": ["a"],
        b"data: a\rdata: b\r\rdata: c": ["a\nb"],
        b"data: a\n\r\n\rdata: b\r\n\n": ["a", "b"],
    }.items(),
)
async def test_what_only_keeps_a_stream_open_is_left_out(stream: bytes, found: list[str]) -> None:
    """However it is cut: comments, ids, empty data, and the types by which proxies say so."""
    for at in range(len(stream) + 1):
        assert await events(stream[:at], b"", stream[at:]) == found
    assert await events(*(stream[at : at + 1] for at in range(len(stream)))) == found


async def test_an_event_does_not_wait_for_the_next_bytes() -> None:
    """It is there with its empty line, also where that ends with CR."""
    never = asyncio.Event()

    class Open(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"data: a\r\r"
            await never.wait()

    async with aclosing(read_events(httpx.Response(200, stream=Open()))) as found:
        assert await asyncio.wait_for(anext(found), 5) == "a"


async def test_of_a_body_the_start_is_read() -> None:
    """A body of any size costs no more than the limit."""
    chunks = Chunks([b"x" * 100_000] * 1000)

    assert len(await read_start(httpx.Response(200, stream=chunks))) == MAX_EVENT
    assert chunks.taken < 12
