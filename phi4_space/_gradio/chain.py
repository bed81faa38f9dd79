"""The functions that one event of a page starts, one behind the other. Knows no contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from phi4_space._gradio.config import Endpoint, Slot

_LONGEST_CHAIN = 5  # functions between a question and its answer
_LONGEST_REST = 10  # functions between a question and the last that has part in its answer
_KEPT = frozenset({"chatbot", "state"})
"""What a page keeps from turn to turn."""


@dataclass(frozen=True, slots=True)
class Chains:
    """Which of a page's functions are called behind which.

    Attributes:
        numbered: All functions, by their numbers.
        following: The functions that are called right behind one, by its number.
    """

    numbered: Mapping[int, Endpoint]
    following: Mapping[int | None, Sequence[Endpoint]]

    def before(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """The functions behind which one is called, the nearest first."""
        for _ in range(_LONGEST_CHAIN):
            earlier = None if endpoint.after is None else self.numbered.get(endpoint.after)
            if earlier is None:
                return
            yield (endpoint := earlier)

    def with_part_in(self, submit: Endpoint, answer: Endpoint, box: Slot) -> list[Endpoint]:
        """The functions beside the two without which the answer is another.

        They write the chat, or what the two read: what is found for a question, or whether it is answered at
        all. Those that touch nothing but boxes and buttons have no part in it.

        Args:
            submit: The function that files the question.
            answer: The function that answers it.
            box: Where the question is written, which pages empty and lock meanwhile.
        """
        kept = {slot.number for slot in (*submit.inputs, *answer.inputs) if slot.kind in _KEPT}
        read = {slot.number for slot in answer.inputs} | kept
        earlier = {one.fn_index: one for one in self.before(answer)}
        others = {**self._behind(submit), **earlier}
        return [
            one
            for number, one in others.items()
            if number not in {submit.fn_index, answer.fn_index}
            and _writes(one, (read if number in earlier else kept) - {box.number})
        ]

    def _behind(self, first: Endpoint) -> dict[int, Endpoint]:
        """The functions that are called behind one, by their numbers."""
        found: dict[int, Endpoint] = {}
        latest: list[Endpoint] = [first]
        for _ in range(_LONGEST_REST):
            latest = [one for earlier in latest for one in self.following.get(earlier.fn_index, ())]
            found.update((one.fn_index, one) for one in latest)
        return found


def to_chains(endpoints: Sequence[Endpoint]) -> Chains:
    """The chains of a page.

    Args:
        endpoints: All its functions.
    """
    numbered = {one.fn_index: one for one in endpoints}
    following: dict[int | None, list[Endpoint]] = {}
    for one in numbered.values():
        following.setdefault(one.after, []).append(one)
    return Chains(numbered, following)


def _writes(endpoint: Endpoint, numbers: set[int | None]) -> bool:
    return not numbers.isdisjoint(slot.number for slot in endpoint.outputs)
