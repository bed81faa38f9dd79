"""One httpx client for each running loop. Knows loops and clients; no Space and no Gradio.

A client's sockets belong to the loop that opened them: one client used under two calls of `asyncio.run`
fails with "Event loop is closed". So the clients live here, by loop, and none outlives its loop, however that
ends: by `asyncio.run`, by a bare `close`, or with the program.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress

import httpx

from phi4_space._net.loop_close import close_with_loop

_GRACE = 4.0  # seconds that turns have to cancel their jobs while their loop shuts down


class _SharedClient:
    """A client, and how many are using it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.users = 0
        self.unused = asyncio.Event()
        self.unused.set()


class _Lease:
    """Keeps a client open while it is used.

    This is a class because a loop that shuts down closes all generators at once: a context manager written as
    a generator would end before the turn that still needs the client to cancel its job.
    """

    def __init__(self, acquire: Callable[[], Awaitable[_SharedClient]]) -> None:
        self._acquire = acquire

    async def __aenter__(self) -> httpx.AsyncClient:
        self._shared = await self._acquire()
        self._shared.users += 1
        self._shared.unused.clear()
        return self._shared.client

    async def __aexit__(self, *_: object) -> None:
        self._shared.users -= 1
        if not self._shared.users:
            self._shared.unused.set()


class ClientPool:
    """Lends out the running loop's client, and opens it on first use.

    Args:
        open_client: Makes a client; called once for each loop.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client
        self._holders: dict[asyncio.AbstractEventLoop, AsyncGenerator[_SharedClient, None]] = {}
        self._clients: dict[asyncio.AbstractEventLoop, _SharedClient] = {}

    def borrow(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """The running loop's client; it stays open while it is borrowed."""
        return _Lease(self._acquire)

    async def aclose(self) -> None:
        """Closes the clients of all loops that are still running; the next use opens new ones.

        A loop that is busy, perhaps waiting for this very call, closes its client once it gets to it.
        """
        here = asyncio.get_running_loop()
        await self._close(here)
        closing = [
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(loop), loop))
            for loop in list(self._holders)
            if loop.is_running()
        ]
        if closing:
            await asyncio.wait(closing, timeout=_GRACE)

    async def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        if holder := self._holders.get(loop):
            await holder.aclose()

    async def _acquire(self) -> _SharedClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._forget_closed()
            holder = _hold_open(weakref.ref(self), loop, self._open_client())
            self._clients[loop] = await anext(holder)
            self._holders[loop] = holder
            close_with_loop(loop, holder)
            # Keeps the client reachable as long as its holder is. If the garbage collector found both at
            # once, the sockets would be closed under the client, with a ResourceWarning for each.
            weakref.finalize(holder, _release, self._clients[loop]).atexit = False
        return self._clients[loop]

    def _forget_closed(self) -> None:
        for loop in list(self._clients):  # a copy, since other threads' loops come and go
            if loop.is_closed():
                self.forget(loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drops a loop's client, so that the next use opens a new one."""
        self._clients.pop(loop, None)
        self._holders.pop(loop, None)


async def _hold_open(
    pool: weakref.ref[ClientPool], loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient
) -> AsyncGenerator[_SharedClient, None]:
    # asyncio.run closes every async generator that was started on its loop, this one included, before it
    # closes the loop. That is the one hook a library has for closing its sockets in time. The reference to
    # the pool is weak so that a pool which nobody uses any more drops this generator, and the loop closes it.
    shared = _SharedClient(client)
    try:
        yield shared
    finally:
        if (owner := pool()) is not None:
            owner.forget(loop)
        try:
            with suppress(TimeoutError):  # whoever still uses it has had the time
                await asyncio.wait_for(shared.unused.wait(), _GRACE)
        finally:
            await client.aclose()


def _release(_: _SharedClient) -> None:
    """Does nothing: the holder has closed the client."""
