"""Stop strings, found in an answer that arrives in pieces. Knows text alone."""

from __future__ import annotations

from collections.abc import Sequence


class StopReader:
    """Lets an answer's pieces through up to the first stop string.

    Only text that may still become a stop string is held back, so that the result does not depend on how the
    answer was cut.

    Attributes:
        stopped_by: The stop string that was found; of two that begin at the same position, the shorter.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """Takes the stop strings, none of them empty."""
        self.stopped_by: str | None = None
        self._stop = stop
        self._held = ""

    def feed(self, piece: str) -> str:
        """Takes the next piece, and returns what is let through; nothing once a stop string was found."""
        if self.stopped_by is not None:
            return ""
        self._held += piece
        return self._release(self._partial_match())

    def close(self) -> str:
        """Ends the answer, and returns what was still held back, up to a stop string."""
        return self._release(len(self._held))

    def _release(self, limit: int) -> str:
        """Lets through what precedes a stop string, or else the given position."""
        text = self._held
        found = [(at, len(stop), stop) for stop in self._stop if (at := text.find(stop)) >= 0]
        end, _, stop = min(found, default=(len(text), 0, None))
        if limit < end:  # what begins there may become a stop string that comes before the one found
            end, stop = limit, None
        self.stopped_by = stop
        self._held = text[end:]
        return text[:end]

    def _partial_match(self) -> int:
        """Where the text may end with the beginning of a stop string; its length if it does not."""
        text = self._held
        starts = (
            at
            for stop in self._stop
            for at in range(max(0, len(text) - len(stop) + 1), len(text))
            if stop.startswith(text[at:])
        )
        return min(starts, default=len(text))
