"""One at a time: on each loop for itself, or over all loops and threads. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar

from phi4_space._errors import BlockingCallRefused

held_up: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("held_up", default=None)
"""The loop that cannot run on before this work is done, since a synchronous call on it waits for it."""


class LoopLock:
    """A lock for each loop, for work that two loops may do at once, though no two tasks of one loop need to.

    No loop waits for another, which may be held up by a synchronous call.
    """

    def __init__(self) -> None:
        self._locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    def here(self) -> asyncio.Lock:
        """The running loop's lock."""
        for loop in list(self._locks):  # a copy, since other threads' loops come and go
            if loop.is_closed():
                self._locks.pop(loop, None)
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class Turnstile:
    """Lets one through at a time, in order of arrival, whatever loops they come on.

    asyncio's own lock serves one loop; a conversation may be used from synchronous code and from a loop.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[Future[None], asyncio.AbstractEventLoop]] = deque()

    def passage(self) -> AbstractAsyncContextManager[None]:
        """Waits for its turn and keeps the others waiting until left.

        Raises:
            BlockingCallRefused: It would wait for a loop that itself waits for this.
        """
        return _Passage(self)

    async def enter(self) -> None:
        """Waits for its turn."""
        here = asyncio.get_running_loop()
        with self._guard:
            if self._inside is None:
                self._inside = here
                return
            if held_up.get() in {self._inside, *(loop for _, loop in self._waiting)}:
                raise BlockingCallRefused(
                    "A synchronous call waits for another turn, on the loop that it holds up itself"
                )
            place: Future[None] = Future()
            self._waiting.append((place, here))
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            # Called in the moment of giving up: the next one's turn, then.
            if not place.cancel():
                self.leave()
            raise

    def leave(self) -> None:
        """Lets the next one in."""
        with self._guard:
            while self._waiting:
                place, self._inside = self._waiting.popleft()
                if place.set_running_or_notify_cancel():
                    place.set_result(None)
                    return
            self._inside = None


class _Passage:
    """One way through; a class, since a loop that shuts down ends generators before the turns they serve."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile

    async def __aenter__(self) -> None:
        await self._turnstile.enter()

    async def __aexit__(self, *_: object) -> None:
        self._turnstile.leave()
