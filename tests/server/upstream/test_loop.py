"""An asynchronous generator, for callers without a loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import CancelledError

import pytest

from phi4_server.upstream.loop import BackgroundLoop


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    """A running loop."""
    found = BackgroundLoop()
    yield found
    found.close()


class Items:
    """Numbers, with a pause before each; notes what was made, and that it was closed."""

    def __init__(self, *, pause: float = 0.0, fails: bool = False) -> None:
        """Begins nothing."""
        self.pause = pause
        self.fails = fails
        self.made = 0
        self.closed = threading.Event()

    async def numbers(self) -> AsyncGenerator[int, None]:
        """Three of them."""
        try:
            for number in range(3):
                await asyncio.sleep(self.pause)
                self.made += 1
                yield number
            if self.fails:
                raise KeyError("no more")
        finally:
            self.closed.set()


def test_items_come_in_order(loop: BackgroundLoop) -> None:
    """What the generator yields, to its end."""
    items = Items()

    assert list(loop.iterate(items.numbers())) == [0, 1, 2]
    assert items.closed.is_set()


def test_nothing_runs_ahead(loop: BackgroundLoop) -> None:
    """The next item is made when it is asked for."""
    items = Items()
    taken = loop.iterate(items.numbers())

    assert next(taken) == 0
    time.sleep(0.1)

    assert items.made == 1
    taken.close()
    assert items.closed.wait(5)


def test_what_it_raises_is_raised(loop: BackgroundLoop) -> None:
    """An error of the generator's comes after its items."""
    taken = loop.iterate(Items(fails=True).numbers())

    assert [next(taken) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="no more"):
        next(taken)


def test_waiting_can_be_left(loop: BackgroundLoop) -> None:
    """While an item takes long, None comes now and then; closing then ends the generator at once."""
    items = Items(pause=60)
    taken = loop.iterate(items.numbers())

    assert next(taken) is None
    taken.close()

    assert items.closed.wait(5)
    assert items.made == 0


def test_one_that_was_never_begun_can_be_closed(loop: BackgroundLoop) -> None:
    """Nothing has run, and nothing runs."""
    items = Items()

    loop.iterate(items.numbers()).close()

    assert items.made == 0


def test_a_loop_that_is_closed_ends_what_is_under_way() -> None:
    """A generator that waits is ended, and whoever waits for it is told."""
    loop, items = BackgroundLoop(), Items(pause=60)
    taken = loop.iterate(items.numbers())
    next(taken)

    loop.close()

    assert items.closed.is_set()
    with pytest.raises(CancelledError):
        next(taken)


def test_several_share_a_loop(loop: BackgroundLoop) -> None:
    """Those that wait do not keep each other waiting."""
    began = time.monotonic()
    results: list[list[int | None]] = []
    threads = [
        threading.Thread(target=lambda: results.append(list(loop.iterate(Items(pause=0.1).numbers()))))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [[0, 1, 2]] * 8
    assert time.monotonic() - began < 2


def test_a_coroutine_has_a_result(loop: BackgroundLoop) -> None:
    """What it returns is returned."""

    async def answer() -> int:
        return 42

    assert loop.run(answer()) == 42
