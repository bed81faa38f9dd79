"""Stop strings, found in an answer that arrives in chunks. Knows text; no tools, no wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from phi4_space._errors import InvalidOption
from phi4_space._json import mended

T = TypeVar("T")
_MAX_COUNT = 100
_MAX_LENGTH = 1_000  # characters


def to_stop(value: object) -> tuple[str, ...]:
    """Checks the stop strings that a caller passed: one, or several.

    Raises:
        InvalidOption: It is neither a string nor a list of strings, or one of them is empty, or there are too
            many or too long ones.
    """
    value = (value,) if isinstance(value, str) else value
    if not isinstance(value, Sequence):
        raise InvalidOption("stop must be a string or a list of strings", advice="Write stop=[...].")
    if not all(isinstance(item, str) and item for item in value):
        raise InvalidOption("stop must hold strings that are not empty", advice="Leave out all others.")
    if len(value) > _MAX_COUNT or any(len(item) > _MAX_LENGTH for item in value):
        raise InvalidOption(f"stop may hold at most {_MAX_COUNT} strings of at most {_MAX_LENGTH} characters")
    if any(item != mended(item) for item in value):
        raise InvalidOption("A stop string contains a lone surrogate, which no answer can contain")
    return tuple(value)


class StopReader(Generic[T]):
    """Lets an answer's pieces through up to the first stop string.

    A piece is a text, or something else (such as a tool call) between texts. A stop string is searched for in
    all texts joined. What precedes it is let through, and nothing that follows, be it text or not.

    Only text that may still become a stop string is held back, with what follows it. The result never depends
    on how the answer was cut: it ends where the first stop string of the whole text begins.

    Attributes:
        stopped_by: The stop string that was found; of two that begin at the same position, the shorter.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """Takes the stop strings.

        Args:
            stop: The stop strings, none of them empty. Without any, nothing is held back.
        """
        self.stopped_by: str | None = None
        self._stop = stop
        self._text = ""
        self._passed = 0
        self._others: deque[tuple[int, T]] = deque()

    def feed(self, pieces: Sequence[str | T]) -> list[str | T]:
        """Takes the next pieces, and returns what is let through; nothing once a stop string was found."""
        if not self._stop:
            return [piece for piece in pieces if piece]
        if self.stopped_by is not None:
            return []
        texts = [self._text]
        end = self._passed + len(self._text)
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
                end += len(piece)
            else:
                self._others.append((end, piece))
        self._text = "".join(texts)
        return self._advance(self._partial_match())

    def close(self) -> list[str | T]:
        """Ends the answer, and returns what was still held back, up to a stop string."""
        return self._advance(len(self._text))

    def _advance(self, limit: int) -> list[str | T]:
        """Lets through what precedes a stop string, or else the given position."""
        matches = [(at, len(stop), stop) for stop in self._stop if (at := self._text.find(stop)) >= 0]
        end, _, stop = min(matches, default=(len(self._text), 0, None))
        if limit < end:
            end, stop = limit, None
        pieces = [*self._take(end)]
        self.stopped_by = stop
        self._text = self._text[end:]
        self._passed += end
        return pieces

    def _partial_match(self) -> int:
        """Where the text may end with the beginning of a stop string; its length if it does not."""
        text = self._text
        starts = (
            at
            for stop in self._stop
            for at in range(max(0, len(text) - len(stop) + 1), len(text))
            if stop.startswith(text[at:])
        )
        return min(starts, default=len(text))

    def _take(self, end: int) -> Iterator[str | T]:
        """Yields texts and other pieces up to a position, in order, and forgets the latter."""
        start = 0
        while self._others and self._others[0][0] <= self._passed + end:
            at, other = self._others.popleft()
            yield from filter(None, [self._text[start : at - self._passed]])
            yield other
            start = at - self._passed
        yield from filter(None, [self._text[start:end]])
