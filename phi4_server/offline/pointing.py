"""Pointing: which of several numbered things a question means. Knows neither pictures nor sounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from phi4_server.offline import lexicon

T = TypeVar("T")

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBER = {word: number for number, word in enumerate(_ORDINALS, start=1)}
# "the first half" and "the second row" count no thing
_ORDINAL = re.compile(
    rf"\b(?:({'|'.join(_ORDINALS)})|(\d{{1,2}})(?:st|nd|rd|th)|last)\b(?!\s+(?:half|part|row|line|column))",
    re.IGNORECASE,
)


def numbers(question: str, *, nouns: str, count: int) -> list[int]:
    """The numbers, from 1, that a question names; none where it names none.

    Args:
        question: The question.
        nouns: What the things are called, as the inside of a regular expression.
        count: How many there are, for "the last".
    """
    found = [(match.start(), _counted(match, count)) for match in _ORDINAL.finditer(question)]
    named = rf"\b(?:{nouns})\s{{0,9}}(?:number|no\.?|#)?\s{{0,9}}(\d{{1,2}}\b|{lexicon.NUMBER.pattern})"
    found += [
        (match.start(), int(match[1]) if match[1].isdigit() else lexicon.counted(match[1]))
        for match in re.compile(named, re.IGNORECASE).finditer(question)
    ]
    return list(dict.fromkeys(number for _, number in sorted(found)))


def _counted(ordinal: re.Match[str], count: int) -> int:
    if ordinal[1]:
        return _NUMBER[ordinal[1].casefold()]
    return int(ordinal[2]) if ordinal[2] else count


def absent(question: str, *, nouns: str, count: int) -> int | None:
    """The first number that a question names, where none that it names is there."""
    named = numbers(question, nouns=nouns, count=count)
    return named[0] if named and not any(0 < number <= count for number in named) else None


def meant(things: Sequence[T], question: str, *, nouns: str) -> list[tuple[int, T]]:
    """The things that a question means, each with its number; all where it names none that is there."""
    every = range(1, len(things) + 1)
    named = [number for number in numbers(question, nouns=nouns, count=len(things)) if number in every]
    return [(number, things[number - 1]) for number in named or every]
