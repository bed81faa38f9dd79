"""A turn with a recording, in a process of its own: MB of memory it took at most, and seconds. See `media`.

python -m benchmarks.recording floor|ours URL FILE
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from benchmarks.floor import Floor
from phi4_space import SpaceClient

_QUESTION = "What is said?"


def most_memory() -> float:
    """The most memory that this process held so far, in MB; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


async def measured(small: Callable[[], Awaitable[object]], large: Callable[[], Awaitable[object]]) -> None:
    """Prints by how much a turn needed more than one before it, and how long it took."""
    await small()
    before, began = most_memory(), time.perf_counter()
    await large()
    print(most_memory() - before, time.perf_counter() - began)


async def ours(url: str, file: Path) -> None:
    """By areply."""
    async with SpaceClient(url, timeouts=120) as client:
        await measured(
            lambda: client.areply(_QUESTION, media=[_short(file)]),
            lambda: client.areply(_QUESTION, media=[file]),
        )


async def floor(url: str, file: Path) -> None:
    """From the open file, as httpx reads it."""
    async with httpx.AsyncClient(timeout=120) as http:
        one = Floor(url, http)
        await one.look()

        async def turn(data: bytes | None) -> None:
            if data is None:
                with file.open("rb") as opened:
                    files = [await one.upload(file.name, opened)]
            else:
                files = [await one.upload(file.name, data)]
            await one.chat(_QUESTION, files)

        await measured(lambda: turn(_short(file)), lambda: turn(None))


def _short(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(10_000)


if __name__ == "__main__":
    who, where, name = sys.argv[1:]
    asyncio.run({"ours": ours, "floor": floor}[who](where, Path(name)))
