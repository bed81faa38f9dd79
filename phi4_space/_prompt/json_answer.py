"""JSON as an answer: how it is asked for, found in what a model writes, and checked. Knows no turns."""

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
from phi4_space._prompt.schema_text import normalize_schema
from phi4_space._prompt.validation import Validation, check_schema

_MAX_OPENING = 1_000  # characters; at most so many are searched again when an answer grows
_GAP = rf"\s{{0,{_MAX_OPENING - 2}}}"
_OPENINGS = {"object": rf'\{{(?={_GAP}["}}])', "array": rf'\[(?={_GAP}["\[\]{{\-\dtfn])'}
"""How each kind of JSON begins, in a way in which prose with brackets hardly does."""

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_KEYWORDS = frozenset(
    {"$ref", "allOf", "anyOf", "const", "enum", "items", "oneOf", "prefixItems", "properties"}
)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """Asks for an answer in JSON.

    Attributes:
        schema: The JSON Schema of an object or an array that the answer has to match; None for any object.
        check: A further check of the parsed JSON, which raises a `ValueError` (such as pydantic's
            `ValidationError`) whose text tells the model what is wrong.

    Raises:
        InvalidOption: The schema is not a valid JSON Schema, or not that of an object or an array.
    """

    schema: Mapping[str, Any] | None = None
    check: Callable[[Any], object] | None = None

    def __post_init__(self) -> None:
        """Refuses a schema that no answer could be checked against."""
        if self.check is not None and not callable(self.check):
            raise InvalidOption(f"ResponseFormat.check must be a function, not {self.check!r}")
        if self.schema is None:
            return
        if not isinstance(self.schema, Mapping):
            raise InvalidOption(f"ResponseFormat.schema must be a mapping, not {type(self.schema).__name__}")
        try:
            check_schema(self.schema)
        except ValueError as exc:
            raise InvalidOption(f"ResponseFormat.schema is not a valid JSON Schema: {exc}") from exc
        if not _kinds(self.schema):
            raise InvalidOption(
                f"ResponseFormat.schema must be of an object or an array, not of {self.schema['type']!r}",
                advice="Make it a property of an object.",
            )

    @property
    def instruction(self) -> str:
        """What the prompt tells the model."""
        if self.schema is None:
            return "Reply with JSON only, no other text: one JSON object."
        schema_copy = json.loads(write(self.schema, Limits()))
        schema = json.dumps(normalize_schema(schema_copy, titled=True), ensure_ascii=False)
        return f"Reply with JSON only, no other text, that fits this JSON Schema:\n{schema}"

    def validation_error(self, text: str, limits: Limits = Limits()) -> str | None:
        """What is wrong with an answer, in at most a paragraph; None if it is valid.

        Args:
            text: The answer.
            limits: How large and how deeply nested JSON may be.

        Raises:
            InvalidOption: The schema refers to something outside itself.
        """
        try:
            value = parse(text, limits)
        except ValueError as exc:
            return f"it is not JSON: {exc}"
        except LimitExceeded as exc:
            return f"it is not JSON that can be read: {exc.what}"
        try:
            if self.schema is not None and (mismatch := Validation().mismatch(self.schema, value)):
                return mismatch
            if self.check is not None:
                self.check(value)
        except Unresolvable as exc:
            raise InvalidOption(f"ResponseFormat.schema refers to something outside itself: {exc}") from exc
        except ValueError as exc:
            return shortened(str(exc))
        return None


def is_schema(spec: Mapping[str, Any]) -> bool:
    """Whether a mapping is a JSON Schema by the look of it, and no provider's way to ask for one."""
    if "type" not in spec:
        return not _KEYWORDS.isdisjoint(spec)
    return not isinstance(spec["type"], str) or spec["type"] in _TYPES


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """Which of object and array a schema allows; both where it names no type."""
    types = schema.get("type", [*_OPENINGS])
    return [kind for kind in _OPENINGS if kind in ([types] if isinstance(types, str) else types)]


def correct_json(error: str) -> str:
    """What to reply, once, to a model whose answer was not the JSON that was asked for."""
    return f"Your last answer was not valid: {error}. Answer again, with the JSON only."


class JsonReader:
    """Finds the JSON in an answer that arrives in chunks, and leaves out fences and prose around it.

    The result never depends on how the answer was cut.

    Args:
        response_format: The format that was asked for.
    """

    def __init__(self, response_format: ResponseFormat) -> None:
        schema = response_format.schema
        kinds = ["object"] if schema is None else _kinds(schema)
        self._opening = re.compile("|".join(_OPENINGS[kind] for kind in kinds))
        self._start: int | None = None
        self._end: int | None = None
        self._json: JsonEnd | None = None
        self._searched = 0
        self.full_text = ""
        """The whole answer, including prose."""

    @property
    def text(self) -> str:
        """The JSON so far."""
        return "" if self._start is None else self.full_text[self._start : self._end]

    def feed(self, text: str) -> str:
        """Takes the next chunk of the answer, and returns what it adds to the JSON."""
        new = len(self.full_text)
        self.full_text += text
        if self._end is not None:
            return ""
        if self._json is None:
            opening = self._opening.search(self.full_text, self._searched)
            if opening is None:
                self._searched = max(0, len(self.full_text) - _MAX_OPENING)
                return ""
            new = self._start = opening.start()
            self._json = JsonEnd(new)
        self._end = self._json.follow(self.full_text, len(self.full_text))
        return self.full_text[new : self._end]
