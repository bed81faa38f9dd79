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
        discreet: Whether the server does not learn that a client left.
        url: Its own URL.
        connections: How many have come in.
    """

    target: str
    discreet: bool = False
    url: str = ""
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _carrying: set[asyncio.Task[object] | None] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection's bytes both ways until either side ends it."""
        self.connections += 1
        self._carrying.add(asyncio.current_task())
        parts = urlsplit(self.target)
        back, forth = await asyncio.open_connection(parts.hostname, parts.port)
        self._open |= {writer, forth}
        await asyncio.gather(self._pump(reader, forth, leave_open=self.discreet), self._pump(back, writer))
        self._open -= {writer, forth}
        for end in (writer, forth):
            end.close()
            with suppress(ConnectionError):
                await end.wait_closed()

    async def hang_up(self) -> None:
        """Ends all connections."""
        for writer in self._open:
            writer.close()
        await asyncio.gather(*(task for task in self._carrying if task is not None))

    @staticmethod
    async def _pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, leave_open: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                with suppress(ConnectionError):  # whoever left misses what is still said
                    writer.write(data)
                    await writer.drain()
        if not leave_open:
            writer.close()


@asynccontextmanager
async def proxied(target: str, *, discreet: bool = False) -> AsyncIterator[Proxy]:
    """A proxy on a free port of this machine.

    Args:
        target: URL of the server behind it.
        discreet: Whether the server does not learn that a client left, as behind some proxies.
    """
    proxy = Proxy(target, discreet)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        await proxy.hang_up()
