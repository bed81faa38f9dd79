"""Values that no text may show: secrets and the token, which the Hub or a log may repeat. Knows no Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHORTEST = 4
"""A value that is shorter is in too many words, and hides nothing."""


class Mask:
    """Puts stars in the place of values."""

    def __init__(self, values: Iterable[str]) -> None:
        """Keeps the values, of several lines each line, as a log would show them."""
        lines = {line.strip() for value in values for line in value.splitlines()}
        hidden = sorted((line for line in lines if len(line) >= _SHORTEST), key=len, reverse=True)
        self._hidden = re.compile("|".join(map(re.escape, hidden))) if hidden else None

    def over(self, text: str) -> str:
        """The text without them."""
        return text if self._hidden is None else self._hidden.sub("***", text)
