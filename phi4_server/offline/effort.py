"""Effort: how much work an answer may take, counted in steps. Knows no task.

Each text costs a step for every character that it is read over; a schema, for every place and value that is
tried. So neither a text nor a schema keeps the model for long, whatever they make of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST = 3_000_000
"""How many steps an answer takes at most: some seconds of work."""

_LEFT: ContextVar[list[int] | None] = ContextVar("steps left", default=None)


@contextmanager
def limited(steps: int = MOST) -> Iterator[None]:
    """Lets what is done inside take so many steps."""
    token = _LEFT.set([steps])
    try:
        yield
    finally:
        _LEFT.reset(token)


def spend(steps: int) -> None:
    """Counts some steps.

    Raises:
        ValueError: They are more than are left.
    """
    left = _LEFT.get()
    if left is None:
        return
    left[0] -= steps
    if left[0] < 0:
        raise ValueError(
            "The rehearsal model would take too long over this:"
            " send less text, fewer tools or a smaller schema."
        )
