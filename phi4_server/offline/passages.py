"""Passages: the sentences of a text, each with what stands near it. Knows Markdown's lines, no question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from phi4_server.offline import words

_TITLE = re.compile(r"#{1,6}\s+\S|\*\*[^*]{1,200}\*\*$")
_LABEL = re.compile(r".{1,80}:$")
_ITEM = re.compile(r"(?:[-*•+]|\d{1,3}[.)])\s+")
_FIELD = re.compile(r"[a-z]\w*: +\S")
_LONG = 200
"""How many characters of a title count."""
_MOST_NEAR = 500
"""How many terms near a sentence count; more come from no paragraph that anybody wrote."""
_WRAPPED = 60
"""How long a line is, at least, that ends because it is full; shorter ones end on purpose."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence where it stands.

    Attributes:
        text: The sentence, without a list's bullet.
        terms: Its terms.
        near: The terms of its heading and of what its paragraph says before it.
        heading: Its heading, without marks; empty when it has none.
        is_prose: Whether it is no line of code and no row of a table.
    """

    text: str
    terms: frozenset[str]
    near: frozenset[str] = frozenset()
    heading: str = ""
    is_prose: bool = True

    @classmethod
    def of(cls, text: str) -> Sentence:
        """A sentence that stands alone."""
        return cls(text, frozenset(words.terms(text)))


def sentences(text: str) -> list[Sentence]:
    """A text's sentences with what stands near them; titles, labels and list marks are no sentences."""
    found: list[Sentence] = []
    title = label = ""
    near = above = frozenset[str]()
    for line, is_prose in _lines(text):
        if is_prose and _is_heading(line):
            is_title = bool(_TITLE.match(line))
            title, label = (line[:_LONG].strip("#* \t"), "") if is_title else (title, line.rstrip(":"))
            above = frozenset(words.terms(f"{title} {label}"))
        if not line or (is_prose and _is_heading(line)):
            near = above
            continue
        item = _ITEM.match(line)
        for sentence in words.sentences(line[item.end() if item else 0 :]) if is_prose else [line]:
            terms = frozenset(words.terms(sentence))
            found.append(Sentence(sentence, terms, near, label or title, is_prose))
            near = near | terms if len(near) < _MOST_NEAR else near
    return found


def _is_heading(line: str) -> bool:
    return bool(_TITLE.match(line) or _LABEL.match(line))


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines with hard wraps undone, and whether each is prose; an empty one parts two paragraphs."""
    held, in_code = "", False
    lines = [line.strip() for line in text.splitlines()]
    fields = _fields(lines)
    for number, line in enumerate(lines):
        is_fence = line.startswith(("```", "~~~"))
        if in_code or is_fence or line.startswith("|") or number in fields:
            if held:
                yield held, True
            held = ""
            if not is_fence:
                yield line, False
            in_code ^= is_fence
        elif held and _goes_on(held, line):
            held += " " + line
        else:
            yield held, True
            held = line
            if not line:
                yield "", True
    yield held, True


def _fields(lines: Sequence[str]) -> frozenset[int]:
    """The lines of paragraphs that only tell fields of a passage, such as "file: hours.md"."""
    paragraphs = groupby(range(len(lines)), key=lambda number: bool(lines[number]))
    told = [[number for number in numbers if not _LABEL.match(lines[number])] for _, numbers in paragraphs]
    return frozenset(
        chain.from_iterable(
            numbers for numbers in told if all(_FIELD.match(lines[number]) for number in numbers)
        )
    )


def _goes_on(line: str, following: str) -> bool:
    if not line or not following or _is_heading(line) or _ITEM.match(following):
        return False
    is_full = len(line) > _WRAPPED and not _is_heading(following)
    return not line.endswith((".", "!", "?")) and (is_full or following[:1].islower())
