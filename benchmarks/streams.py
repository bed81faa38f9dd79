"""Memory of an open stream: Python's own allocations while many answers have begun and none has ended.

Against a replayed Space whose answers never end; what a client holds anyway is not counted.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import httpx

from benchmarks.figure import Effort, Figure, Report, Spread, at_most
from benchmarks.floor import Floor
from benchmarks.replay import Play, replaying
from phi4_space import Delta, SpaceClient

_QUESTION = "Never stop."
_PATH = Play("hold").path


def measure(effort: Effort) -> Report:
    """Ours, and the floor's, as many as its client opens connections."""
    with replaying() as url:
        seen = asyncio.run(_measure(url + _PATH, effort(90, 5)))
    ours, floor = (Spread.of([kilobytes]) for kilobytes in seen)
    more = Spread.of([ours.value - floor.value])
    return Report(
        [
            Figure("an open stream, over the floor's", more, unit="KB", goal=at_most(25)),
            Figure("an open stream, ours", ours, unit="KB"),
            Figure("an open stream, floor", floor, unit="KB"),
        ]
    )


async def _measure(url: str, count: int) -> tuple[float, float]:
    async with httpx.AsyncClient(timeout=60) as http, SpaceClient(url) as client:
        floor = Floor(url, http)
        await floor.look()
        data = [{"messages": [{"role": "user", "content": _QUESTION}]}, None]

        async def ours() -> AsyncIterator[None]:
            async with aclosing(client.astream(_QUESTION)) as events:
                async for event in events:
                    if isinstance(event, Delta):
                        yield

        async def floors() -> AsyncIterator[None]:
            async for message in floor.messages("chat_completion", data):
                if message["msg"] == "process_generating":
                    yield

        return await _held(ours, count), await _held(floors, count)


async def _held(stream: Callable[[], AsyncIterator[None]], count: int) -> float:
    """KB for each of so many streams, read to the answer's beginning."""
    has_begun = asyncio.Semaphore(0)

    async def read() -> None:
        async for _ in stream():
            has_begun.release()

    async def opened(number: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.ensure_future(read()) for _ in range(number)]
        for _ in range(number):
            await has_begun.acquire()
        await asyncio.sleep(0.2)  # for what else has arrived by then
        return tasks

    first = await opened(1)  # what is made once
    gc.collect()
    tracemalloc.start()
    tasks = await opened(count)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for task in [*first, *tasks]:
        task.cancel()
    await asyncio.gather(*first, *tasks, return_exceptions=True)
    return held / count / 1000
