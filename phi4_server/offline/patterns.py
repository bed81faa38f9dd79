"""Patterns: a schema's regular expressions, as far as they are simple. Knows no schema.

A pattern comes from whoever wrote the schema, and may be made to take for ever: it is tried on a text only
where the ways to try it are few. Of any other, a text counts as matching only where it is the sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi4_server.offline import effort

_LONGEST = 200
_SHORT = 60
_WAYS = 300_000
"""In how many ways a pattern may be tried on a text: some milliseconds."""
_TRIED = "a0A-_ .@/:#"
_PIECE = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P<\w+>|:))?|[|)^$]|[*+?]\??|\{\d+(?:,\d*)?\}\??|[^\\]",
    re.DOTALL,
)
_CHOICE = re.compile(r"[*+?|]|\{\d*,")
_REPEATED = re.compile(r"\)[*+?{]")
_SPECIAL = re.compile(r"\(\?(?!:|P<)")
_DIGITS = re.compile(r"\{(\d+)")


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text, as JSON Schema means it."""
    compiled = _compiled(pattern, len(text))
    return compiled.search(text) is not None if compiled else text == sample(pattern)


def glean(pattern: str, text: str) -> Iterator[re.Match[str]]:
    """Where a text holds what the pattern describes as a whole value."""
    inner = pattern.removeprefix("^").removesuffix("$")
    for length in (_LONGEST, _SHORT) if inner else ():
        if whole := _compiled(rf"(?:{inner})", length):
            alone = re.compile(rf"(?<!\w){whole.pattern}(?!\w)")
            for start in range(0, min(len(text), 20 * _LONGEST), length):
                yield from alone.finditer(text, start, start + length)
            return


def sample(pattern: str) -> str | None:
    """A short text that the pattern matches; None where it is beyond a simple one."""
    text = _branch(iter(_PIECE.findall(pattern[:_LONGEST])))
    compiled = _compiled(pattern, len(text))
    return text if compiled and compiled.search(text) else None


def _compiled(pattern: str, length: int) -> re.Pattern[str] | None:
    """The pattern, if it is one of Python's too, clear in what it means, and quick on texts of a length."""
    if max(len(pattern), length) > _LONGEST or _SPECIAL.search(pattern) or _ways(pattern, length) > _WAYS:
        return None
    effort.spend(_ways(pattern, length) // 100)
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning):
        return None


def _ways(pattern: str, length: int) -> int:
    """In how many ways a pattern may be tried on a text of a length, at most."""
    choices = sum(1 for piece in _PIECE.findall(pattern) if _CHOICE.match(piece))
    ways: int = pow(length + 2, choices + 1)
    if _REPEATED.search(pattern):
        ways = pow(choices + 2, length + choices + 1)
    return ways


def _branch(pieces: Iterator[str]) -> str:
    """A text for the pieces up to the group's end, by its first alternative; cut where it grows too long."""
    parts: list[str] = []
    for piece in pieces:
        if piece == ")":
            break
        if piece == "|":
            _skip(pieces)
            break
        if piece[0] in "*+?{" and parts and len(piece) < 9:  # noqa: PLR2004 - longer counts are no simple pattern
            parts[-1] = (parts[-1] * _least(piece))[: _LONGEST + 1]
        elif piece not in {"^", "$"}:
            parts.append(_branch(pieces) if piece[0] == "(" else _sign(piece))
    return "".join(parts)[: _LONGEST + 1]


def _skip(pieces: Iterator[str]) -> None:
    depth = 1
    for piece in pieces:
        depth += (piece[0] == "(") - (piece == ")")
        if not depth:
            return


def _least(repeat: str) -> int:
    digits = _DIGITS.match(repeat)
    return min(int(digits[1]), _LONGEST) if digits else int(repeat[0] == "+")


def _sign(piece: str) -> str:
    """A sign that one piece, a literal, a class or an escape, matches."""
    compiled = _compiled(f"(?:{piece})", 1)
    if compiled is None:
        return ""
    return next((sign for sign in (*_TRIED, *piece) if (found := compiled.match(sign)) and found[0]), "")
