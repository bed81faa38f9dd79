"""How a Gradio server is reached: its address, the clients that ask it, and what it says at /config.

Knows requests; nothing of what is in /config. It is all that a first request needs, so that the rooms which
read the answer can be loaded while it is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Self

import httpx

from phi4_space._address import Address
from phi4_space._config import Settings
from phi4_space._errors import Phi4Error, Step, UnexpectedAnswer
from phi4_space._net.host import Host
from phi4_space._net.origin import Origin
from phi4_space._net.pool import ClientPool
from phi4_space._net.redaction import Redaction

_NOT_FOUND = 404


class _Watch:
    """Sees what the clients do; it is none of the connection's, which they would keep alive.

    Attributes:
        opened: How many connections they opened.
        ahead: The head start whose request is the next one, if any.
    """

    def __init__(self) -> None:
        self.opened = 0
        self.ahead: HeadStart | None = None

    async def watch(self, request: httpx.Request) -> None:
        """Notes that a request is being sent, and has it report what it does."""
        if self.ahead is not None:
            self.ahead.is_sent.set()
        request.extensions = {**request.extensions, "trace": self._trace}

    async def _trace(self, name: str, _info: object) -> None:
        self.opened += name == "connection.connect_tcp.started"


class Connection:
    """The way to one Space's server.

    Args:
        settings: The client's.
        open_client: Makes an HTTP client for the Space.
        find_address: Asks the Hub where a Space is; None where it is not asked.

    Attributes:
        settings: The client's, with the address at which the Space was found.
        host: The Space's server.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_client: Callable[[], httpx.AsyncClient],
        find_address: Callable[[Address], Awaitable[Address]] | None = None,
    ) -> None:
        self.settings = settings
        self._open_client = open_client
        self._find_address = find_address if settings.address.name else None
        self.host = Host(
            origin=Origin(settings.address.api_url),
            name=str(settings.address),
            headers=settings.headers(),
            credentials=settings.credentials(),
            redaction=Redaction(settings.secrets()),
            route=settings.route(settings.address.api_url),
            timeouts=settings.timeouts,
            limits=settings.limits,
        )
        self._watch = _Watch()
        self._pool = self._new_pool()

    @property
    def opened(self) -> int:
        """How many connections to the Space were opened so far."""
        return self._watch.opened

    @property
    def ahead(self) -> HeadStart | None:
        """The request for /config that was sent before anybody needed its answer."""
        return self._watch.ahead

    @ahead.setter
    def ahead(self, ahead: HeadStart | None) -> None:
        self._watch.ahead = ahead

    def borrow(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """The running loop's client; it stays open while it is borrowed."""
        return self._pool.borrow()

    async def get(self, path: str, *, step: Step = "connect") -> Any:
        """The JSON at a path of the Space's server."""
        with self.host.translate_errors(step):
            async with self.borrow() as client:
                return await self.host.ask(client, "GET", path)

    async def config(self) -> Any:
        """The JSON at /config; on the Hub's word of where that is, where the name does not tell.

        It is a head start's, if there is one on this loop.
        """
        ahead = self.ahead
        if ahead is None or not ahead.take():
            return await self.ask_config()
        try:
            return await ahead.answer
        finally:
            self.ahead = None

    async def ask_config(self) -> Any:
        """The JSON at /config, asked for now."""
        if self.settings.address.is_shortened:
            await self._move()
        try:
            return await self.get("/config")
        except UnexpectedAnswer as exc:
            if exc.status != _NOT_FOUND or not await self._has_moved():
                raise
        return await self.get("/config")

    async def aclose(self) -> None:
        """Closes the connections to the Space."""
        await self._pool.aclose()

    async def _has_moved(self) -> bool:
        """Whether the Hub has the Space elsewhere than its name says."""
        before = self.settings.address
        with suppress(Phi4Error):  # the server's own answer says more than that the Hub is out of reach
            await self._move()
        return self.settings.address != before

    async def _move(self) -> None:
        """Goes to where the Hub has the Space; asked once."""
        if self._find_address is None:
            return
        address = await self._find_address(self.settings.address)
        self._find_address = None
        self.settings = replace(self.settings, address=address)
        self.host = replace(
            self.host,
            origin=Origin(address.api_url),
            headers=self.settings.headers(),
            route=self.settings.route(address.api_url),
        )
        await self._pool.aclose()
        self._pool = self._new_pool()

    def _new_pool(self) -> ClientPool:
        """Clients that send nothing but to the Space's server; they do not keep this alive."""
        return ClientPool(partial(self.host.client, self._open_client, self._watch.watch))


class HeadStart:
    """Asks for /config at the beginning of an `async with` block, in which something else is done first.

    Nothing is asked where that was done before. What nobody took by the end of the block is cancelled. It is
    a class, since a loop that shuts down closes generators before the turns they serve.

    Args:
        connection: The Space's.
        is_needed: Whether the answer is not known already.

    Attributes:
        answer: The request; where nothing is asked there is none.
        is_sent: Set once it is on its way, or nothing is asked.
    """

    answer: asyncio.Task[Any]

    def __init__(self, connection: Connection, *, is_needed: bool) -> None:
        self._connection = connection
        self._is_needed = is_needed and connection.ahead is None
        self._is_taken = False
        self.is_sent = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._is_needed:
            self.answer = asyncio.create_task(self._connection.ask_config())
            self.answer.add_done_callback(lambda _: self.is_sent.set())
            self._connection.ahead = self  # last: other threads may look at it at once
        else:
            self.is_sent.set()
        return self

    def take(self) -> bool:
        """Whether the answer is for the caller, who has to await it then; it is for one on the same loop."""
        if self._is_taken or self.answer.get_loop() is not asyncio.get_running_loop():
            return False
        self._is_taken = True
        return True

    async def __aexit__(self, *_: object) -> None:
        if not self._is_needed or self._is_taken:
            return
        self._is_taken = True
        self._connection.ahead = None
        self.answer.cancel()
        await asyncio.wait([self.answer])
        if not self.answer.cancelled():
            self.answer.exception()  # retrieved, or asyncio would log that nobody did
