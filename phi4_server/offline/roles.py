"""Roles: what parameters are for, by their names. Knows no text and no schema, only one value at a time.

The tables are of general words: what places, persons and messages are called in parameters, which word stands
before a value for what, and what units measure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from phi4_server.offline import lexicon, words
from phi4_server.offline.gleaning import Find, Sort


def _stems(text: str) -> frozenset[str]:
    return frozenset(map(words.stem, text.split()))


@dataclass(frozen=True, slots=True)
class Role:
    """What parameters of some names are for.

    Attributes:
        terms: Stems of words in their names.
        worth: How well each sort of value fits them.
        cues: Words that stand before a value for them.
        whole: Whether they take the whole of what is asked.
    """

    terms: frozenset[str]
    worth: Mapping[Sort, float]
    cues: frozenset[str] = frozenset()
    whole: bool = False


_ROLES = (
    Role(_stems("date day deadline birthday birthdate when due"), {"date": 4, "day": 3}),
    Role(_stems("time hour clock"), {"time": 4}),
    Role(_stems("email mail recipient"), {"email": 4}),
    Role(_stems("url uri link website page"), {"url": 4}),
    Role(_stems("expression formula equation calculation"), {"sum": 4}),
    Role(_stems("message text body content note comment sentence"), {"said": 4, "quoted": 3}),
    Role(_stems("title heading subject headline label"), {"quoted": 3, "topic": 2, "name": 1}),
    Role(
        _stems("query question search keyword topic term phrase input prompt request task instruction"),
        {"quoted": 3, "topic": 2.5},
        whole=True,
    ),
    Role(
        _stems("city place location town country region address destination origin area state room where"),
        {"name": 1.6, "phrase": 1},
        cues=lexicon.PLACING,
    ),
    Role(
        _stems("name author person customer user employee recipient sender artist writer director founder"),
        {"name": 1.8, "quoted": 2},
        cues=frozenset({"by", "named", "called", "is", "am", "with", "me", "to"}),
    ),
)
_PLAIN: Mapping[Sort, float] = {
    "quoted": 1.2,
    "said": 1,
    "topic": 0.9,
    "name": 0.9,
    "email": 0.9,
    "url": 0.9,
    "phrase": 0.3,
    "day": 0.2,
    "date": 0.2,
    "number": -0.5,
}
"""How well each sort of value fits a text of no known role."""

_CUES = {
    "from": _stems("origin source start sender departure base"),
    "to": _stems("destination target end recipient receiver arrival language"),
    "into": _stems("to target destination language"),
    "by": _stems("author creator writer artist director"),
    "in": _stems("to target city location language country"),
    "on": _stems("date day topic"),
    "at": _stems("time place location"),
    "named": _stems("name"),
    "called": _stems("name title"),
    "titled": _stems("title"),
}
_UNITS = tuple(
    (re.compile(unit, re.IGNORECASE), _stems(measured))
    for unit, measured in (
        (r"\s{0,9}-?years?[- ]old|\s{0,9}years of age", "age"),
        (r"\s{0,9}(?:°|degrees)", "temperature degrees"),
        (r"\s{0,9}(?:%|percent)", "percent percentage rate share tip discount"),
        (r"\s{0,9}(?:[€$£¥]|dollars?\b|euros?\b|pounds?\b)", "price cost amount budget total salary fee"),
        (
            r"\s{0,9}(?:km|kilomet|miles?\b|met(?:er|re)|cm\b|m\b)",
            "distance length height width depth radius",
        ),
        (r"\s{0,9}(?:kg|g\b|grams?\b|kilos?\b|lbs?\b)", "weight mass"),
        (r"[\s-]{0,9}(?:second|minute|hour|day|week|night|month|year)", "duration time length period"),
        (r"\s{0,9}(?:people|persons?\b|guests?\b|adults?\b)", "guest person people passenger party size"),
    )
)
_YEARS = range(1000, 2101)


def fitting(terms: frozenset[str], hints: frozenset[str], find: Find) -> float:
    """How well a sort of value fits what a parameter is for, by its name or, less, by its description.

    Args:
        terms: The stems of its name.
        hints: The stems of its description.
        find: The value.
    """
    worths = [_worth(role, find) for role in _ROLES if role.terms & terms]
    if worths:
        return max(worths)
    hinted = [0.6 * _worth(role, find) for role in _ROLES if role.terms & hints]
    return max([_PLAIN.get(find.sort, 0.0), *hinted])


def _worth(role: Role, find: Find) -> float:
    cued = 1.5 if find.cue in role.cues and find.sort in role.worth else 0.0
    return role.worth.get(find.sort, 0.3 * _PLAIN.get(find.sort, 0.0)) + cued


def cued(named: frozenset[str], find: Find) -> float:
    """Whether the word before a value says that it is for a parameter of these words, as 0 or 3."""
    wanted = {find.cue, *_CUES.get(find.cue, ())}
    return 3.0 if find.cue and wanted & named else 0.0


def measured(terms: frozenset[str], find: Find, text: str) -> float:
    """How well the unit beside a number fits a parameter's name."""
    if "year" in terms:
        return 3.0 if isinstance(find.value, int) and find.value in _YEARS else -0.4
    before = text[max(find.start - 1, 0) : find.start]
    for unit, measures in _UNITS:
        if measures & terms and (unit.match(text, find.end) or (before and unit.fullmatch(before))):
            return 2.0
    return 0.0


def takes_all(terms: frozenset[str]) -> bool:
    """Whether a parameter of this name takes the whole of what is asked, as a search's query does."""
    return any(role.whole and role.terms & terms for role in _ROLES)
