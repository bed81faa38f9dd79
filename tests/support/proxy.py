"""A door before a server: it counts who comes in, and may be moved to another server. Knows bytes alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """A TCP proxy.

    Attributes:
        target: URL of the server behind it; new connections go there.
        url: Its own URL.
        connections: How many have come in.
    """

    target: str
    url: str = ""
    connections: int = 0
    _carrying: dict[asyncio.StreamWriter, asyncio.Task[object] | None] = field(default_factory=dict)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection's bytes both ways until either side ends it."""
        self.connections += 1
        self._carrying[writer] = asyncio.current_task()
        parts = urlsplit(self.target)
        back, forth = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        del self._carrying[writer]

    async def hang_up(self) -> None:
        """Ends all connections."""
        ending = [task for task in self._carrying.values() if task is not None]
        for writer in self._carrying:
            writer.close()
        await asyncio.gather(*ending)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def proxied(target: str) -> AsyncIterator[Proxy]:
    """A proxy on a free port of this machine.

    Args:
        target: URL of the server behind it.
    """
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        await proxy.hang_up()
