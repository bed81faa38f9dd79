"""Distance: a proxy on this machine that makes a server as far away as a round-trip time.

A new connection costs two round trips before the first byte goes on, as TCP's handshake and TLS 1.3's do;
after that each direction takes half a round trip, for as many bytes as there are. Names are not resolved.

    python -m benchmarks.wire http://127.0.0.1:7860 0.03 0.1        one port for each round-trip time
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.child import end_with_parent, running

_CHUNK = 2**18
_HANDSHAKES = 2


@dataclass
class Wire:
    """The proxy.

    Attributes:
        host: Where the server listens.
        port: Its port.
        rtt: Seconds of a round trip.
    """

    host: str
    port: int
    rtt: float
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection."""
        await asyncio.sleep(_HANDSHAKES * self.rtt)
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                loop.call_later(self.rtt / 2, sink.write, data)
        loop.call_later(self.rtt / 2, sink.close)


@contextmanager
def wires(url: str, rtts: Sequence[float]) -> Iterator[list[str]]:
    """The URLs at which a server is that far away; its own where that is nothing."""
    far = [rtt for rtt in rtts if rtt]
    with running("benchmarks.wire", url, *map(str, far)) as urls:
        found = dict(zip(far, urls, strict=True))
        yield [found[rtt] if rtt else url for rtt in rtts]


async def _serve(url: str, rtts: Sequence[float]) -> None:
    parts = urlsplit(url)
    urls = []
    for rtt in rtts:
        wire = Wire(parts.hostname or "127.0.0.1", parts.port or 80, rtt)
        server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
        urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    print(*urls, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(_serve(sys.argv[1], [float(word) for word in sys.argv[2:]]))
