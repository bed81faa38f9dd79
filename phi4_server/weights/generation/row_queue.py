"""Rows that wait for the worker, and which of them it takes together. Knows no torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from phi4_server.weights.generation.row import Row


class RowQueue:
    """Rows in the order in which they came. Safe to use from several threads."""

    def __init__(self, *, at_once: int, edge: int, tokens: int, gather: float) -> None:
        """Begins empty.

        Args:
            at_once: How many rows are taken together at most.
            edge: Up to how many tokens a row is short; short ones and long ones do not go together.
            tokens: How many tokens the rows that are taken together may have, each as many as the longest.
            gather: How many seconds to wait for others, once there is one.
        """
        self._at_once = at_once
        self._edge = edge
        self._tokens = tokens
        self._gather = gather
        self._rows: list[Row] = []
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, row: Row) -> None:
        """Adds a row at the end.

        Raises:
            RuntimeError: It is closed.
        """
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the queue is closed")
            self._rows.append(row)
            self._changed.notify()

    def put_back(self, rows: Sequence[Row]) -> None:
        """Adds rows that are to go on, at the front."""
        with self._changed:
            self._rows[:0] = rows
            self._changed.notify()

    def take(self) -> list[Row]:
        """Waits for rows and takes those that go together with the first; none once it is closed."""
        with self._changed:
            taken: list[Row] = []
            while not taken and not self._is_closed:
                self._changed.wait_for(lambda: self._rows or self._is_closed)
                self._wait_for_others()
                self._rows = [row for row in self._rows if not row.is_over]
                taken = self._together()
            self._rows = [row for row in self._rows if row not in taken]
            return taken

    def close(self) -> Sequence[Row]:
        """Lets nothing more in, and returns what was waiting."""
        with self._changed:
            self._is_closed = True
            rows, self._rows = self._rows, []
            self._changed.notify_all()
            return rows

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    def has_one_for(self, rows: Sequence[Row]) -> bool:
        """Whether a row waits that goes together with these."""
        live = [row for row in rows if not row.is_over]
        if not self._rows or len(live) >= self._at_once:
            return False
        return any(not row.is_over and self._fits(row, live) for row in [*self._rows])

    def _wait_for_others(self) -> None:
        deadline = time.monotonic() + self._gather
        while 1 <= len(self._rows) < self._at_once and not self._is_closed:
            if not self._changed.wait(deadline - time.monotonic()):
                return

    def _together(self) -> list[Row]:
        taken: list[Row] = []
        for row in self._rows:
            if len(taken) < self._at_once and self._fits(row, taken):
                taken.append(row)
        return taken

    def _fits(self, row: Row, taken: Sequence[Row]) -> bool:
        if not taken:
            return True
        together = [*taken, row]
        longest = max(each.length for each in together)
        return (
            not {"images", "audio"} <= {each.kind for each in together}
            and len({each.length > self._edge for each in together}) == 1
            and len(together) * longest <= self._tokens
        )
