"""What a client computes for each streamed delta: CPU time of its own process, against a replayed Space.

The floor parses each message and makes nothing of it; ours yields a `Delta` for each. One by one, as a model
writes them, deltas cost most of all to wake up for; all at once, as after a stall, they cost what reading
them costs.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from benchmarks.figure import Effort, Figure, Plot, Report, at_most, ratio
from benchmarks.floor import Floor
from benchmarks.measure import Work, by_turns
from benchmarks.replay import Play, replaying
from phi4_space import SpaceClient

CONTRACTS = {"two steps": "process_message", "chat_completion": "chat_completion"}
_QUESTION = "Say something long."
_PAUSE = 300  # microseconds; a timer makes a millisecond of it, within which a client is through with a delta


def measure(effort: Effort) -> Report:
    """By both contracts, in answers of several lengths."""
    lengths = [effort(1_000, 20), effort(2_000, 30), effort(8_000, 50)]
    figures: list[Figure] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    with replaying() as url:
        for contract, endpoint in CONTRACTS.items():
            plays = [Play(deltas=deltas) for deltas in lengths]
            seen = asyncio.run(
                _times(url, endpoint, [*plays, Play(deltas=lengths[0] // 2, pause=_PAUSE)], effort(4))
            )
            (floors, ours), (slow_floor, slow_ours) = zip(*seen[:-1], strict=True), seen[-1]
            figures += [
                Figure(f"{contract}: one by one / floor", ratio(slow_ours, slow_floor), goal=at_most(1.0)),
                Figure(f"{contract}: all at once / floor", ratio(ours[0], floors[0])),
                Figure(f"{contract}: of 8,000 / of 1,000", ratio(ours[-1], ours[0]), goal=at_most(1.1)),
            ]
            for who, times in (("floor", floors), ("ours", ours)):
                lines[f"{who}, {contract}"] = [
                    (deltas, 1e6 * statistics.median(each))
                    for deltas, each in zip(lengths, times, strict=True)
                ]
    plot = Plot(
        name="deltas",
        title="CPU for each delta, all at once",
        x="deltas of an answer",
        y="microseconds",
        lines=lines,
    )
    return Report(figures, [plot])


async def _times(
    url: str, endpoint: str, plays: Sequence[Play], rounds: int
) -> list[tuple[list[float], list[float]]]:
    """For each play, the seconds for a delta of the floor and of ours."""
    async with AsyncExitStack() as stack:
        works: dict[str, Work] = {}
        for play in plays:
            pair = await stack.enter_async_context(_pair(url + play.path, endpoint))
            works |= {f"{play} {who}": work for who, work in enumerate(pair)}
        seen = await by_turns(works, rounds, clock=time.process_time)
    return [
        ([one / play.deltas for one in seen[f"{play} 0"]], [one / play.deltas for one in seen[f"{play} 1"]])
        for play in plays
    ]


@asynccontextmanager
async def _pair(url: str, endpoint: str) -> AsyncIterator[tuple[Work, Work]]:
    async with httpx.AsyncClient(timeout=60) as http, SpaceClient(url, endpoint=endpoint) as client:
        floor = Floor(url, http)
        await floor.look()

        async def ours() -> None:
            async for _ in client.astream(_QUESTION):
                pass

        whole = endpoint == "chat_completion"
        yield (lambda: floor.chat(_QUESTION)) if whole else (lambda: floor.two_steps(_QUESTION)), ours
