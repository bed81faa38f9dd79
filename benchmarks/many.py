"""Many turns at the same time, through one client, against a replayed Space that answers after 100 ms.

Each figure says how many turns ours takes while the floor takes one. The floor's httpx client, left as it is,
opens a hundred connections at most. At last many calls are made, 64 at a time, and their errors counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from benchmarks.figure import Effort, Figure, Report, Spread, at_least, at_most, ratio
from benchmarks.floor import Floor
from benchmarks.measure import by_turns
from benchmarks.replay import Play, replaying
from phi4_space import Phi4Error, SpaceClient

_PLAY = Play(wait=100)
_QUESTION = "Say something short."
_GOALS = {64: at_least(1.0), 256: at_least(1.5)}


def measure(effort: Effort) -> Report:
    """At two widths, and then for long."""
    with replaying() as url:
        figures = [asyncio.run(_width(url, width, effort)) for width in _GOALS]
        calls = effort(10_000, 100)
        errors = float(asyncio.run(_errors(url, calls)))
    spread = Spread(errors, errors, errors)
    return Report([*figures, Figure(f"errors in {calls:,} calls", spread, unit="errors", goal=at_most(0))])


async def _width(url: str, width: int, effort: Effort) -> Figure:
    async with (
        httpx.AsyncClient(timeout=60) as http,
        SpaceClient(url + _PLAY.path, endpoint="process_message", timeouts=60) as client,
    ):
        floor = Floor(url + _PLAY.path, http)
        await floor.look()
        each = effort(2, 1) if width == min(_GOALS) else 1

        async def at_once(turn: Callable[[], Awaitable[object]]) -> None:
            async def one() -> None:
                for _ in range(each):
                    await turn()

            await asyncio.gather(*(one() for _ in range(width)))

        seen = await by_turns(
            {
                "floor": lambda: at_once(lambda: floor.two_steps(_QUESTION)),
                "ours": lambda: at_once(lambda: client.areply(_QUESTION)),
            },
            effort(4, 1),
        )
    return Figure(
        f"{width} at a time: turns of ours / of the floor",
        ratio(seen["floor"], seen["ours"]),
        goal=_GOALS[width],
    )


async def _errors(url: str, calls: int) -> int:
    left, errors = calls, 0
    async with SpaceClient(url + Play().path, endpoint="chat_completion", max_retries=0) as client:

        async def worker() -> None:
            nonlocal left, errors
            while left > 0:
                left -= 1
                try:
                    await client.areply(_QUESTION)
                except Phi4Error:
                    errors += 1

        await asyncio.gather(*(worker() for _ in range(64)))
    return errors
