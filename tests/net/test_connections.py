"""A client's connections: which request goes on which, and when one is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from phi4_space._net.connections import KEPT, Connections

URL = "http://space.test/config"


class Wire(httpx.AsyncBaseTransport):
    """A connection that notes what becomes of it."""

    requests = 0
    is_closed = False
    fails = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers with a stream, unless it is to fail."""
        self.requests += 1
        if self.fails:
            raise httpx.ReadError("broken", request=request)
        return httpx.Response(200, stream=_Stream())

    async def aclose(self) -> None:
        """Notes it, after a while."""
        await asyncio.sleep(0)
        self.is_closed = True


class _Stream(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"ok"


@dataclass
class Line:
    """A client whose connections and clock are the test's."""

    now: float = 0.0
    wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Makes the client."""
        transport = Connections(self._open, clock=lambda: self.now)
        self.client = httpx.AsyncClient(transport=transport, trust_env=False)

    def _open(self) -> Wire:
        self.wires.append(Wire())
        return self.wires[-1]

    async def begin(self) -> httpx.Response:
        """Sends a request, and leaves its response open."""
        return await self.client.send(self.client.build_request("GET", URL), stream=True)

    async def at_a_time(self, count: int) -> None:
        """Sends so many requests at a time."""
        responses = [await self.begin() for _ in range(count)]
        for response in responses:
            await response.aclose()


def test_requests_one_after_another_share_a_connection() -> None:
    """Each is idle once its response is closed."""

    async def run() -> None:
        line = Line()
        for _ in range(3):
            assert (await line.client.get(URL)).text == "ok"
        assert [wire.requests for wire in line.wires] == [3]

    asyncio.run(run())


def test_requests_at_a_time_have_a_connection_each_and_none_is_closed_in_between() -> None:
    """The one that became idle last is used first, so that those nobody needs grow old."""

    async def run() -> None:
        line = Line()
        await line.at_a_time(60)
        await line.client.get(URL)
        await line.client.get(URL)
        assert [wire.requests for wire in line.wires] == [*[1] * 59, 3]
        assert not any(wire.is_closed for wire in line.wires)

    asyncio.run(run())


def test_what_was_idle_for_too_long_is_closed() -> None:
    """The next request's end finds it."""

    async def run() -> None:
        line = Line()
        await line.at_a_time(3)
        line.now = KEPT + 1
        await line.client.get(URL)
        assert [wire.is_closed for wire in line.wires] == [True, True, False]
        assert [wire.requests for wire in line.wires] == [1, 1, 2]

    asyncio.run(run())


def test_others_come_and_go_while_old_ones_are_closed() -> None:
    """A request that takes the last idle one meanwhile is no trouble for who closes the others."""

    async def run() -> None:
        line = Line()
        await line.at_a_time(3)
        line.now = KEPT + 1
        last = await line.begin()
        _, taken = await asyncio.gather(last.aclose(), line.begin())
        await taken.aclose()
        assert [wire.is_closed for wire in line.wires] == [True, True, False]

    asyncio.run(run())


def test_not_all_of_many_are_kept() -> None:
    """A hundred may be idle."""

    async def run() -> None:
        line = Line()
        await line.at_a_time(130)
        assert sum(not wire.is_closed for wire in line.wires) == 100
        await line.at_a_time(100)
        assert len(line.wires) == 130

    asyncio.run(run())


def test_a_request_that_fails_gives_its_connection_back() -> None:
    """The socket is closed by httpcore, which opens another for the next request."""

    async def run() -> None:
        line = Line()
        await line.client.get(URL)
        line.wires[0].fails = True
        with pytest.raises(httpx.ReadError):
            await line.client.get(URL)
        line.wires[0].fails = False
        await line.client.get(URL)
        assert len(line.wires) == 1

    asyncio.run(run())


def test_all_are_closed_with_the_client() -> None:
    """Also one in use, which nobody gets after that, and whose response may be closed twice."""

    async def run() -> None:
        line = Line()
        await line.at_a_time(2)
        response = await line.begin()
        await line.client.aclose()
        await response.aclose()
        await response.stream.aclose()  # type: ignore[union-attr] # an asynchronous one
        assert [wire.is_closed for wire in line.wires] == [True, True]

    asyncio.run(run())
