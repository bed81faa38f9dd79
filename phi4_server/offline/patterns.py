"""Patterns: a schema's regular expressions, as far as they are simple. Knows no schema.

A pattern comes from whoever wrote the schema, so one that could take for ever (a repeated group, many open
repetitions) is never tried on a text; a sample of it is made, and only that counts as matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST = 200
_OPEN = 4
_TRIED = "a0A-_ .@/:#"
_PIECE = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P<\w+>|:))?|[|)^$]|[*+?]\??|\{\d+(?:,\d*)?\}\??|[^\\]",
    re.DOTALL,
)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text, as JSON Schema means it."""
    if not _is_quick(pattern) or len(text) > _LONGEST:
        return text == sample(pattern)
    return _found(pattern, text) is not None


def glean(pattern: str, text: str) -> Iterator[re.Match[str]]:
    """Where a text holds what the pattern describes as a whole value."""
    inner = pattern.removeprefix("^").removesuffix("$")
    if not inner or not _is_quick(pattern):
        return
    whole = _compiled(rf"(?<!\w)(?:{inner})(?!\w)")
    if whole is not None:
        for start in range(0, min(len(text), 20 * _LONGEST), _LONGEST):
            yield from whole.finditer(text, start, start + _LONGEST)


def sample(pattern: str) -> str | None:
    """A short text that the pattern matches; None where it is beyond a simple one."""
    text = _branch(iter(_PIECE.findall(pattern[:_LONGEST])))
    return text if len(text) <= _LONGEST and _found(pattern, text) is not None else None


def _found(pattern: str, text: str) -> re.Match[str] | None:
    compiled = _compiled(pattern)
    return compiled.search(text) if compiled else None


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern, if it is one of Python's too, and clear in what it means."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning):
        return None


def _is_quick(pattern: str) -> bool:
    repeats = re.findall(r"(?<!\\)[*+]|\{\d*,\d*\}", pattern)
    return len(pattern) <= _LONGEST and len(repeats) <= _OPEN and not re.search(r"\)[*+{]", pattern)


def _branch(pieces: Iterator[str]) -> str:
    """A text for the pieces up to the group's end, by its first alternative."""
    parts: list[str] = []
    for piece in pieces:
        if piece == ")":
            break
        if piece == "|":
            _skip(pieces)
            break
        if piece[0] in "*+?{" and parts and len(piece) < 9:  # noqa: PLR2004 - longer counts are no simple pattern
            parts[-1] *= _least(piece)
        elif piece not in {"^", "$"}:
            parts.append(_branch(pieces) if piece[0] == "(" else _sign(piece))
    return "".join(parts)


def _skip(pieces: Iterator[str]) -> None:
    depth = 1
    for piece in pieces:
        depth += (piece[0] == "(") - (piece == ")")
        if not depth:
            return


def _least(repeat: str) -> int:
    digits = re.match(r"\{(\d+)", repeat)
    return min(int(digits[1]), _LONGEST) if digits else int(repeat[0] == "+")


def _sign(piece: str) -> str:
    """A sign that one piece, a literal, a class or an escape, matches."""
    for sign in (*_TRIED, *piece):
        found = _found(f"(?:{piece})", sign)
        if found is not None and found[0]:
            return str(sign)
    return ""
