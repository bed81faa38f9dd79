"""Locks: one for each loop, or one across all loops and threads. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar

from phi4_space._errors import BlockingCallRefused

blocked_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("blocked_loop", default=None)
"""The loop that is blocked until this work is done, because a synchronous call on it waits for the work."""


class LoopLock:
    """A lock for each loop, for work that two loops may do at once but two tasks of one loop need not.

    No loop waits for another, which may be blocked by a synchronous call.
    """

    def __init__(self) -> None:
        self._locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    def here(self) -> asyncio.Lock:
        """The running loop's lock."""
        for loop in list(self._locks):  # a copy, since other threads' loops come and go
            if loop.is_closed():
                self._locks.pop(loop, None)
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class CrossLoopLock:
    """A lock that tasks of any loop may take, in order of arrival.

    asyncio's own lock serves one loop; a conversation may be used from synchronous code and from a loop.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._holder: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[Future[None], asyncio.AbstractEventLoop]] = deque()

    def acquire(self) -> AbstractAsyncContextManager[None]:
        """Holds the lock for as long as an `async with` block.

        Raises:
            BlockingCallRefused: The wait would never end: the lock is held, or waited for, on a loop that is
                itself blocked until this call returns.
        """
        return _Acquired(self)

    async def wait(self) -> None:
        """Waits until the lock is free, and takes it."""
        here = asyncio.get_running_loop()
        with self._guard:
            if self._holder is None:
                self._holder = here
                return
            if blocked_loop.get() in {self._holder, *(loop for _, loop in self._waiting)}:
                raise BlockingCallRefused(
                    "A synchronous call would wait for another turn on the very event loop that it blocks"
                )
            ready: Future[None] = Future()
            self._waiting.append((ready, here))
        try:
            await asyncio.wrap_future(ready)
        except asyncio.CancelledError:
            # If the lock was handed over in the same moment, it goes on to the next one.
            if not ready.cancel():
                self.release()
            raise

    def release(self) -> None:
        """Hands the lock to the next one that waits."""
        with self._guard:
            while self._waiting:
                ready, self._holder = self._waiting.popleft()
                if ready.set_running_or_notify_cancel():
                    ready.set_result(None)
                    return
            self._holder = None


class _Acquired:
    """Holds the lock; a class, since a loop that shuts down closes generators before the turns they serve."""

    def __init__(self, lock: CrossLoopLock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        await self._lock.wait()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
