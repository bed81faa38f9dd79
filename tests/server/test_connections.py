"""A server's connections: how long one may dawdle, and how many the system lets be open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn

from phi4_server import connections
from phi4_server.connections import Connection, room_for
from phi4_server.shares import Shares

pytestmark = [pytest.mark.anyio, pytest.mark.loopback]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answers with so many bytes as the path says; reads nothing."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(int(scope["path"][1:])):
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving(most: int = 100) -> AsyncIterator[tuple[Shares[Connection], int]]:
    """The connections of a server, and its port."""
    shares: Shares[Connection] = Shares(most)
    http = partial(Connection, shares=shares)
    config = uvicorn.Config(app, http=http, port=0, log_level="critical", lifespan="off", ws="none")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with server.capture_signals():
        task = asyncio.ensure_future(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield shares, server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other end goes away."""
    try:
        async with asyncio.timeout(10):
            while await reader.read(65_536):
                pass
    except ConnectionError:
        return True
    return True


HEAD = b"GET /1 HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "said", [b"", b"GET", HEAD, HEAD + b"\r\n" + HEAD, HEAD + b"Content-Length: 9999\r\n\r\nx"]
)
async def test_headers_that_do_not_come(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, half a request, half a second one, or a body that goes on after the answer: it is closed."""
    monkeypatch.setattr(connections, "HEADERS_S", 0.5)
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)

        async def dribble() -> None:
            for letter in b"X-Slow: " + b"y" * 1000:
                await asyncio.sleep(0.1)
                writer.write(bytes([letter]))

        dribbling = asyncio.ensure_future(dribble())
        assert await is_closed(reader)
        dribbling.cancel()
        writer.close()


async def test_answer_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks for much and reads nothing is left, with all that it was to get."""
    monkeypatch.setattr(connections, "READING_S", 0.3)
    async with serving() as (shares, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.write(b"GET /1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            while not shares.largest():
                await asyncio.sleep(0.05)
            while shares.largest():
                await asyncio.sleep(0.05)
        writer.close()


async def test_answer_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads gets it all, and the connection may be used again."""
    monkeypatch.setattr(connections, "HEADERS_S", 5)
    async with serving() as (shares, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=10_000_000)
        for _ in range(2):
            writer.write(b"GET /20 HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                got = await reader.readuntil(b"\r\n0\r\n\r\n")
            assert got.count(b"x") >= 20 * 65_536
        assert len(shares.largest()) == 1
        writer.close()
        async with asyncio.timeout(10):
            while shares.largest():
                await asyncio.sleep(0.05)


async def test_newest_is_closed() -> None:
    """Of a client alone, the connections that are there stay."""
    async with serving(most=2) as (_, port):
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await is_closed(pairs[2][0])
        for reader, writer in pairs[:2]:
            writer.write(b"GET /0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        for _, writer in pairs:
            writer.close()


def test_room_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are wanted, unless the system has no room for them."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: set_to.append(limits))
    set_to: list[tuple[int, int]] = []
    for limits, wanted, room, told in [
        ((1024, 4096), 100, 100, []),
        ((1024, 4096), 1000, 1000, [(2200, 4096)]),
        ((1024, 1024), 1000, 412, [(1024, 1024)]),
        ((256, -1), 1000, 1000, [(2200, -1)]),
        ((-1, -1), 1000, 1000, []),
    ]:
        set_to.clear()
        monkeypatch.setattr(resource, "getrlimit", lambda _which, limits=limits: limits)
        assert (room_for(wanted), set_to) == (room, told)
