"""The connections of one client, each idle or in use by one request. Knows httpx's transports; no Space.

httpcore's pool looks at all of its connections, with a system call for each that is idle, whenever a request
begins or ends; and it closes idle ones while it has more than it keeps, though most of them be in use. So it
is given one connection each: that costs the same however many there are, and none is closed in between.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import httpx

KEPT = 5.0
"""Seconds for which an idle connection is kept; uvicorn closes those that are idle for as long."""
_MOST_IDLE = 100


class Connections(httpx.AsyncBaseTransport):
    """Sends each request on the connection that became idle last, or else on a new one.

    Args:
        open_one: Makes the transport of one connection.
        clock: Seconds, never going back.
    """

    def __init__(
        self, open_one: Callable[[], httpx.AsyncBaseTransport], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_one = open_one
        self._clock = clock
        self._all: set[httpx.AsyncBaseTransport] = set()
        self._idle: deque[tuple[float, httpx.AsyncBaseTransport]] = deque()  # since when, oldest first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; its connection is idle again once the response is closed."""
        one = self._take()
        try:
            response = await one.handle_async_request(request)
        except BaseException:
            await self._give_back(one)
            raise
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Body(body, lambda: self._give_back(one))
        return response

    async def aclose(self) -> None:
        """Closes all connections, those in use as well."""
        closing, self._all = self._all, set()
        self._idle.clear()
        for one in closing:
            await one.aclose()

    def _take(self) -> httpx.AsyncBaseTransport:
        if self._idle:
            return self._idle.pop()[1]
        one = self._open_one()
        self._all.add(one)
        return one

    async def _give_back(self, one: httpx.AsyncBaseTransport) -> None:
        """Keeps a connection, and closes those that were idle for too long, or are too many."""
        if one not in self._all:
            return  # all were closed meanwhile
        now = self._clock()
        self._idle.append((now, one))
        closing = []  # chosen at once: while one is closed, others come and go
        while now - self._idle[0][0] > KEPT or len(self._idle) > _MOST_IDLE:
            closing.append(self._idle.popleft()[1])
        self._all.difference_update(closing)
        for old in closing:
            await old.aclose()


class _Body(httpx.AsyncByteStream):
    """A response's body, whose end gives its connection back."""

    def __init__(self, body: httpx.AsyncByteStream, give_back: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._give_back: Callable[[], Awaitable[None]] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        """Closes it; a second time does nothing."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            try:
                await self._body.aclose()
            finally:
                await give_back()
