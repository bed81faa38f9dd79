"""Finding: the sentences of a text that answer a question best, by term weights. Knows no prompt.

A question is weighed as what it names (its proper names together), what it says (each other term, the rarer
the heavier) and what kind of answer it wants ("when" wants a date). A sentence fits when it covers enough of
that weight; what stands just before it, and in its heading, counts a little less.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from phi4_server.offline import lexicon, words
from phi4_server.offline.colours import MENTIONED
from phi4_server.offline.passages import Sentence, sentences

_NAMED = 2.0
_WANTED = 1.5
_NEARBY = 0.6
_HINTED = 0.5
_ENOUGH = 0.6
_ASIDE = 0.7
_AS_GOOD = 0.7
_MOST = 3

_NAMED_TIME = "|".join(word.capitalize() for word in sorted(lexicon.CALENDAR))
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_TIME = re.compile(
    rf"\b(?:1\d\d\d|20\d\d|\d{{1,2}}:\d\d|\d{{1,2}} ?[ap]m|(?:{_NAMED_TIME})s?|noon|midnight)\b"
    rf"|\b(?:at|until|till|from|by|since|before|after) (?:\d|{lexicon.NUMBER.pattern})"
)
_MEASURED = (
    r"\bhow (?:many|much|old|long|far|tall|high|big|large|fast|heavy|deep|wide)\b"
    r"|\b(?:population|price|cost|height|weight|length|width|depth|age|distance|speed|temperature)\b"
)
_WANTS = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(given))
    for asked, given in (
        (r"\b(?:who|whom|whose)\b(?! (?:is|was|are|were) (?-i:[A-Z]))", r"(?<=[\w,] )[A-Z]\w+"),
        (
            r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|time)\b",
            _TIME.pattern,
        ),
        (
            _MEASURED,
            rf"\b(?!(?:1\d|20)\d\d\b)\d|(?i:{lexicon.NUMBER.pattern})",
        ),
        (
            r"\bwhere\b",
            r"(?i:\b(?:in|at|on|near|from|inside|under|behind|beside|between)\s+(?:the\s+|an?\s+)?[^\W\d])",
        ),
        (r"\bcolou?rs?\b", MENTIONED.pattern),
        (r"\bwhy\b", r"(?i:\b(?:because|since|due to|so that|in order|therefore)\b)"),
    )
)
"""What a question may want for an answer, each with how that looks."""


class Question:
    """A question, weighed against the sentences that may answer it.

    Attributes:
        names: The stems of what it names.
        terms: Those of what else it says.
        hints: Those of what only tells what kind of answer it wants.
        all_terms: All of these.
        wanted: How an answer looks that it wants.
        weight: What an answer scores that says all that is asked.
    """

    def __init__(self, text: str, among: Sequence[Sentence]) -> None:
        """Weighs the question's terms by how rare they are among the sentences."""
        self.names = _names(text)
        self.terms = frozenset(words.terms(text)) - self.names
        wants = [(asked.search(text), given) for asked, given in _WANTS]
        self.wanted = [given for asked, given in wants if asked][:1]
        if self.wanted == [_TIME] and _TIME.search(text):
            self.wanted = []  # a question that says "on Tuesday" wants no other time
        # what is wanted stands for the words that want it: "68 million" is a population
        said = next((asked[0] for asked, _ in wants if asked), "") if self.wanted else ""
        self.hints = self.terms & frozenset(words.terms(said))
        self.terms -= self.hints
        self.all_terms = self.terms | self.names | self.hints
        self._asked = frozenset(words.tokens(text))
        seen = Counter(term for sentence in among for term in sentence.terms)
        heaviest = math.log1p(len(among)) or 1.0
        self._weights = {
            term: math.log1p(len(among) / max(seen[term], 1)) / heaviest for term in self.terms | self.hints
        }
        self._spoken = sum(self._weights[term] for term in self.terms) + _NAMED * bool(self.names)
        self.weight = self._spoken + _WANTED * len(self.wanted)

    def score(self, sentence: Sentence) -> float:
        """How much of the question's weight the sentence covers; code and tables less."""
        if not sentence.terms & self.all_terms:
            return 0.0
        said = sum(self._weights[term] * _share(term, sentence) for term in _in(sentence, self.terms))
        named = sum(_share(name, sentence) for name in _in(sentence, self.names))
        said += _NAMED * named / (len(self.names) or 1)
        given = any(
            self._is_new(match[0]) for given in self.wanted for match in given.finditer(sentence.text)
        )
        # a number is an answer as far as it is about what was asked
        wanted = _WANTED * given * (said / self._spoken if self._spoken else 1.0)
        hinted = sum(self._weights[term] * _share(term, sentence) for term in _in(sentence, self.hints))
        return (said + wanted + _HINTED * hinted) * (1.0 if sentence.is_prose else _ASIDE)

    def fits(self, sentence: Sentence) -> bool:
        """Whether a sentence says enough of what is asked to call it an answer."""
        says_all = len(self.all_terms) > 1 and self.all_terms <= sentence.terms
        return says_all or (self.weight > 0 and self.score(sentence) / self.weight > _ENOUGH)

    def _is_new(self, given: str) -> bool:
        return not frozenset(words.tokens(given)) <= self._asked


def _in(sentence: Sentence, terms: frozenset[str]) -> frozenset[str]:
    """The terms that a sentence says, or that stand near it."""
    return terms & sentence.terms | terms & sentence.near


def _share(term: str, sentence: Sentence) -> float:
    return 1.0 if term in sentence.terms else _NEARBY if term in sentence.near else 0.0


def _names(text: str) -> frozenset[str]:
    """The stems of what the question names: words with a capital or a digit, the first word aside."""
    spoken = _WORD.findall(text)
    named = [word for word in spoken[1:] if word[:1].isupper() or any(map(str.isdigit, word))]
    return frozenset(stem for word in named for stem in words.terms(word))


def find(question: str, text: str) -> tuple[Sentence, ...]:
    """The sentences that answer the question best, in the text's order; none when nothing fits."""
    return best(question, sentences(text))


def best(question: str, among: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """The sentence that covers most of the question, and up to two more that cover what it leaves open."""
    asked = Question(question, among)
    scores = [asked.score(sentence) for sentence in among]
    ranked = sorted(range(len(among)), key=lambda index: (-scores[index], index))
    if not ranked or not asked.fits(among[ranked[0]]):
        return ()
    chosen = ranked[:1]
    left = asked.all_terms - among[ranked[0]].terms
    for index in ranked[1:]:
        if len(chosen) == _MOST or scores[index] < _AS_GOOD * scores[ranked[0]]:
            break
        if left & among[index].terms and asked.fits(among[index]):
            chosen.append(index)
            left -= among[index].terms
    return tuple(among[index] for index in sorted(chosen))


def summary(text: str, *, limit: int = 3) -> str:
    """The sentences that carry most of the text's frequent terms, in the text's order."""
    among = sentences(text)
    counts = Counter(term for sentence in among for term in sentence.terms)
    central = sorted(range(len(among)), key=lambda index: -_centrality(among[index], counts))[:limit]
    return " ".join(among[index].text for index in sorted(central))


def _centrality(sentence: Sentence, counts: Counter[str]) -> float:
    shared = sum(counts[term] - 1 for term in sentence.terms)
    return shared * sentence.is_prose / math.sqrt(len(sentence.terms) + 1)


def keywords(text: str, *, limit: int) -> list[str]:
    """The text's most frequent words of meaning, the more frequent first."""
    said = [token for token in words.tokens(text) if token not in lexicon.STOP_WORDS and not token.isdigit()]
    return [word for word, _ in Counter(said).most_common(limit)]
