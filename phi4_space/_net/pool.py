"""One httpx client for each running loop. Knows loops and clients; no Space and no Gradio.

A client's sockets belong to the loop that opened them: one client used under two calls of `asyncio.run`
fails with "Event loop is closed". So the clients live here, by loop, and none outlives its loop, however that
ends: by `asyncio.run`, by a bare `close`, or with the program.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
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


class _Loan:
    """Keeps a client open while it is used.

    A class, since a loop that shuts down ends all generators at once: a generator's loan would end before
    the turn that still needs the client, to take its job back.
    """

    def __init__(self, lend: Callable[[], Awaitable[_Held]]) -> None:
        self._lend = lend

    async def __aenter__(self) -> httpx.AsyncClient:
        self._held = await self._lend()
        self._held.users += 1
        self._held.unused.clear()
        return self._held.client

    async def __aexit__(self, *_: object) -> None:
        self._held.users -= 1
        if not self._held.users:
            self._held.unused.set()


class Pool:
    """Lends the running loop's client, opening it on first use.

    Args:
        open_client: Makes a client; called once for each loop.
    """

    def __init__(self, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._open_client = open_client
        self._keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[_Held, None]] = {}
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}

    def borrow(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """The running loop's client; it stays open while borrowed."""
        return _Loan(self._lend)

    async def aclose(self) -> None:
        """Closes the clients of all loops that still run; the next use opens new ones.

        Another loop that is busy, perhaps waiting for this very call, closes its client when it comes to it.
        """
        here = asyncio.get_running_loop()
        await self._close(here)
        closing = [
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(loop), loop))
            for loop in list(self._keepers)
            if loop.is_running()
        ]
        if closing:
            await asyncio.wait(closing, timeout=_GRACE)

    async def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        if keeper := self._keepers.get(loop):
            await keeper.aclose()

    async def _lend(self) -> _Held:
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            self._forget_closed()
            keeper = _keep(weakref.ref(self), loop, self._open_client())
            self._held[loop] = await anext(keeper)
            self._keepers[loop] = keeper
            _see_off(loop, keeper)
            # The client is in reach as long as its keeper: found by the collector together with it, its
            # sockets would be closed under it, and complain.
            weakref.finalize(keeper, _let_go, self._held[loop]).atexit = False
        return self._held[loop]

    def _forget_closed(self) -> None:
        for loop in list(self._held):  # a copy, since other threads' loops come and go
            if loop.is_closed():
                self.forget(loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lends nothing on that loop any more, until it is asked again."""
        self._held.pop(loop, None)
        self._keepers.pop(loop, None)


async def _keep(
    pool: weakref.ref[Pool], loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient
) -> AsyncGenerator[_Held, None]:
    # asyncio.run ends every async generator that was started on its loop, this one too, before it closes the
    # loop. That is the one hook that a library has for closing its sockets in time. A pool that nobody holds
    # any more lets go of this generator, and the loop ends it: hence the weak reference.
    held = _Held(client)
    try:
        yield held
    finally:
        if (owner := pool()) is not None:
            owner.forget(loop)
        try:
            with suppress(TimeoutError):  # whoever uses it after that has had the time
                await asyncio.wait_for(held.unused.wait(), _GRACE)
        finally:
            await client.aclose()


def _let_go(_: _Held) -> None:
    """Nothing is left to be done: the keeper has closed it."""


class _Farewell:
    """A loop's `close`, which ends first what is kept open on it.

    Whoever closes a loop without `shutdown_asyncgens`, as LlamaIndex's `asyncio_run` does, and whoever never
    closes one, as `nest_asyncio` does, would leave sockets open for the collector to complain of.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._close = loop.close
        self.keepers: weakref.WeakSet[AsyncGenerator[_Held, None]] = weakref.WeakSet()

    def __call__(self) -> None:
        self.end()
        self._close()

    def end(self) -> None:
        """Ends it all, unless the loop is busy, or closed already."""
        while self.keepers and not (self._loop.is_running() or self._loop.is_closed()):
            self._loop.run_until_complete(self.keepers.pop().aclose())


_farewells: weakref.WeakSet[_Farewell] = weakref.WeakSet()


def _see_off(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[_Held, None]) -> None:
    """Has the keeper end before its loop does."""
    farewell = loop.close
    if not isinstance(farewell, _Farewell):
        farewell = _Farewell(loop)
        with suppress(AttributeError):  # a loop that is not written in Python, such as uvloop's
            loop.close = farewell  # type: ignore[method-assign] # the one thing that is sure to be called
        _farewells.add(farewell)
    farewell.keepers.add(keeper)


@atexit.register
def _see_all_off() -> None:
    for farewell in list(_farewells):
        farewell.end()


def _after_fork() -> None:
    for farewell in _farewells:  # in a child that was forked: the connections are the parent's
        farewell.keepers.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none, and does not fork
    os.register_at_fork(after_in_child=_after_fork)
