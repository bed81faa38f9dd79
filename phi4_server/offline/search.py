"""Search: the sentences of a text that answer a question best, by the weight of its terms. Knows no prompt.

The rarer a term is in the text, the heavier it is; names are heavy, and so is the kind of answer that is
wanted ("when" wants a date). A sentence fits when it covers enough of that weight; what stands before it in
its paragraph counts a little less.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from phi4_server.offline import words

_NAMED, _WANTED, _NEARBY = 2.0, 1.5, 0.6
_ENOUGH, _AS_GOOD = 0.6, 0.7
_MAX_FOUND = 3
_MAX_NEAR = 500
"""How many terms near a sentence count; more come from no paragraph that anybody wrote."""

_WRAP = re.compile(r"(?<=[^\n]{60})(?<![.!?:|])\n(?=[^\s#*|-])|\n(?=[a-z])")
"""A line break inside a sentence: the line is full, or the next one begins in lower case."""
_MARK = re.compile(r"(?:[-*•+>]|#{1,6}|\d{1,3}[.)])\s+")
_CALENDAR = "|".join(word.capitalize() for word in sorted(words.CALENDAR))
_TIME = re.compile(
    rf"\b(?:1\d\d\d|20\d\d|\d{{1,2}}:\d\d|\d{{1,2}} ?[ap]m|(?:{_CALENDAR})s?|noon|midnight)\b"
    r"|\b(?:at|until|from|by|since|before|after) \d"
)
_WANTS = (
    (re.compile(r"\bwho\b", re.IGNORECASE), re.compile(r"(?<=[\w,] )[A-Z]\w+")),
    (re.compile(r"\bwhen\b|\bwh\w+ (?:year|date|day|month|time)\b", re.IGNORECASE), _TIME),
    (re.compile(r"\bhow (?:many|much|old|long|far|tall|high|big|fast)\b", re.IGNORECASE), re.compile(r"\d")),
)
"""What a question may want for an answer, each with how that looks."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence where it stands.

    Attributes:
        text: The sentence, without a bullet.
        terms: Its terms.
        near: The terms of what its paragraph says before it.
    """

    text: str
    terms: frozenset[str]
    near: frozenset[str]


def sentences(text: str) -> Iterator[Sentence]:
    """A text's sentences with what stands near them."""
    near = frozenset[str]()
    for line in map(str.strip, _WRAP.sub(" ", text).splitlines()):
        near = near if line else frozenset()
        mark = _MARK.match(line)
        for sentence in words.sentences(line[mark.end() if mark else 0 :]):
            terms = frozenset(words.terms(sentence))
            yield Sentence(sentence, terms, near)
            near = near | terms if len(near) < _MAX_NEAR else near


def find(question: str, text: str) -> list[str]:
    """The sentence that covers most of the question, and up to two more that cover what it leaves open.

    They come in the text's order; none where nothing fits.
    """
    among = list(sentences(text))
    terms, tokens = frozenset(words.terms(question)), frozenset(words.tokens(question))
    names = frozenset(words.terms(" ".join(word for word in question.split()[1:] if word[:1].isupper())))
    seen = Counter(term for sentence in among for term in sentence.terms & terms)
    rarest = math.log1p(len(among)) or 1.0
    weights = {
        term: _NAMED / len(names) if term in names else math.log1p(len(among) / max(seen[term], 1)) / rarest
        for term in terms
    }
    total = sum(weights.values())
    wanted = next(
        (given for asked, given in _WANTS if asked.search(question) and not given.search(question)), None
    )

    def score(sentence: Sentence) -> float:
        weight = sum(weights[term] for term in terms & sentence.terms)
        weight += _NEARBY * sum(weights[term] for term in (terms & sentence.near) - sentence.terms)
        gives = wanted and any(
            not tokens.issuperset(words.tokens(match[0])) for match in wanted.finditer(sentence.text)
        )
        # a number is an answer as far as it is about what was asked
        weight += _WANTED * weight / total if gives and total else 0.0
        return weight if terms & sentence.terms else 0.0

    scores = [score(sentence) for sentence in among]
    enough = _ENOUGH * (total + _WANTED * (wanted is not None))
    fitting = [
        place
        for place, sentence in enumerate(among)
        if scores[place] > enough or (len(terms) > 1 and terms <= sentence.terms)
    ]
    fitting.sort(key=lambda place: -scores[place])
    chosen: list[int] = []
    for place in fitting:
        left = terms.difference(*(among[other].terms for other in chosen))
        if not chosen or (left & among[place].terms and scores[place] >= _AS_GOOD * scores[fitting[0]]):
            chosen.append(place)
    return [among[place].text for place in sorted(chosen[:_MAX_FOUND])]
