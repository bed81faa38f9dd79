"""How long a warm text turn takes, against gradio_client and against the floor: three bare requests.

    make bench        or        python benchmarks/peers.py [--turns 20] [--rtt 0.06]

Ours asks by both contracts: the public one, as the peer and the floor do, and by whole chats, which need a
request less. All talk to one embedded Space through one proxy on this machine, which adds a round-trip time
and counts connections. They take turns in one run, so that the machine's moods hit all alike; what counts is
the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import gradio_client
import httpx

from phi4_server import embedded_space
from phi4_space import SpaceClient

QUESTION = "Say something short."
_CHUNK = 65_536


@dataclass
class Wire:
    """A proxy that delays and counts.

    Attributes:
        host: Where the Space listens.
        port: Its port.
        delay: Seconds that each direction takes.
        connections: How many were opened since the count began.
    """

    host: str
    port: int
    delay: float
    connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listens on a free port and yields its URL."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for task in self._tasks:
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await asyncio.sleep(2 * self.delay)  # the handshake
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                loop.call_later(self.delay, sink.write, data)
            loop.call_later(self.delay, sink.close)


def floor(url: str, http: httpx.Client) -> str:
    """The three requests that no client can do without, on one connection, ids known beforehand."""
    session_hash = uuid.uuid4().hex
    body = {"session_hash": session_hash, "fn_index": 10, "data": [[], {"text": QUESTION, "files": []}, None]}
    history = http.post(f"{url}/gradio_api/run/predict", json=body).json()["data"][0]
    body = {"session_hash": session_hash, "fn_index": 11, "data": [history, None]}
    http.post(f"{url}/gradio_api/queue/join", json=body)
    answer = ""
    with http.stream(
        "GET", f"{url}/gradio_api/queue/data", params={"session_hash": session_hash}
    ) as response:
        for line in response.iter_lines():
            message = json.loads(line.removeprefix("data: ")) if line else {}
            if message.get("msg") == "process_completed":
                answer = str(message["output"]["data"][0][-1]["content"])
    return answer


def gradio_turn(client: gradio_client.Client) -> str:
    """The two calls as public code makes them."""
    history, *_ = client.predict([], {"text": QUESTION, "files": []}, api_name="/process_message")
    answer = client.predict(history, api_name="/bot_response")
    return str(answer[-1]["content"])


async def measure(turns: int, rtt: float, url: str) -> None:
    """Runs them side by side and prints what was seen."""
    target = httpx.URL(url)
    wires = {
        name: Wire(target.host, target.port or 80, rtt / 2)
        for name in ("floor", "public contract", "whole chats", "gradio_client")
    }
    async with contextlib.AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(wire.open()) for name, wire in wires.items()}
        http = stack.enter_context(httpx.Client(timeout=30))
        public = SpaceClient(urls["public contract"], endpoint="process_message")
        space = await stack.enter_async_context(public)
        chats = await stack.enter_async_context(SpaceClient(urls["whole chats"]))
        peer = await asyncio.to_thread(
            gradio_client.Client, urls["gradio_client"], verbose=False, download_files=False
        )
        work: dict[str, Callable[[], Awaitable[object]]] = {
            "floor": lambda: asyncio.to_thread(floor, urls["floor"], http),
            "public contract": lambda: space.areply(QUESTION),
            "whole chats": lambda: chats.areply(QUESTION),
            "gradio_client": lambda: asyncio.to_thread(gradio_turn, peer),
        }
        seen = await _take_turns(work, turns, wires)
    base = statistics.median(seen["floor"])
    print(f"{turns} warm text turns each, {rtt * 1000:.0f} ms round trip")
    print(f"{'':18}{'median s':>10}{'x floor':>10}{'connections':>13}")
    for name, times in seen.items():
        median = statistics.median(times)
        print(f"{name:18}{median:10.3f}{median / base:10.2f}{wires[name].connections:13d}")


async def _take_turns(
    work: dict[str, Callable[[], Awaitable[object]]], turns: int, wires: dict[str, Wire]
) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {name: [] for name in work}
    for number in range(turns + 1):
        for name, turn in work.items():
            began = time.perf_counter()
            await turn()
            if number:  # the first turn warms up
                seen[name].append(time.perf_counter() - began)
            else:
                wires[name].connections = 0
    return seen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--rtt", type=float, default=0.06, help="seconds")
    options = parser.parse_args()
    with embedded_space() as space_url:
        asyncio.run(measure(options.turns, options.rtt, space_url))
