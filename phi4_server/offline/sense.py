"""A sense: answers questions about numbered things by what can be told of one. Knows no kind of thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

from phi4_server.offline import pointing, words

T = TypeVar("T")

YES_NO = re.compile(r"^\W*(?:is|are|does|do|has|have|was|were|can you (?:see|hear))\b", re.IGNORECASE)
"""How a question begins that wants a yes or a no."""

_OR = re.compile(r"\bor\b", re.IGNORECASE)
_WHICH = re.compile(r"\bwhich\b", re.IGNORECASE)
_DIFFER = re.compile(r"\b(?:differ\w*|compar\w+|same|identical|alike|in common)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense(Generic[T]):
    """What can be told of things of one kind.

    Attributes:
        noun: What one of them is called.
        nouns: What they are called in questions, as the inside of a regular expression.
        aspects: What may be asked of one, each with what tells it, given the question too.
        measures: By what they may be ranked, each with its measure; the highest wins.
        is_such: Whether one is what a "which" question asks for; None where it asks for nothing known.
        traits: What sets one apart from another, under what it is called.
        described: One in a few sentences.
        limits: What this sense cannot tell.
    """

    noun: str
    nouns: str
    aspects: Sequence[tuple[re.Pattern[str], Callable[[T, str], str]]]
    measures: Sequence[tuple[re.Pattern[str], Callable[[T], float]]]
    is_such: Callable[[T, str], bool | None]
    traits: Callable[[T], Mapping[str, str]]
    described: Callable[[T], str]
    limits: str

    def answer(self, things: Sequence[T], question: str) -> str | None:
        """The answer to a question about things; None where it asks nothing that this sense tells."""
        absent = pointing.absent(question, nouns=self.nouns, count=len(things))
        given = f"I was given {len(things)} {self.noun}{'s' * (len(things) != 1)}."
        if absent is not None:
            return f"There is no {self.noun} {absent}: {given}"
        if re.compile(rf"\bhow many (?:{self.nouns}|files)\b", re.IGNORECASE).search(question):
            return given
        meant = pointing.meant(things, question, nouns=self.nouns)
        compared = self._compared(meant, question) if len(meant) > 1 else None
        told = [(number, told) for number, thing in meant if (told := self._told(thing, question))]
        return compared or (self._numbered(told, of=len(things)) if told else None)

    def description(self, things: Sequence[T], question: str) -> str:
        """A few sentences on each thing that a question means."""
        meant = pointing.meant(things, question, nouns=self.nouns)
        told = [(number, self.described(thing)) for number, thing in meant]
        return f"{self._numbered(told, of=len(things))} {self.limits}"

    def _numbered(self, told: Sequence[tuple[int, str]], *, of: int) -> str:
        label = self.noun.capitalize()
        return " ".join(f"{label} {number}: {text}" if of > 1 else text for number, text in told)

    def _told(self, thing: T, question: str) -> str:
        return " ".join(tell(thing, question) for asked, tell in self.aspects if asked.search(question))

    def _compared(self, meant: Sequence[tuple[int, T]], question: str) -> str | None:
        """Which of several things it is, or what sets them apart, where that is asked."""
        if _WHICH.search(question):
            for word, measure in self.measures:
                if word.search(question):
                    most = max(measure(thing) for _, thing in meant)
                    return self._picked([number for number, thing in meant if measure(thing) == most])
            such = [(number, self.is_such(thing, question)) for number, thing in meant]
            if such[0][1] is not None:
                return self._picked([number for number, is_such in such if is_such])
        if _DIFFER.search(question):
            return " ".join(self._difference(one, other) for one, other in combinations(meant, 2))
        return None

    def _picked(self, picked: Sequence[int]) -> str:
        if not picked:
            return "None of them."
        are = f"They are {self.noun}s" if len(picked) > 1 else f"It is {self.noun}"
        return f"{are} {words.listed([str(number) for number in picked])}."

    def _difference(self, one: tuple[int, T], other: tuple[int, T]) -> str:
        left, right = self.traits(one[1]), self.traits(other[1])
        both = f"{self.noun.capitalize()}s {one[0]} and {other[0]}"
        apart = [
            f"{name} ({told} against {right[name]})" for name, told in left.items() if told != right[name]
        ]
        if apart:
            return f"{both} differ in {words.listed(apart)}."
        return f"{both} have the same {words.listed(list(left))}."


def confirmed(statement: str, question: str, *, asked: re.Pattern[str], told: str = "") -> str:
    """A statement with "Yes" or "No" before it, where the question asks whether something it speaks of is so.

    Args:
        statement: The statement.
        question: The question.
        asked: The words for what may be so or not.
        told: Which of them are so; all that the statement says, where it is empty.
    """
    word = asked.search(question)
    if not word or not YES_NO.search(question) or _OR.search(question):
        return statement
    is_so = word[0].casefold().replace("jpg", "jpeg") in (told or statement).casefold()
    return f"{'Yes' if is_so else 'No'}: {words.lowered(statement)}"
