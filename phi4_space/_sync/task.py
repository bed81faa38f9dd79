"""An async generator that runs in a task of its own. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from phi4_space._sync.loop import require_asyncio

T = TypeVar("T")


async def run_in_task(make_generator: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Runs an async generator in one task, from start to end, and yields its items as they arrive.

    A loop that shuts down closes all its generators at once, inner ones before the outer ones that still need
    them. It cancels tasks before that, one by one, so a generator that was left open can clean up in order.

    Args:
        make_generator: Makes the generator. If this one is closed early, that one is closed too, and this one
            waits until it has cleaned up.

    Raises:
        LoopNotSupported: asyncio's loop does not run here.
    """
    require_asyncio()
    items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    async def drain() -> None:
        async with aclosing(make_generator()) as source:
            async for item in source:
                items.put_nowait((item,))

    task = asyncio.create_task(drain())
    task.add_done_callback(lambda _: items.put_nowait(None))
    try:
        while (item := await items.get()) is not None:
            yield item[0]
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio would log that nobody did
