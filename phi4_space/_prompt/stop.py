"""Where an answer ends: stop strings, found in text that comes in pieces. Knows text; no tools, no wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from phi4_space._errors import InvalidOption
from phi4_space._json import mended

T = TypeVar("T")
_MOST = 100
_LONGEST = 1_000  # characters


def to_stop(words: object) -> tuple[str, ...]:
    """The stop strings that a caller named: one, or several.

    Raises:
        InvalidOption: It is no string and no list of strings, or one of them is empty; or there is more to
            look for than makes sense.
    """
    words = (words,) if isinstance(words, str) else words
    if not isinstance(words, Sequence):
        raise InvalidOption("stop is a string, or a list of strings", advice="Write stop=[...].")
    if not all(isinstance(word, str) and word for word in words):
        raise InvalidOption("stop holds strings, none of them empty", advice="Leave the others out.")
    if len(words) > _MOST or any(len(word) > _LONGEST for word in words):
        raise InvalidOption(f"stop holds at most {_MOST} strings of at most {_LONGEST} characters")
    if any(word != mended(word) for word in words):
        raise InvalidOption("A stop string holds halves of surrogate pairs, which no answer does")
    return tuple(words)


class StopReader(Generic[T]):
    """Lets an answer's pieces through up to the first stop string.

    Pieces are text, and anything else (such as tool calls) that stands between texts. A stop string is
    looked for in the text as it reads with the others left out. What stands before it is let through, and
    nothing after its first character, the others included.

    Only text that may still become a stop string is held back, with what follows it. What comes out never
    depends on how the answer was cut: it ends where the earliest stop string of the whole text begins.

    Attributes:
        stopped_by: The stop string that was met, once one was; of two that begin at the same place, the
            shorter.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """Remembers what to look for.

        Args:
            stop: The stop strings, none of them empty; without any, nothing is held back.
        """
        self.stopped_by: str | None = None
        self._stop = stop
        self._text = ""
        self._passed = 0
        self._others: deque[tuple[int, T]] = deque()

    def feed(self, pieces: Sequence[str | T]) -> list[str | T]:
        """Takes the next pieces, and gives what is let through by now; nothing once a stop string was met."""
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
        return self._decided(self._first_hint())

    def close(self) -> list[str | T]:
        """Ends the answer, and gives what was still held back, up to a stop string."""
        return self._decided(len(self._text))

    def _decided(self, hint: int) -> list[str | T]:
        """Lets through what stands before the stop string, or else before the hint of one."""
        found = [(at, len(stop), stop) for stop in self._stop if (at := self._text.find(stop)) >= 0]
        end, _, stop = min(found, default=(len(self._text), 0, None))
        if hint < end:
            end, stop = hint, None
        pieces = [*self._woven(end)]
        self.stopped_by = stop
        self._text = self._text[end:]
        self._passed += end
        return pieces

    def _first_hint(self) -> int:
        """Where the first stop string that has not come whole may begin."""
        text = self._text
        hints = (
            at
            for stop in self._stop
            for at in range(max(0, len(text) - len(stop) + 1), len(text))
            if stop.startswith(text[at:])
        )
        return min(hints, default=len(text))

    def _woven(self, end: int) -> Iterator[str | T]:
        """What stands before the end, in order; those that are no text are let go of."""
        start = 0
        while self._others and self._others[0][0] <= self._passed + end:
            at, other = self._others.popleft()
            yield from filter(None, [self._text[start : at - self._passed]])
            yield other
            start = at - self._passed
        yield from filter(None, [self._text[start:end]])
