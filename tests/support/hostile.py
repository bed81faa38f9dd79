"""A server on this machine that answers as it likes, byte for byte. Knows HTTP's outlines; no client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from scripted import config


@dataclass(repr=False)
class Asked:
    """One request.

    Attributes:
        path: Its path and query.
        head: All its header, as it was sent.
        body: Its body.
    """

    path: str
    head: str
    body: bytes


Answer = Callable[[Asked], AsyncIterator[bytes]]


@dataclass(repr=False)
class Hostile:
    """A server.

    Attributes:
        answers: What it answers, by the end of the path; other paths are answered as a Space would.
        url: Where it is.
        asked: What it was asked.
        sent: How many bytes it got rid of.
    """

    answers: dict[str, Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0
    _serving: set[asyncio.Task[object] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection's requests until either side has enough."""
        self._serving.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (asked := await self._read(reader)) is not None:
                self.asked.append(asked)
                async for piece in self._answer(asked):
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        return Asked(head.split(" ")[1], head, body)

    def _answer(self, asked: Asked) -> AsyncIterator[bytes]:
        step = asked.path.partition("?")[0].rpartition("/")[2]
        return self.answers.get(step, self.answers.get("*", usual))(asked)

    async def hang_up(self) -> None:
        """Ends all connections."""
        for task in self._serving:
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)


@asynccontextmanager
async def hostile(**answers: Answer) -> AsyncIterator[Hostile]:
    """A server on a free port.

    Args:
        **answers: What it answers, by the last word of the path: config, predict, join, data, upload ...
    """
    server = Hostile(answers)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server
        listening.close()
        await server.hang_up()


def once(*pieces: bytes) -> Answer:
    """Answers with these bytes."""

    async def answer(_asked: Asked) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return answer


def for_ever(head: bytes, piece: bytes, *, every: float = 0.0) -> Answer:
    """Answers with one thing, and then with another without end, `every` so many seconds."""

    async def answer(_asked: Asked) -> AsyncIterator[bytes]:
        yield head
        while True:
            yield piece
            await asyncio.sleep(every)

    return answer


def response(body: bytes, *fields: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A response whose length is told."""
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields)
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def head(*fields: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """The head of a response that ends with its connection."""
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *fields)
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


async def usual(asked: Asked) -> AsyncIterator[bytes]:
    """What a Space answers."""
    told: dict[str, Any] = {
        "config": config(),
        "app_id": {"app_id": config()["app_id"]},
        "upload": ["/up/0"],
        "predict": {"data": [[{"role": "user", "content": "hi"}], None, None]},
        "join": {"event_id": "event"},
        "status": {"queue_size": 0},
    }
    yield response(json.dumps(told.get(asked.path.partition("?")[0].rpartition("/")[2], {})).encode())
