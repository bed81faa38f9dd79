"""The thoughts of an answer as they grow: all of them in, what is new of each out. Knows no text, no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from phi4_space._turn.growth import end_of
from phi4_space._turns import Thought


class Thoughts:
    """The thoughts of one turn, over all its attempts: the next attempt replaces what was passed on."""

    def __init__(self) -> None:
        """No thoughts yet."""
        self._known: dict[int, Thought] = {}

    @property
    def whole(self) -> tuple[Thought, ...]:
        """All of them as they stand, in order."""
        return tuple(self._known[number] for number in sorted(self._known))

    def read(self, thoughts: Sequence[Thought]) -> list[Thought]:
        """Takes all thoughts as they stand, and returns what is new of each.

        Args:
            thoughts: Each whole, under a number of its own. One that is missing is withdrawn.
        """
        known, self._known = self._known, {thought.number: thought for thought in thoughts}
        withdrawn = [
            Thought("", number=number, rewritten=True) for number in known.keys() - self._known.keys()
        ]
        changed = [thought for number, thought in self._known.items() if known.get(number) != thought]
        return [*sorted(withdrawn, key=_number), *(_new(known.get(one.number), one) for one in changed)]


def _new(known: Thought | None, thought: Thought) -> Thought:
    """What is new of a thought."""
    if known is None:
        return thought
    end = end_of(known.text, thought.text)
    if end is None:
        return replace(thought, rewritten=True)
    return replace(thought, text=thought.text[end:])


def _number(thought: Thought) -> int:
    return thought.number
