"""An event stream's messages, as the WHATWG standard has them, at any cut of the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space import Limits
from phi4_space._net.bodies import read_events

HEADERS = {"Content-Type": "text/event-stream"}
BOM = b"\xef\xbb\xbf"
STREAMS: dict[bytes, list[str]] = {
    b"": [],
    b"\n": [],
    b"data: a\n\n": ["a"],
    b"data:a\n\n": ["a"],
    b"data:  a\n\n": [" a"],
    b"data: a\ndata: b\n\n": ["a\nb"],
    b"data: a\n\ndata: b\n\n": ["a", "b"],
    b"data: a\r\rdata: b\r\r": ["a", "b"],
    b"data: a\r\n\r\ndata: b\r\n\r\n": ["a", "b"],
    b"data: a\n\r\ndata: b\r\n\r": ["a", "b"],
    b"data: a\r\n\n": ["a"],
    b"data: a\r\ndata: b\r\n\r\n": ["a\nb"],
    b"event: ping\r\ndata: a\r\n\r\n": [],
    # no data
    b"retry: 3000\n\n": [],
    b"retry: soon\n\ndata: a\n\n": ["a"],
    b"id: 7\n\ndata: a\n\n\n\n": ["a"],
    b"id\n\nid: \0\n\n": [],
    b"event: ping\n\ndata: a\n\n": ["a"],
    b": comment\n\n:\n\n": [],
    b": comment\ndata: a\n: comment\n\n": ["a"],
    b"data\n\n": [],
    b"data:\n\n": [],
    b"data: \n\n": [],
    b"data\ndata\n\n": [],
    b"data: \t \n\ndata: a\n\n": ["a"],
    b"nothing\n\nno: field\n\n": [],
    b" data: a\n\n": [],
    b"Data: a\n\n": [],
    b"data : a\n\n": [],
    # types: those who listen for messages get no others
    b"event: message\ndata: a\n\n": ["a"],
    b"event\ndata: a\n\n": ["a"],
    b"event: ping\ndata: a\n\ndata: b\n\n": ["b"],
    b"data: a\nevent: ping\nevent:\n\n": ["a"],
    b"retry: 1\nid: 2\ndata: a\n\n": ["a"],
    # a stream's begin and end
    BOM + b"data: a\n\n": ["a"],
    BOM + BOM + b"data: a\n\ndata: b\n\n": ["b"],
    b"\n" + BOM + b"data: a\n\n": [],
    b"data: a": [],
    b"data: a\n": [],
    b"data: a\r": [],
    b"data: a\n\ndata: b\n": ["a"],
    # text
    "data: grün\u2028\u0085\x0b\x0c\x1c🌍\n\n".encode(): ["grün\u2028\u0085\x0b\x0c\x1c🌍"],
    b"data: \xff\n\n": ["\ufffd"],
    b"data: a\0b\n\n": ["a\0b"],
}
PARTS = [
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b" ",
    b"a",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    BOM,
    b"\xc3\xbc",
]


def messages(*pieces: bytes) -> list[str]:
    """What a stream in pieces holds."""

    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def main() -> list[str]:
        response = httpx.Response(200, headers=HEADERS, content=chunks())
        return [message async for message in read_events(response, Limits())]

    return asyncio.run(main())


def cuts(stream: bytes) -> Iterator[Sequence[bytes]]:
    """The stream whole, in two at each place, and byte by byte, with empty pieces between."""
    yield (stream,)
    yield from ((stream[:at], stream[at:]) for at in range(len(stream) + 1))
    yield [piece for at in range(len(stream)) for piece in (b"", stream[at : at + 1])]


def by_the_standard(stream: bytes) -> list[str]:
    """What section 9.2.6 of the HTML standard makes of a stream, word for word, of type "message"."""
    text = stream.removeprefix(BOM).decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    found, data, kind = [], "", ""
    for line in lines:
        if not line:
            if data and kind in {"", "message"}:
                found.append(data.removesuffix("\n"))
            data, kind = "", ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += f"{value}\n"
        elif name == "event":
            kind = value
    return [message for message in found if message.strip()]  # ours: what is empty is no JSON


@pytest.mark.parametrize(("stream", "found"), STREAMS.items())
def test_events_are_dispatched_as_the_standard_says(stream: bytes, found: list[str]) -> None:
    """What holds no data is no message, and ends nothing, however the bytes are cut (openai-python 3833)."""
    assert by_the_standard(stream) == found
    for pieces in cuts(stream):
        assert messages(*pieces) == found


@given(st.lists(st.sampled_from(PARTS)), st.data())
def test_any_stream_is_read_as_the_standard_says(parts: list[bytes], data: st.DataObject) -> None:
    """Also streams that nobody would write."""
    stream = b"".join(parts)
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[begin:end] for begin, end in zip([0, *at], [*at, len(stream)], strict=True)]

    assert messages(*pieces) == by_the_standard(stream)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r"])
def test_a_message_does_not_wait_for_the_next_bytes(end: bytes) -> None:
    """It is there with its empty line, also where that ends with CR, and the stream stays open."""

    async def main() -> str:
        never = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"data: a" + end
            await never.wait()

        response = httpx.Response(200, headers=HEADERS, content=chunks())
        async with asyncio.timeout(5), aclosing(read_events(response, Limits())) as found:
            return await anext(found)

    assert asyncio.run(main()) == "a"
