"""Patterns of a text that still arrives, and the words that calls are marked with. Knows no call.

A pattern made here also matches where the text ends before it does: more may follow.
"""

from __future__ import annotations

import re

BLANK = r"\s\ufeff\u200b-\u200d\u2060"  # also a byte order mark, and spaces of no width
GAP = r"\s{0,64}+"
QUOTE = "[\"']"
KINDS = ("tool_call", "tool_calls", "toolcall", "toolcalls", "function_call", "function_calls", "tool_use")
BOXES = ("TOOL_REQUEST", "TOOL_CALL", "FUNCTION_CALL", "FUNCTION_CALLS", "TOOL_USE", "TOOL", "FUNCTION")


def arriving(*steps: str) -> str:
    """A pattern of consecutive steps, which also matches where the text ends before the last of them."""
    *before, pattern = steps
    for step in reversed(before):
        pattern = rf"{step}(?:\Z|{pattern})"
    return pattern


def word(*words: str) -> str:
    """A pattern of any of the words, which also matches where the text ends within one."""
    halves = sorted({word[:end] for word in words for end in range(1, len(word))}, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, words))}|(?:{'|'.join(map(re.escape, halves))})\Z)"


def key(*names: str) -> str:
    """A pattern of a key of a JSON object, in either quotes, and its colon."""
    return arriving(QUOTE, word(*names), QUOTE, GAP, ":", GAP)


LESS, MORE = word("<", "&lt;"), word(">", "&gt;")
