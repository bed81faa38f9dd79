"""One client for each loop, closed in time: however loops come, go, stand still or wait for each other."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from phi4_space._errors import InvalidOption
from phi4_space._net import pool as _pool
from phi4_space._net.pool import ClientPool
from phi4_space._sync.bridge import call

OK = httpx.MockTransport(lambda _: httpx.Response(200, text="ok"))


class Opened:
    """Opens clients on no network and remembers them."""

    def __init__(self) -> None:
        """Remembers none yet."""
        self.clients: list[httpx.AsyncClient] = []

    def __call__(self) -> httpx.AsyncClient:
        """Another client."""
        self.clients.append(httpx.AsyncClient(transport=OK))
        return self.clients[-1]

    @property
    def open(self) -> int:
        """How many are not closed."""
        return sum(not client.is_closed for client in self.clients)


async def use(pool: ClientPool) -> httpx.AsyncClient:
    """Borrows the client for one request."""
    async with pool.borrow() as client:
        response = await client.get("http://space.test/")
        await asyncio.sleep(0)
        assert response.text == "ok"
        return client


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        """Counts the connections."""
        type(self).connections += 1
        super().setup()

    def do_GET(self) -> None:
        """Answers, and keeps the connection."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Stays quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of a server on this machine that keeps its connections open."""
    _Handler.connections = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
        thread.join(10)


@pytest.mark.loopback
def test_two_loops_in_a_row_use_one_pool(server: str) -> None:
    """What users do most, asyncio.run twice with one client, works, and leaves no socket to the collector."""
    pool = ClientPool(lambda: httpx.AsyncClient(trust_env=False))

    async def two_requests() -> list[str]:
        async def ask() -> str:
            async with pool.borrow() as client:
                return (await client.get(server)).text

        return [await ask(), await ask()]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answers = [asyncio.run(two_requests()), asyncio.run(two_requests())]
        gc.collect()

    assert answers == [["ok", "ok"], ["ok", "ok"]]
    assert [str(warning.message) for warning in caught] == []
    assert _Handler.connections == 2


def test_a_loop_has_one_client() -> None:
    """Whoever borrows on one loop, at once or later, gets the same client."""
    opened = Opened()
    pool = ClientPool(opened)

    async def main() -> int:
        return len({id(client) for client in await asyncio.gather(*(use(pool) for _ in range(5)), use(pool))})

    assert asyncio.run(main()) == 1
    assert len(opened.clients) == 1


def test_nothing_is_opened_before_it_is_used() -> None:
    """A pool that is only made opens nothing, and has nothing to close."""
    opened = Opened()

    asyncio.run(ClientPool(opened).aclose())

    assert opened.clients == []


def test_a_client_is_closed_with_its_loop() -> None:
    """No client outlives its loop, whether or not anybody closed the pool."""
    opened = Opened()
    pool = ClientPool(opened)

    asyncio.run(use(pool))
    asyncio.run(use(pool))

    assert len(opened.clients) == 2
    assert opened.open == 0


def test_a_task_that_is_cancelled_with_its_loop_may_still_use_its_client() -> None:
    """While a loop shuts down, turns take their jobs back through a client that is open."""
    opened = Opened()
    pool = ClientPool(opened)
    log: list[str] = []

    async def turn() -> None:
        async with pool.borrow() as client:
            try:
                await asyncio.Event().wait()
            finally:
                log.append((await client.get("http://space.test/cancel")).text)

    async def main() -> asyncio.Task[None]:
        left = asyncio.create_task(turn())
        await asyncio.sleep(0)
        return left

    asyncio.run(main())

    assert log == ["ok"]
    assert opened.open == 0


def test_a_generator_that_is_ended_with_its_loop_keeps_its_client_to_the_end() -> None:
    """A loop ends all generators at once; the client's is the last, whatever the others still do."""
    opened = Opened()
    pool = ClientPool(opened)
    log: list[bool] = []

    async def turn() -> AsyncGenerator[int, None]:
        async with pool.borrow() as client:
            try:
                yield 1
            finally:
                await asyncio.sleep(0.01)
                log.append(client.is_closed)

    async def main() -> AsyncGenerator[int, None]:
        left = turn()
        await anext(left)
        return left

    asyncio.run(main())

    assert log == [False]
    assert opened.open == 0


def test_a_client_is_in_use_until_the_last_one_gives_it_back() -> None:
    """Of several turns on one loop, each keeps the client open for itself."""
    pool = ClientPool(Opened())

    async def main() -> list[bool]:
        async with pool.borrow() as client:
            await use(pool)
            closing = asyncio.create_task(pool.aclose())
            await asyncio.sleep(0.01)
            while_in_use = client.is_closed
        await closing
        return [while_in_use, client.is_closed]

    assert asyncio.run(main()) == [False, True]


def test_a_client_in_use_for_too_long_is_closed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not give the client back in time does not keep the others from closing."""
    monkeypatch.setattr(_pool, "_GRACE", 0.01)
    opened = Opened()
    pool = ClientPool(opened)

    async def main() -> bool:
        async with pool.borrow() as client:
            await pool.aclose()
            return client.is_closed

    assert asyncio.run(main())


def test_closing_that_is_given_up_closes_nonetheless() -> None:
    """A caller whose patience ends while turns are waited for leaves no client open."""
    opened = Opened()
    pool = ClientPool(opened)

    async def main() -> bool:
        async with pool.borrow() as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.aclose(), 0.01)
            return client.is_closed

    assert asyncio.run(main())


def test_a_closed_pool_opens_again() -> None:
    """Closing lets go of what is open, and the next use opens anew."""
    opened = Opened()
    pool = ClientPool(opened)

    async def main() -> list[bool]:
        first = await use(pool)
        await pool.aclose()
        second = await use(pool)
        return [first.is_closed, second.is_closed]

    assert asyncio.run(main()) == [True, False]
    assert opened.open == 0


def test_closing_closes_other_loops_clients() -> None:
    """One close is enough for a pool that threads share: each loop closes its own client."""
    opened = Opened()
    pool = ClientPool(opened)
    used, closed = threading.Event(), threading.Event()

    async def elsewhere() -> bool:
        client = await use(pool)
        used.set()
        while not closed.is_set():
            await asyncio.sleep(0.001)
        return client.is_closed

    async def close() -> int:
        await use(pool)
        await pool.aclose()
        return opened.open

    with ThreadPoolExecutor() as threads:
        result = threads.submit(asyncio.run, elsewhere())
        used.wait(5)
        still_open = asyncio.run(close())
        closed.set()

    assert result.result(5)
    assert still_open == 0


def test_closing_does_not_wait_for_a_loop_that_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A synchronous close in a notebook, whose own loop stands still meanwhile, comes back all the same."""
    monkeypatch.setattr(_pool, "_GRACE", 0.01)
    pool = ClientPool(Opened())

    async def cell() -> list[bool]:
        client = await use(pool)
        call(pool.aclose)
        before = client.is_closed
        await asyncio.sleep(0.01)
        return [before, client.is_closed]

    assert asyncio.run(cell()) == [False, True]


def test_two_may_close_at_once() -> None:
    """Closing from two sides is closing once."""
    opened = Opened()
    pool = ClientPool(opened)

    async def main() -> None:
        await use(pool)
        await asyncio.gather(pool.aclose(), pool.aclose())

    asyncio.run(main())

    assert opened.open == 0


def test_a_loop_that_stands_still_keeps_its_client() -> None:
    """A loop that is between two runs cannot close anything; its client waits for it, and works."""
    opened = Opened()
    pool = ClientPool(opened)
    loop = asyncio.new_event_loop()

    first = loop.run_until_complete(use(pool))
    asyncio.run(pool.aclose())
    second = loop.run_until_complete(use(pool))
    loop.run_until_complete(pool.aclose())
    loop.close()

    assert first is second
    assert opened.open == 0


def test_closed_loops_are_forgotten() -> None:
    """A loop that was closed without ceremony is not held on to."""
    opened = Opened()
    pool = ClientPool(opened)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(use(pool))
    loop.close()

    async def main() -> tuple[int, int]:
        await use(pool)
        return len(pool._clients), len(pool._holders)

    assert asyncio.run(main()) == (1, 1)
    assert (pool._clients, pool._holders) == ({}, {})


def test_many_loops_at_once_have_a_client_each() -> None:
    """Threads with loops of their own, coming and going, never share a client and never leave one open."""
    opened = Opened()
    pool = ClientPool(opened)

    with ThreadPoolExecutor(8) as threads:
        clients = list(threads.map(lambda _: asyncio.run(use(pool)), range(64)))

    assert len({id(client) for client in clients}) == 64
    assert opened.open == 0


def test_a_pool_that_is_dropped_closes_its_client() -> None:
    """Who forgets to close, in a program that goes on, leaks no connection."""
    opened = Opened()

    async def main() -> int:
        await use(ClientPool(opened))
        gc.collect()
        await asyncio.sleep(0.01)
        return opened.open

    assert asyncio.run(main()) == 0


@pytest.mark.loopback
def test_a_pool_that_the_collector_finds_closes_quietly(server: str) -> None:
    """Dropped as part of a cycle, which turns and tracebacks make, it leaves no socket to complain of."""

    async def main() -> bool:
        pool = ClientPool(lambda: httpx.AsyncClient(trust_env=False))
        async with pool.borrow() as client:
            await client.get(server)
        cycle: list[object] = [pool]
        cycle.append(cycle)
        forgotten = weakref.ref(client)
        del pool, client, cycle
        gc.collect()
        await asyncio.sleep(0.05)
        gc.collect()
        return forgotten() is None

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gone = asyncio.run(main())

    assert [str(warning.message) for warning in caught] == []
    assert gone


def test_a_client_that_cannot_be_made_fails_each_time() -> None:
    """Settings that no client can be made of are told each time, and nothing is kept of the attempt."""

    def refuse() -> httpx.AsyncClient:
        raise InvalidOption("The proxy cannot be used")

    pool = ClientPool(refuse)

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(InvalidOption):
                await use(pool)

    asyncio.run(main())

    assert (pool._clients, pool._holders) == ({}, {})
