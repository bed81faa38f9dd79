"""The values in a text: numbers, dates, names, quotations and the like. Knows no schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from phi4_server.offline import words

Sort = Literal["number", "date", "email", "quoted", "name", "phrase", "topic"]

_NUMBER = re.compile(r"(?<![\w.,])[-\u2212+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.?\d+)(?![\d:])")
_JOINING = "|".join(sorted(words.JOINING))
_IN_WORDS: tuple[tuple[Sort, re.Pattern[str]], ...] = (
    ("date", re.compile(r"(?<!\d)(\d{4}-(?:0\d|1[0-2])-(?:[0-2]\d|3[01]))(?!\d)")),
    ("email", re.compile(r"(?<![\w.+-])([\w.+-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})")),
    (
        "quoted",
        re.compile(
            r"(?<!\w)(?:[\"“«「`]([^\"“”«»「」`\n]+)[\"”»」`]|['\u2018]([^'\u2018\u2019\n]+)['\u2019])(?!\w)"
        ),
    ),
    (
        "topic",
        re.compile(
            r"\b(?:about|regarding|concerning)\s+([^\n,.;?!]+?)(?=\s{0,9}(?:$|[\n,.;?!]))", re.IGNORECASE
        ),
    ),
    (
        "phrase",
        re.compile(
            r"\b(?:in|at|on|from|to|for|near|with|into|of)\s+(?:the|my|our|his|her|their|an?)\s+"
            rf"([a-z]+(?:\s(?!(?:{_JOINING})\b)[a-z]+){{0,3}})(?=\s|[,.;!?]|$)"
        ),
    ),
)
_WORD = re.compile(r"[^\W\d_](?:[\w&]|['\u2019.-](?=\w))*")
_STATE = re.compile(r"[A-Z]{2}")
_VERB = re.compile(r"(?:'s)?,?\s{1,9}(?:is|was|has|had|will|can|and|or|[a-z]{3,}(?:s|ed))\b")
_BEGINNING = re.compile(r"(?:^|[.!?:;\n\"“(…-])[ \t]*\Z")
_MAX_DIGITS = 300
"""How many digits a number has at most: more are meant by nobody, and no float holds them."""
_MAX_FOUND = 100
_MAX_TEXT = 10_000
"""How many values are found in a text, and in how much of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value where it stands: a number for a number, or else words."""

    sort: Sort
    value: str | int | float
    start: int
    end: int


def find(text: str, *, but: frozenset[str] = frozenset()) -> list[Found]:
    """The first values in a text, in its order.

    Args:
        text: The text.
        but: Stems of words that are no names here, even with a capital, such as what a tool is called.
    """
    text = text[:_MAX_TEXT]
    found = [*_numbers(text), *_words(text), *_names(text, but)]
    return sorted(found, key=lambda each: (each.start, each.end))[:_MAX_FOUND]


def _numbers(text: str) -> Iterator[Found]:
    for match in _NUMBER.finditer(text):
        digits = match[0].replace(",", "").replace("\u2212", "-")
        if len(digits) <= _MAX_DIGITS:
            yield Found("number", float(digits) if "." in digits else int(digits), *match.span())


def _words(text: str) -> Iterator[Found]:
    for sort, pattern in _IN_WORDS:
        for match in pattern.finditer(text):
            # a quotation takes its marks with it
            yield Found(sort, match[match.lastindex or 0], *match.span(0 if sort == "quoted" else 1))


def _names(text: str, but: frozenset[str]) -> Iterator[Found]:
    """Runs of words with a capital; a sentence's first word only where it looks like a name."""
    runs: list[list[re.Match[str]]] = []
    for word in _WORD.finditer(text):
        lower = word[0].casefold().replace("\u2019", "'")
        if not word[0][0].isupper() or lower in words.STOP_WORDS:
            continue
        gap = text[runs[-1][-1].end() : word.start()] if runs else "\n"
        if gap == " " or (gap == ", " and _STATE.fullmatch(word[0])):
            runs[-1].append(word)
        else:
            runs.append([word])
    for run in runs:
        start = run[0].start()
        begins = _BEGINNING.search(text[max(start - 20, 0) : start])
        named = run[1:] if begins and not _is_name(text, run, but) else run
        if named:
            start, end = named[0].start(), named[-1].end()
            yield Found("name", text[start:end].removesuffix("'s"), start, end)


def _is_name(text: str, run: list[re.Match[str]], but: frozenset[str]) -> bool:
    """Whether a sentence's first word has its capital not from standing there alone."""
    first = run[0]
    if first[0].casefold() in words.IMPERATIVES or words.stem(first[0].casefold()) in but:
        return False
    return len(run) > 1 or bool(_VERB.match(text, first.end())) or not text[first.end() :].strip(" .!?")
