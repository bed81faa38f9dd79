"""The lock across loops: one passes at a time, whatever loop or thread it is on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from phi4_space._sync.locks import CrossLoopLock


def test_one_passes_at_a_time_in_order_of_arrival() -> None:
    """Those who wait go in one by one, first come first served."""
    log: list[str] = []

    async def visit(lock: CrossLoopLock, name: str) -> None:
        async with lock.acquire():
            log.append(f"{name} in")
            await asyncio.sleep(0)
            log.append(f"{name} out")

    async def main() -> None:
        lock = CrossLoopLock()
        await asyncio.gather(*(visit(lock, name) for name in "abc"))

    asyncio.run(main())

    assert log == ["a in", "a out", "b in", "b out", "c in", "c out"]


def test_one_passes_at_a_time_across_threads_and_loops() -> None:
    """Callers on different loops and threads keep each other out all the same, and all get in."""
    lock = CrossLoopLock()
    inside = visits = 0

    async def visit() -> None:
        nonlocal inside, visits
        for _ in range(5):
            async with lock.acquire():
                inside += 1
                assert inside == 1
                await asyncio.sleep(0.0005)
                inside -= 1
                visits += 1

    async def crowd() -> None:
        await asyncio.gather(visit(), visit())

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(asyncio.run, crowd()) for _ in range(4)]:
            done.result(30)

    assert visits == 40


def test_a_failure_inside_lets_the_next_one_in() -> None:
    """Who fails inside leaves like everybody else."""

    async def main() -> str:
        lock = CrossLoopLock()
        with pytest.raises(KeyError):
            async with lock.acquire():
                raise KeyError
        async with asyncio.timeout(5), lock.acquire():
            return "in"

    assert asyncio.run(main()) == "in"


@pytest.mark.parametrize("steps_before", range(4))
@pytest.mark.parametrize("steps_after", range(4))
def test_who_gives_up_passes_the_turn_on(steps_before: int, steps_after: int) -> None:
    """A waiter that is cancelled, be it in the moment of being called, never keeps the next one out."""

    async def main() -> list[str]:
        lock = CrossLoopLock()
        entered: list[str] = []

        async def visit(name: str) -> None:
            async with lock.acquire():
                entered.append(name)

        async with lock.acquire():
            impatient = asyncio.create_task(visit("impatient"))
            patient = asyncio.create_task(visit("patient"))
            await asyncio.sleep(0)
            if steps_before == 0:
                impatient.cancel()
                await asyncio.sleep(0)
        for _ in range(steps_before - 1):
            await asyncio.sleep(0)
        impatient.cancel()
        for _ in range(steps_after):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.wait([impatient, patient])
            await visit("last")
        return entered

    entered = asyncio.run(main())

    assert entered[-2:] == ["patient", "last"]
