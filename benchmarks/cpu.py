"""What a client computes for a turn of eight deltas: CPU time of its own process, against a replayed Space.

It has no goal of its own: beside a real Space's answer it is small, which the turns by distance show.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import httpx

from benchmarks.figure import Effort, Figure, Report, Spread, ratio
from benchmarks.floor import Floor
from benchmarks.measure import by_turns
from benchmarks.replay import Play, replaying
from phi4_space import SpaceClient

_QUESTION = "Say something short."


def measure(effort: Effort) -> Report:
    """By both contracts."""
    with replaying() as url:
        seen = asyncio.run(_times(url + Play().path, effort(60)))
    figures = []
    for contract in ("two steps", "chat_completion"):
        ours, floor = seen[contract], seen[f"floor, {contract}"]
        milliseconds = Spread.of([1000 * each for each in ours])
        figures += [
            Figure(f"{contract} / floor", ratio(ours, floor)),
            Figure(f"{contract}, CPU of a turn", milliseconds, unit="ms"),
        ]
    return Report(figures)


async def _times(url: str, rounds: int) -> dict[str, list[float]]:
    async with AsyncExitStack() as stack:
        floor = Floor(url, await stack.enter_async_context(httpx.AsyncClient(timeout=60)))
        await floor.look()
        steps = await stack.enter_async_context(SpaceClient(url, endpoint="process_message"))
        chats = await stack.enter_async_context(SpaceClient(url, endpoint="chat_completion"))
        works = {
            "floor, two steps": lambda: floor.two_steps(_QUESTION),
            "two steps": lambda: steps.areply(_QUESTION),
            "floor, chat_completion": lambda: floor.chat(_QUESTION),
            "chat_completion": lambda: chats.areply(_QUESTION),
        }
        return await by_turns(works, rounds, clock=time.process_time)
