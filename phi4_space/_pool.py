"""One httpx client for each running loop. Knows loops and clients; no Space and no Gradio.

A client's sockets belong to the loop that opened them: one client used under two calls of `asyncio.run`
fails with "Event loop is closed". So the clients live here, by loop, and none outlives its loop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache

import httpx

_GRACE = 4.0  # seconds that turns get to take back their jobs while their loop shuts down


@cache
def ssl_context() -> ssl.SSLContext:
    """The one context for all clients: a fresh one costs 20 to 30 ms."""
    return httpx.create_ssl_context()


class _Held:
    """A client and who uses it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.users = 0
        self.unused = asyncio.Event()
        self.unused.set()


class Pool:
    """Lends the running loop's client, opening it on first use.

    Args:
        open_client: Makes a client; called once for each loop.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client
        self._keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[_Held, None]] = {}
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[httpx.AsyncClient]:
        """The running loop's client; it stays open while borrowed."""
        held = await self._on(asyncio.get_running_loop())
        held.users += 1
        held.unused.clear()
        try:
            yield held.client
        finally:
            held.users -= 1
            if not held.users:
                held.unused.set()

    async def aclose(self) -> None:
        """Closes the clients of all loops that still run; the next use opens new ones."""
        running = asyncio.get_running_loop()
        for loop, keeper in list(self._keepers.items()):
            if loop is running:
                await keeper.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_close(keeper), loop))

    async def _on(self, loop: asyncio.AbstractEventLoop) -> _Held:
        if loop not in self._held:
            self._forget_closed()
            keeper = self._keep(loop)
            await anext(keeper)
            self._keepers[loop] = keeper
        return self._held[loop]

    async def _keep(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[_Held, None]:
        # asyncio.run ends every async generator that was started on its loop, this one too, before it
        # closes the loop. That is the one hook that a library has for closing its sockets in time.
        held = self._held[loop] = _Held(self._open_client())
        try:
            yield held
        finally:
            self._held.pop(loop, None)
            self._keepers.pop(loop, None)
            with suppress(TimeoutError):  # whoever uses it after that has had the time
                await asyncio.wait_for(held.unused.wait(), _GRACE)
            await held.client.aclose()

    def _forget_closed(self) -> None:
        for loop in [loop for loop in self._held if loop.is_closed()]:
            self._held.pop(loop, None)
            self._keepers.pop(loop, None)


async def _close(keeper: AsyncGenerator[_Held, None]) -> None:
    await keeper.aclose()
