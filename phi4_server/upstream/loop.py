"""An event loop in a thread of its own, for callers that have none. Knows no HTTP and no model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_PULSE_S = 0.5
_THREADS = 64
"""For what blocks, which is mostly waiting for something else; asyncio's own few would hold others up."""

_END: Any = object()


class BackgroundLoop:
    """A loop that runs until the program ends, or `close`. Safe to use from several threads."""

    def __init__(self) -> None:
        """Starts it."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS))
        self._thread = threading.Thread(target=self._loop.run_forever, name="phi4-upstream", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns, or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def iterate(self, items: AsyncGenerator[T, None]) -> Generator[T | None]:
        """Yields what an asynchronous generator does, and None every half second in which it yields nothing.

        It runs only as far as it is asked to. Closing this generator ends it, whatever it is waiting for.
        """
        steps = _Steps(items)
        try:
            while True:
                step = asyncio.run_coroutine_threadsafe(steps.next(), self._loop)
                while not wait([step], _PULSE_S).done:
                    yield None
                if (item := step.result()) is _END:
                    return
                yield item
        except GeneratorExit:
            asyncio.run_coroutine_threadsafe(steps.close(), self._loop)
            raise

    def close(self) -> None:
        """Ends what is under way, and stops it."""
        self.run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


class _Steps:
    """The steps of a generator, each in a task of its own, the last of which can be cancelled."""

    def __init__(self, items: AsyncGenerator[Any, None]) -> None:
        self._items = items
        self._task: asyncio.Task[Any] | None = None

    async def next(self) -> Any:
        self._task = asyncio.current_task()
        return await anext(self._items, _END)

    async def close(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(Exception):  # nobody is there any more to be told
            await self._items.aclose()
