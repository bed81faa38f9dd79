"""Whether a text continues an earlier one, although its indentation changed. Knows text; no events.

Gradio's Chatbot runs `inspect.cleandoc` over a string each time it shows one. That removes the indentation
that all lines but the first share, and blank lines at either end. So where a line is indented less than those
before it, all of them move to the right, and a text that grew is another one by its white space alone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

_STEP = 65_536
"""Characters that are compared in a moment."""
_INDENTATION = re.compile(r"\n[^\S\n]+")


def compare(old: str, new: str) -> Generator[tuple[()], None, int | None]:
    r"""Finds where in a text an earlier one ends, apart from white space at the start of lines.

    Only "\n" ends a line. At the start of the text, line ends count as white space, too.

    Args:
        old: The earlier text.
        new: The later one.

    Yields:
        An empty tuple, after each moment of work.

    Returns:
        The position in `new` behind what `old` holds; None where `new` does not continue it.
    """
    if new.startswith(old):
        return len(old)
    pieces = []
    for _, _, piece in _without_indentation(old):
        pieces.append(piece)
        yield ()
    known, at = "".join(pieces), 0
    for start, end, piece in _without_indentation(new):
        if at + len(piece) >= len(known):
            is_new = piece.startswith(known[at:])
            return start + _start_of(piece[len(known) - at :], new[start:end]) if is_new else None
        if not known.startswith(piece, at):
            return None
        at += len(piece)
        yield ()
    return None if known else len(new)


def end_of(old: str, new: str) -> int | None:
    """What `compare` returns, without a pause."""
    steps = compare(old, new)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        position: int | None = end.value
        return position


def is_same(one: str, other: str) -> bool:
    """Whether two texts are the same, apart from white space at the start of lines."""
    return end_of(one, other) is not None and end_of(other, one) is not None


def _without_indentation(text: str) -> Iterator[tuple[int, int, str]]:
    """The text in pieces that end before a line end: where each starts and ends, and what counts of it."""
    start = len(text) - len(text.lstrip())
    while start < len(text):
        end = text.find("\n", start + _STEP)
        end = len(text) if end < 0 else end
        yield start, end, _INDENTATION.sub("\n", text[start:end])
        start = end


def _start_of(rest: str, text: str) -> int:
    """Where in a text its last part starts, which is given without indentation."""
    first, _, others = rest.partition("\n")
    lines_after = others.count("\n") + 1 if len(rest) > len(first) else 0
    return len(text.rsplit("\n", lines_after)[0]) - len(first)
