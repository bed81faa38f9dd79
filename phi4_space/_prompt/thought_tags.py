"""The tags between which models write thoughts into a text, such as `<think>`. Knows no call and no JSON."""

from __future__ import annotations

import re

NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad")
NAME = f"(?i:{'|'.join(NAMES)})"
"""A pattern of the names."""
END = re.compile(f"</{NAME}>")

_TAG = re.compile(f"<(?P<ends>/?){NAME}>")
_LONGEST_END = max(len(f"</{name}>") for name in NAMES)


def find_thought_end(text: str, seen: int) -> int | None:
    """Just behind the end of a thought; None where it has none yet.

    Args:
        text: The thought, and what follows it.
        seen: How many characters of it were searched before.
    """
    found = END.search(text, max(0, seen - _LONGEST_END))
    return found and found.end()


def partial_thought_end(text: str, start: int) -> int:
    """Where, from `start` on, the end of a thought may begin that is not whole; the text's end if nowhere."""
    at = text.rfind("<", max(start, len(text) - _LONGEST_END))
    return len(text) if at < 0 else at


def ends_in_thought(text: str) -> bool:
    """Whether the last thought of a text has no end."""
    ends = [found["ends"] for found in _TAG.finditer(text)]
    return bool(ends) and not ends[-1]
