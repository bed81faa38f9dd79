"""Clocks: works that take turns, and the CPU time of other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

Work = Callable[[], Awaitable[object]]
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def by_turns(
    works: Mapping[str, Work], rounds: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """The seconds that each work took, round by round.

    They take turns, so that what else the machine does touches all alike. One round more comes first, to warm
    up.
    """
    seen: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            began = clock()
            await work()
            if number:
                seen[name].append(clock() - began)
    return seen


def cpu_of(pid: int) -> float:
    """The CPU seconds of a process so far, with those of its threads; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_of(pid: int) -> float:
    """A process's resident memory in MB; Linux only."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
