"""The bridge for synchronous callers. Knows asyncio; no Space.

One daemon thread runs one loop, so that synchronous calls share connections, and also work where a loop is
already running, as in a notebook. The thread is started on first use, and again after a fork.
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
from phi4_space._sync.locks import blocked_loop

T = TypeVar("T")
_SHUTDOWN_TIMEOUT = 2.0  # seconds, when the program exits


class _Background:
    """The thread and its loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.tasks: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks by weak references only
        self.thread = threading.Thread(target=self._run, name="phi4-space", daemon=True)
        self.thread.start()
        atexit.register(self._end)

    def _run(self) -> None:
        stopped = False
        while not stopped:
            # A task's SystemExit ends run_forever. It is for that caller alone; the others need the loop.
            with suppress(SystemExit, KeyboardInterrupt):
                self.loop.run_forever()
                stopped = True

    def _end(self) -> None:
        if not self.thread.is_alive():
            return  # in a forked child: the loop is the parent's
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._shut_down(), self.loop).result(_SHUTDOWN_TIMEOUT)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_SHUTDOWN_TIMEOUT)
        if not self.loop.is_running():
            self.loop.close()

    async def _shut_down(self) -> None:
        # In asyncio.run's order: tasks, which cancel their jobs on the Space; then generators.
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()


_background: _Background | None = None
_creating = threading.Lock()


def _after_fork() -> None:
    # A child has its parent's memory but none of its threads: the parent's loop would never run there.
    global _background, _creating
    _background, _creating = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none, and does not fork
    os.register_at_fork(after_in_child=_after_fork)


def _running() -> _Background:
    global _background  # noqa: PLW0603 - see _after_fork
    with _creating:
        if _background is None:
            _background = _Background()
    if threading.current_thread() is _background.thread:
        raise BlockingCallRefused("A synchronous call was made on the thread that has to carry it out")
    return _background


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Job(Generic[T]):
    """An async generator, drained in one task of the background loop."""

    def __init__(self, make_generator: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._make_generator = make_generator
        self._background = _running()
        self.items: SimpleQueue[tuple[T] | None] = SimpleQueue()
        self.ended = threading.Event()
        context = contextvars.copy_context()  # the caller's, so that its variables hold for the work too
        context.run(blocked_loop.set, _current_loop())
        self._background.loop.call_soon_threadsafe(self._begin, context=context)

    def _begin(self) -> None:
        self.task = self._background.loop.create_task(self._drain())
        self._background.tasks.add(self.task)
        # Not at the end of `_drain`, since a task that is cancelled before its first step never runs.
        self.task.add_done_callback(self._end)

    async def _drain(self) -> None:
        async with aclosing(self._make_generator()) as source:
            async for item in source:
                self.items.put((item,))

    def _end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio would log that nobody did, where the caller has left
        self._background.tasks.discard(task)
        self.ended.set()
        self.items.put(None)

    def stop(self) -> None:
        """Cancels the task and waits until it has cleaned up."""
        if self._background is not _background:
            return  # in a forked child: the work is the parent's, and goes on there
        self._background.loop.call_soon_threadsafe(self._cancel)
        if (
            threading.current_thread() is not self._background.thread
        ):  # where the garbage collector may close generators
            self.ended.wait()

    def _cancel(self) -> None:
        self.task.cancel()  # not in `stop`, which may run before `_begin` has made the task


def iterate(make_generator: Callable[[], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
    """Yields the items of an async generator as they arrive.

    Args:
        make_generator: Makes the generator, which runs from start to end in one task of the background loop.
            When the caller leaves early it is closed, and the caller waits until it has cleaned up.

    Raises:
        BlockingCallRefused: The caller is on the background loop's own thread.
    """
    job = _Job(make_generator)
    try:
        while (item := job.items.get()) is not None:
            yield item[0]
        job.task.result()
    finally:
        if not job.ended.is_set():
            job.stop()


def call(make_coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine on the background loop and returns its result.

    Args:
        make_coroutine: Makes the coroutine; when the caller is interrupted it is cancelled, as in `iterate`.

    Raises:
        BlockingCallRefused: The caller is on the background loop's own thread.
    """

    async def one_item() -> AsyncGenerator[T, None]:
        yield await make_coroutine()

    (result,) = iterate(one_item)
    return result
