"""An async generator that runs in a task of its own. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


async def relay(work: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Yields what a generator yields, as it comes; the generator runs, whole, in one task.

    A loop that shuts down ends all generators at once, inner ones before those that still need them. Tasks
    it cancels before that, one by one: so a generator that was left open can clean up in order.

    Args:
        work: Makes the generator; when this one is left early, that one is closed, and waited for.
    """
    items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    async def drain() -> None:
        async with aclosing(work()) as source:
            async for item in source:
                items.put_nowait((item,))

    task = asyncio.create_task(drain())
    task.add_done_callback(lambda _: items.put_nowait(None))
    try:
        while (item := await items.get()) is not None:
            yield item[0]
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains of one that a caller did not wait for
