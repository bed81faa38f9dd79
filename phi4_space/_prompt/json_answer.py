"""JSON as an answer: how it is asked for, found in what a model says, and checked. Knows no turns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from referencing.exceptions import Unresolvable

from phi4_space._errors import InvalidOption, LimitExceeded, shortened
from phi4_space._json import JsonEnd, parse, write
from phi4_space._limits import Limits
from phi4_space._prompt.schema_text import told
from phi4_space._prompt.validation import Validation, check_schema

_LONGEST_OPENING = 1_000  # characters; so much, and no more, is looked at again when an answer grows
_GAP = rf"\s{{0,{_LONGEST_OPENING - 2}}}"
_OPENINGS = {"object": rf'\{{(?={_GAP}["}}])', "array": rf'\[(?={_GAP}["\[\]{{\-\dtfn])'}
"""How each kind of JSON begins, as prose with brackets in it hardly does."""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """JSON that the answer is to be.

    Attributes:
        schema: The JSON Schema that it has to fit, of an object or an array; None for any object.
        check: Looks at the parsed JSON besides, and raises a `ValueError` (as pydantic's `ValidationError`
            is one) whose text tells the model what is wrong.

    Raises:
        InvalidOption: The schema is none, or is not of an object or an array.
    """

    schema: Mapping[str, Any] | None = None
    check: Callable[[Any], object] | None = None

    def __post_init__(self) -> None:
        """Refuses a schema that no answer could be held to."""
        if self.check is not None and not callable(self.check):
            raise InvalidOption(f"A ResponseFormat's check is a function, not {self.check!r}")
        if self.schema is None:
            return
        if not isinstance(self.schema, Mapping):
            raise InvalidOption(f"A response format's schema is a mapping, not {type(self.schema).__name__}")
        try:
            check_schema(self.schema)
        except ValueError as exc:
            raise InvalidOption(f"The response format's schema is no JSON Schema: {exc}") from exc
        if not _kinds(self.schema):
            raise InvalidOption(
                f"The response format's schema is of type {self.schema['type']!r}",
                advice="Make it a property of an object.",
            )

    @property
    def instruction(self) -> str:
        """What the model is told."""
        if self.schema is None:
            return "Reply with JSON only, no other text: one JSON object."
        plain = json.loads(write(self.schema, Limits()))
        schema = json.dumps(told(plain, titled=True), ensure_ascii=False)
        return f"Reply with JSON only, no other text, that fits this JSON Schema:\n{schema}"

    def complaint(self, text: str, limits: Limits = Limits()) -> str | None:
        """What is wrong with an answer, in at most a paragraph; None when nothing is.

        Args:
            text: The answer.
            limits: What any JSON may hold.

        Raises:
            InvalidOption: The schema refers to something outside of it.
        """
        try:
            value = parse(text, limits)
        except ValueError as exc:
            return f"it is no JSON: {exc}"
        except LimitExceeded as exc:
            return f"it is no JSON that can be read: {exc.what}"
        try:
            if self.schema is not None and (found := Validation().mismatch(self.schema, value)):
                return found
            if self.check is not None:
                self.check(value)
        except Unresolvable as exc:
            raise InvalidOption(f"The response format's schema refers to what is not in it: {exc}") from exc
        except ValueError as exc:
            return shortened(str(exc))
        return None


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """Which of the kinds that we can find a schema allows; both where it does not say."""
    told = schema.get("type", [*_OPENINGS])
    return [kind for kind in _OPENINGS if kind in ([told] if isinstance(told, str) else told)]


def correct_json(complaint: str) -> str:
    """What to answer, once, to a model whose answer did not fit."""
    return f"Your last answer does not fit: {complaint}. Answer again, with the JSON alone."


class JsonReader:
    """Finds the JSON in one answer that arrives in pieces, and leaves out fences and prose around it.

    What comes out never depends on how the answer was cut.

    Args:
        wanted: The format that was asked for.
    """

    def __init__(self, wanted: ResponseFormat) -> None:
        kinds = ["object"] if wanted.schema is None else _kinds(wanted.schema)
        self._opening = re.compile("|".join(_OPENINGS[kind] for kind in kinds))
        self._start: int | None = None
        self._end: int | None = None
        self._json: JsonEnd | None = None
        self._searched = 0
        self.said = ""
        """The whole answer, prose and all."""

    @property
    def text(self) -> str:
        """The JSON so far."""
        return "" if self._start is None else self.said[self._start : self._end]

    def feed(self, text: str) -> str:
        """Takes the next piece of the answer, and gives what it adds to the JSON."""
        new = len(self.said)
        self.said += text
        if self._end is not None:
            return ""
        if self._json is None:
            found = self._opening.search(self.said, self._searched)
            if found is None:
                self._searched = max(0, len(self.said) - _LONGEST_OPENING)
                return ""
            new = self._start = found.start()
            self._json = JsonEnd(new)
        self._end = self._json.follow(self.said, len(self.said))
        return self.said[new : self._end]
