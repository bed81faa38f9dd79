"""What a Space's function takes beside the question: options, by the labels of the page. Knows no calls.

Gradio calls them additional inputs. A label that says what an option of ours is, word for word, maps it; no
option has two, and what nobody maps keeps the value that the page begins with.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from phi4_space._errors import InvalidOption
from phi4_space._gradio.config import Slot
from phi4_space._net.error_mapping import label, strip_markup
from phi4_space._sampling import BOUNDS, Bounds

SYSTEM = "system"
_NUMBERS = frozenset({"slider", "number"})
_FILES = frozenset({"image", "audio", "video", "file"})
_NO_INPUTS = frozenset({"state", "browserstate", "chatbot"})
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_LABELS: Mapping[str, re.Pattern[str]] = {
    SYSTEM: re.compile("system( (prompt|message|instructions?))?"),
    "max_tokens": re.compile("max(imum)?( (new|output))? (tokens|length)"),
    "temperature": re.compile("temp(erature)?"),
    "top_p": re.compile("top p|nucleus sampling"),
    "top_k": re.compile("top k"),
    "repetition_penalty": re.compile("repetition penalty"),
    "seed": re.compile("seed"),
}
_RANDOM_SEED = re.compile("(use )?(a )?(randomi[sz]ed?|random)( the)? seed")


@dataclass(frozen=True, slots=True)
class AdditionalInputs:
    """The additional inputs of a contract's functions.

    Attributes:
        slots: All of them.
        options: The input of each option that is mapped, by the option's name.
        values: What the user gives for inputs, in place of what the page begins with, by their numbers.
    """

    slots: tuple[Slot, ...] = ()
    options: Mapping[str, Slot] = field(default_factory=dict)
    values: Mapping[int | None, object] = field(default_factory=dict)

    @property
    def takes_system(self) -> bool:
        """Whether there is a place for what the model is told about its part."""
        return SYSTEM in self.options

    @property
    def bounds(self) -> dict[str, Bounds]:
        """What each sampling option that is mapped may be."""
        slots = self.options
        return {name: _bounds(slots[name], usual) for name, usual in BOUNDS.items() if name in slots}

    @property
    def others(self) -> tuple[str, ...]:
        """The labels of those that are not mapped."""
        mapped = {slot.number for slot in self.options.values()}
        return tuple(name for name, slot in self._labelled().items() if slot.number not in mapped)

    def with_values(self, values: Mapping[str, object]) -> AdditionalInputs:
        """The same, with values of the user's.

        Args:
            values: The values, by the inputs' exact labels.

        Raises:
            InvalidOption: There is no input of such a label, or not with this value.
        """
        known = self._labelled()
        checked: dict[int | None, object] = {}
        for name, value in values.items():
            slot = known.get(label(name) or "")
            if slot is None:
                count = sum(slot.label == label(name) for slot in self.slots if slot.label)
                has = f"{count} additional inputs" if count else "no additional input"
                raise InvalidOption(
                    f"The Space has {has} labelled {strip_markup(repr(name))}",
                    advice=f"It has {', '.join(map(repr, known)) or 'none'}"
                    f"{' that can be told apart' if count else ''}.",
                )
            checked[slot.number] = _checked(slot, name, value)
        return replace(self, values=checked)

    def _labelled(self) -> dict[str, Slot]:
        """Those with a label that no other has."""
        counts = Counter(slot.label for slot in self.slots)
        return {slot.label: slot for slot in self.slots if slot.label and counts[slot.label] == 1}

    def fill(
        self, inputs: Sequence[Slot], own: Mapping[int | None, object], options: Mapping[str, object]
    ) -> list[Any]:
        """What a function is called with.

        Args:
            inputs: What it takes.
            own: What the contract itself has for some of them, by their numbers.
            options: The options that are set, and the system text as "system".
        """
        mapped = {slot.number: options[name] for name, slot in self.options.items() if name in options}
        given = {**self.values, **mapped, **own}
        # The server keeps the State itself and ignores what a client sends in its place.
        return [None if slot.kind == "state" else given.get(slot.number, slot.default) for slot in inputs]


def to_additional_inputs(slots: Iterable[Slot]) -> AdditionalInputs:
    """The additional inputs among the inputs of a contract's functions.

    Args:
        slots: The inputs, without those that the contract has values for itself.
    """
    unique = {slot.number: slot for slot in slots if slot.kind not in _NO_INPUTS and slot.number is not None}
    inputs = tuple(unique.values())
    return AdditionalInputs(inputs, dict(_mapped(inputs)))


def refuse_extra(values: Mapping[str, object]) -> None:
    """Refuses values for additional inputs, on a Space that has none.

    Raises:
        InvalidOption: There are some.
    """
    AdditionalInputs().with_values(values)


def _bounds(slot: Slot, usual: Bounds) -> Bounds:
    """What a number may be: as the component says, or else as usual."""
    low = usual.low if slot.minimum is None else slot.minimum
    high = usual.high if slot.maximum is None else slot.maximum
    if low > high:
        return usual
    exclusive = usual.exclusive_low and slot.minimum is None
    return Bounds(whole=usual.whole, low=low, high=high, exclusive_low=exclusive)


def _mapped(inputs: Sequence[Slot]) -> Iterator[tuple[str, Slot]]:
    has_random_seed = any(_RANDOM_SEED.fullmatch(_plain(slot)) for slot in inputs if slot.kind == "checkbox")
    for name, pattern in _LABELS.items():
        kinds = {"textbox"} if name == SYSTEM else _NUMBERS
        match [slot for slot in inputs if slot.kind in kinds and pattern.fullmatch(_plain(slot))]:
            # A seed beside a switch for random ones would be taken, and have no effect.
            case [slot] if name != "seed" or not has_random_seed:
                yield name, slot


def _plain(slot: Slot) -> str:
    words = _BRACKETS.sub(" ", (slot.label or "").lower()).replace("-", " ").replace("_", " ")
    return " ".join(words.split()).rstrip(" :?")


def _checked(slot: Slot, name: str, value: object) -> object:
    if slot.kind in _NUMBERS:
        return _bounds(slot, Bounds(low=-math.inf)).check(name, value)
    if slot.kind == "checkbox" and not isinstance(value, bool):
        raise InvalidOption(
            f"{strip_markup(name)} is a checkbox, and takes true or false, not {reprlib.repr(value)}"
        )
    if slot.kind in _FILES and value is not None and not _is_of_files(value):
        raise InvalidOption(
            f"{strip_markup(name)} is a file on the Space",
            advice="Give what SpaceClient.aupload returns for it, one of its list.",
        )
    return value


def _is_of_files(value: object) -> bool:
    match value:
        case {"path": str()} | {"video": {"path": str()}}:
            return True
        case [_, *_]:
            return all(isinstance(one, dict) and isinstance(one.get("path"), str) for one in value)
        case _:
            return False
