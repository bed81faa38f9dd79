"""Search: the sentence of a text that answers a question best, by the weight of its terms. Knows no prompt.

The rarer a term is in the text, the heavier it is; names are heavy. A sentence fits when it covers enough of
that weight; what stands before it in its paragraph counts a little less.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from phi4_server.offline import words

_NAMED, _NEARBY, _ENOUGH = 2.0, 0.7, 0.6
_MAX_NEAR = 500
"""How many terms near a sentence count; more come from no paragraph that anybody wrote."""

_WRAP = re.compile(r"(?<=[^\n]{60})(?<![.!?:|])\n(?=[^\s#*|-])|\n(?=[a-z])")
"""A line break inside a sentence: the line is full, or the next one begins in lower case."""
_MARK = re.compile(r"(?:[-*•+>]|\d{1,3}[.)])\s+")


_Sentence = tuple[str, frozenset[str], frozenset[str]]
"""A sentence without a bullet; its terms; and those of its heading, or of its paragraph before it."""


def sentences(text: str) -> Iterator[_Sentence]:
    """A text's sentences with what stands near them."""
    near = frozenset[str]()
    for line in map(str.strip, _WRAP.sub(" ", text).splitlines()):
        if not line or line.startswith("#"):
            near = frozenset(words.terms(line))
            continue
        mark = _MARK.match(line)
        for sentence in words.sentences(line[mark.end() if mark else 0 :]):
            terms = frozenset(words.terms(sentence))
            yield sentence, terms, near
            near = near | terms if len(near) < _MAX_NEAR else near


def find(question: str, text: str) -> str | None:
    """The sentence that covers most of the question; None where nothing fits."""
    among = list(sentences(text))
    weights = _weights(question, [terms for _, terms, _ in among])

    def score(sentence: _Sentence) -> float:
        _, terms, near = sentence
        covered = weights.keys() & terms
        nearby = (weights.keys() & near) - covered if covered else ()
        return sum(weights[term] for term in covered) + _NEARBY * sum(weights[term] for term in nearby)

    best = max(among, key=score, default=None)
    return best[0] if best and score(best) > _ENOUGH * sum(weights.values()) else None


def _weights(question: str, among: Sequence[frozenset[str]]) -> dict[str, float]:
    """The question's terms, each with its weight."""
    terms = frozenset(words.terms(question))
    names = frozenset(words.terms(" ".join(word for word in question.split()[1:] if word[:1].isupper())))
    counts = Counter(term for sentence in among for term in sentence & terms)
    rarest = math.log1p(len(among)) or 1.0
    return {
        term: _NAMED / len(names) if term in names else math.log1p(len(among) / max(counts[term], 1)) / rarest
        for term in terms
    }
