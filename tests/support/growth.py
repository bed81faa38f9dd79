"""How work grows with the size of what is worked on. Knows no rooms, and no clock on the wall."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise

_LEAST = 0.02  # seconds of work; less is noise, such as the first touch of a page of memory
_GENEROUS = 3  # times what proportion would make it; a square makes it ten times


def assert_proportional(prepare: Callable[[int], Callable[[], object]], *sizes: int) -> None:
    """Makes sure that ten times as much takes about ten times the work of this thread.

    Args:
        prepare: Makes the work for a size.
        *sizes: Sizes, from small to large.
    """
    spent = [min(_spent(prepare(size)) for _ in range(2)) for size in sizes]
    for (small, less), (large, more) in pairwise(zip(sizes, spent, strict=True)):
        assert more <= _GENEROUS * large / small * max(less, _LEAST), dict(zip(sizes, spent, strict=True))


def assert_independent(prepare: Callable[[int], Callable[[], object]], small: int, large: int) -> None:
    """Makes sure that work does not grow with a size, or hardly.

    Args:
        prepare: Makes the work for a size.
        small: A size.
        large: One many times as large.
    """
    less, more = (min(_spent(prepare(size)) for _ in range(2)) for size in (small, large))
    assert more <= _GENEROUS * max(less, _LEAST), {small: less, large: more}


def _spent(work: Callable[[], object]) -> float:
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        gc.enable()
