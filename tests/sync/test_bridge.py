"""The bridge for synchronous callers: any thread, any loop, after a fork."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from phi4_space._errors import BlockingCallRefused
from phi4_space._sync import bridge as _blocking
from phi4_space._sync.bridge import call, iterate

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def _own_loop() -> Iterator[None]:
    """As in a process where nobody has made a synchronous call yet."""
    before = _blocking._background
    _blocking._after_fork()
    yield
    _blocking._background = before


async def this_loop() -> int:
    """Which loop carries this out."""
    return id(asyncio.get_running_loop())


async def count(log: list[str], size: int = 3) -> AsyncGenerator[int, None]:
    """Numbers, and in the log when the clean-up, which takes its time, was over."""
    try:
        for number in range(size):
            yield number
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        log.append("cleaned up")


# --- calls ----------------------------------------------------------------------------------------------


def test_a_call_gives_the_coroutines_result() -> None:
    """A coroutine is carried out elsewhere and its result handed back; all calls share one loop."""
    assert call(this_loop) == call(this_loop)


def test_a_call_works_inside_a_running_loop() -> None:
    """In a notebook, where a loop runs in this very thread, a synchronous call works on a loop of its own."""

    async def cell() -> tuple[int, int, list[int]]:
        async def two() -> AsyncGenerator[int, None]:
            yield 1
            yield 2

        return await this_loop(), call(this_loop), list(iterate(two))

    here, there, items = asyncio.run(cell())

    assert here != there
    assert items == [1, 2]


class CustomError(Exception):
    """Nobody else's."""


def test_errors_travel() -> None:
    """What the coroutine raises is raised here, the very same, with its cause."""
    failure = CustomError("boom")

    async def fail() -> NoReturn:
        raise failure from ValueError("why")

    with pytest.raises(CustomError) as caught:
        call(fail)

    assert caught.value is failure
    assert isinstance(failure.__cause__, ValueError)


def test_errors_travel_behind_the_items_before_them() -> None:
    """What came before a failure is yielded first."""

    async def one_then_fail() -> AsyncGenerator[int, None]:
        yield 1
        raise CustomError

    items = iterate(one_then_fail)

    assert next(items) == 1
    with pytest.raises(CustomError):
        next(items)
    assert list(items) == []


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exit_is_its_callers_alone(kind: type[BaseException]) -> None:
    """SystemExit reaches the one who called, and the loop goes on for all others."""

    async def leave() -> NoReturn:
        raise kind

    before = call(this_loop)
    with pytest.raises(kind):
        call(leave)

    assert call(this_loop) == before


def test_items_come_as_they_are_made() -> None:
    """An item is here before the next is made, so that answers stream."""
    made = threading.Event()

    async def gated() -> AsyncGenerator[int, None]:
        yield 1
        while not made.is_set():
            await asyncio.sleep(0.001)
        yield 2

    items = iterate(gated)

    assert next(items) == 1
    made.set()
    assert next(items) == 2


def test_an_empty_generator_ends_at_once() -> None:
    """No items are no items."""

    async def none() -> AsyncGenerator[int, None]:
        return
        yield

    assert list(iterate(none)) == []


def test_nothing_begins_before_the_first_item_is_asked_for() -> None:
    """A generator that nobody reads opens nothing."""
    log: list[str] = []

    items = iterate(lambda: count(log))
    items.close()
    call(this_loop)

    assert log == []


def test_leaving_early_waits_for_the_clean_up() -> None:
    """Who leaves a loop over items finds the work taken back, to the last of its clean-up."""
    log: list[str] = []

    for number in iterate(lambda: count(log)):
        if number == 1:
            break

    assert log == ["cleaned up"]


def test_an_interrupted_wait_takes_the_work_back() -> None:
    """Ctrl-C while waiting cancels the work and waits for its clean-up, then goes on its way."""
    log: list[str] = []
    items = iterate(lambda: count(log))
    next(items)

    with pytest.raises(KeyboardInterrupt):
        items.throw(KeyboardInterrupt)

    assert log == ["cleaned up"]


def test_work_that_was_not_begun_can_be_taken_back() -> None:
    """Leaving before the other thread came to begin the work neither hangs nor begins it."""
    log: list[str] = []
    held, go = threading.Event(), threading.Event()

    async def hold() -> None:
        held.set()
        go.wait(5)

    with ThreadPoolExecutor() as threads:
        threads.submit(call, hold)
        held.wait(5)
        job = _blocking._Job(lambda: count(log))
        stopping = threads.submit(job.stop)
        go.set()
        stopping.result(5)

    assert job.ended.is_set()
    assert log == []


def test_context_variables_are_carried() -> None:
    """What a tracer keeps in context variables is seen by the work, and what the work sets stays there."""
    name = contextvars.ContextVar("name", default="nobody")
    name.set("ada")

    async def look() -> str:
        seen = name.get()
        name.set("bob")
        return seen

    assert call(look) == "ada"
    assert name.get() == "ada"


@pytest.mark.usefixtures("_own_loop")
def test_many_threads_share_one_loop() -> None:
    """However many threads make the first call at once, one loop is made, and each gets its own result."""
    barrier = threading.Barrier(8)

    def first_call(number: int) -> tuple[int, int]:
        async def work() -> tuple[int, int]:
            await asyncio.sleep(0.001)
            return number, await this_loop()

        barrier.wait(5)
        return call(work)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(first_call, range(8)))

    assert [number for number, _ in results] == list(range(8))
    assert len({loop for _, loop in results}) == 1


def test_the_thread_that_does_the_work_cannot_wait_for_it() -> None:
    """A synchronous call from inside the work would wait for itself, so it is refused by name."""

    async def nested() -> None:
        call(this_loop)

    async def nested_items() -> None:
        next(iterate(lambda: count([])))

    with pytest.raises(BlockingCallRefused, match="on the thread that has to carry it out") as refused:
        call(nested)
    with pytest.raises(BlockingCallRefused):
        call(nested_items)

    assert "areply" in refused.value.advice


def test_a_collector_on_the_working_thread_does_not_hang_it() -> None:
    """A generator left in a cycle may be closed by the collector on the working thread; the work goes on."""
    log: list[str] = []
    ring: list[object] = []

    async def collect() -> None:
        gc.collect()

    async def until_cleaned_up() -> None:
        while not log:
            await asyncio.sleep(0.001)

    gc.disable()
    try:
        items = iterate(lambda: count(log))
        next(items)
        ring.extend((ring, items))
        del items, ring
        call(collect)
        call(lambda: asyncio.wait_for(until_cleaned_up(), 5))
    finally:
        gc.enable()

    assert log == ["cleaned up"]


# --- forks and ends -------------------------------------------------------------------------------------


@needs_fork
def test_a_forked_child_makes_a_loop_of_its_own() -> None:
    """After a fork the parent's loop does not run in the child, so the child's first call makes one."""
    parents = call(this_loop)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
        child = os.fork()
    if not child:
        signal.alarm(20)  # a child that hangs dies of it
        os._exit(0 if call(this_loop) else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert call(this_loop) == parents


@pytest.mark.usefixtures("_own_loop")
def test_a_child_does_not_wait_for_its_parents_work() -> None:
    """An answer that streams when a process forks is the parent's; its copy in the child ends at once."""
    log: list[str] = []
    items = iterate(lambda: count(log))
    next(items)
    parents = _blocking._background
    assert parents is not None

    _blocking._after_fork()  # as a child finds itself
    items.close()

    assert log == []
    assert call(this_loop) != id(parents.loop)
    parents._end()  # which lets the work end, in this one process
    assert log == ["cleaned up"]


def test_the_loop_ends_in_order_and_once() -> None:
    """When the program ends, work is taken back, what generators hold is let go, and the thread stops."""
    log: list[str] = []
    place = _blocking._Background()

    async def open_generator() -> None:
        held = count(log)
        await anext(held)
        log.append("open")
        await asyncio.Event().wait()

    asyncio.run_coroutine_threadsafe(open_generator(), place.loop)
    while not log:
        time.sleep(0.001)
    place._end()
    place._end()

    assert log == ["open", "cleaned up"]
    assert place.loop.is_closed()
    assert not place.thread.is_alive()


def test_a_loop_that_hangs_does_not_keep_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop blocked by somebody's slow code gets a moment, then the program ends without it."""
    monkeypatch.setattr(_blocking, "_SHUTDOWN_TIMEOUT", 0.01)
    go = threading.Event()
    place = _blocking._Background()
    place.loop.call_soon_threadsafe(go.wait, 10)

    place._end()
    still_running = place.loop.is_running()
    go.set()
    place.thread.join(5)
    with contextlib.suppress(asyncio.CancelledError):  # the end cancels all tasks, this one too if it is late
        place.loop.run_until_complete(asyncio.sleep(0))
    place.loop.run_until_complete(asyncio.sleep(0))  # what the end had asked for is carried out
    place.loop.close()

    assert still_running


PROGRAM = """
import asyncio, sys
from phi4_space._sync.bridge import call, iterate

async def answer():
    try:
        yield "Hel"
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        print("taken back")

items = iterate(answer)
print(next(items))
{last}
"""


@pytest.mark.parametrize(
    "last",
    [
        "",
        "sys.exit()",
        pytest.param(
            "import os\nif not os.fork(): sys.exit(print('child', flush=True))\nos.wait()", marks=needs_fork
        ),
    ],
)
def test_a_program_that_ends_takes_its_work_back_quietly(last: str) -> None:
    """A program may end in the middle of an answer: the work is taken back, and nothing is logged."""
    ended = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM.format(last=last)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert ended.stderr == ""
    assert [line for line in ended.stdout.split() if line != "child"][-2:] == ["taken", "back"]
    assert ended.stdout.count("taken back") == 1
