"""Characters that a model has cut in two. Knows UTF-16; no JSON."""

from __future__ import annotations


def encodable(text: str) -> str:
    """The text with surrogates combined into the characters that they stand for, or replaced."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class SurrogateJoiner:
    """Passes pieces of text on that can be encoded: the first half of a character waits for the other."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._half = ""

    def feed(self, text: str) -> str:
        """Takes a piece, and returns what can be passed on."""
        text = self._half + text
        cut = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half = text[cut:]
        return encodable(text[:cut])

    def close(self) -> str:
        """What is left at the end: a replacement for half a character, or ""."""
        return encodable(self._half)
