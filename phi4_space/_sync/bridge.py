"""The bridge for synchronous callers. Knows asyncio; no Space.

One daemon thread runs one loop, so that synchronous calls share connections and work where a loop runs
already, as in notebooks. It is made on first use, and made anew after a fork.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing, suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from phi4_space._errors import BlockingCallRefused
from phi4_space._sync.locks import held_up

T = TypeVar("T")
_END_WITHIN = 2.0  # seconds that the loop gets when the program ends


class _Background:
    """The thread and its loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.work: set[asyncio.Task[None]] = set()  # asyncio itself would let go of a task that waits
        self.thread = threading.Thread(target=self._run, name="phi4-space", daemon=True)
        self.thread.start()
        atexit.register(self._end)

    def _run(self) -> None:
        stopped = False
        while not stopped:
            # A task's SystemExit ends run_forever. It is for its caller alone; all others need the loop.
            with suppress(SystemExit, KeyboardInterrupt):
                self.loop.run_forever()
                stopped = True

    def _end(self) -> None:
        if not self.thread.is_alive():
            return  # in a child that was forked: the loop is the parent's
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._let_go(), self.loop).result(_END_WITHIN)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_END_WITHIN)
        if not self.loop.is_running():
            self.loop.close()

    async def _let_go(self) -> None:
        # In asyncio.run's order: the work, which takes its jobs back; then what generators hold open.
        work = asyncio.all_tasks() - {asyncio.current_task()}
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self.loop.shutdown_asyncgens()


_background: _Background | None = None
_making = threading.Lock()


def _after_fork() -> None:
    # The child has the parent's memory and none of its threads: the parent's loop would never run there.
    global _background, _making
    _background, _making = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none, and does not fork
    os.register_at_fork(after_in_child=_after_fork)


def _running() -> _Background:
    global _background  # noqa: PLW0603 - see _after_fork
    with _making:
        if _background is None:
            _background = _Background()
    if threading.current_thread() is _background.thread:
        raise BlockingCallRefused("A synchronous call was made on the thread that has to carry it out")
    return _background


def _loop_here() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Job(Generic[T]):
    """An async generator, drained in one task of the background loop."""

    def __init__(self, work: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._work = work
        self._place = _running()
        self.items: SimpleQueue[tuple[T] | None] = SimpleQueue()
        self.ended = threading.Event()
        context = contextvars.copy_context()  # the caller's, so that what it set holds for the work, too
        context.run(held_up.set, _loop_here())
        self._place.loop.call_soon_threadsafe(self._begin, context=context)

    def _begin(self) -> None:
        self.task = self._place.loop.create_task(self._drain())
        self._place.work.add(self.task)
        # Not at the end of `_drain`: a task that is cancelled before its first step never runs at all.
        self.task.add_done_callback(self._end)

    async def _drain(self) -> None:
        async with aclosing(self._work()) as source:
            async for item in source:
                self.items.put((item,))

    def _end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # looked at, lest asyncio say that nobody did where the caller has left
        self._place.work.discard(task)
        self.ended.set()
        self.items.put(None)

    def stop(self) -> None:
        """Cancels what still runs and waits for its clean-up."""
        if self._place is not _background:
            return  # in a child that was forked: the work is the parent's, and goes on there
        self._place.loop.call_soon_threadsafe(self._cancel)
        if threading.current_thread() is not self._place.thread:  # where a collector may close generators
            self.ended.wait()

    def _cancel(self) -> None:
        self.task.cancel()  # looked up here, since `_begin` runs before this and perhaps after `stop`


def iterate(work: Callable[[], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
    """Yields what an async generator yields, as it comes.

    Args:
        work: Makes the generator. It runs, whole, in one task of the background loop; when the caller
            leaves early it is closed, and its clean-up waited for.

    Raises:
        BlockingCallRefused: The caller is on the background loop's own thread.
    """
    job = _Job(work)
    try:
        while (item := job.items.get()) is not None:
            yield item[0]
        job.task.result()
    finally:
        if not job.ended.is_set():
            job.stop()


def call(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Carries out a coroutine on the background loop and waits for its result.

    Args:
        work: Makes the coroutine; when the caller is interrupted it is cancelled, as in `iterate`.

    Raises:
        BlockingCallRefused: The caller is on the background loop's own thread.
    """

    async def alone() -> AsyncGenerator[T, None]:
        yield await work()

    (result,) = iterate(alone)
    return result
