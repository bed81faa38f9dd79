"""JSON as an answer: how it is asked for, found in what a model says, and checked. Knows no turns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from jsonschema.exceptions import SchemaError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from phi4_space._errors import InvalidOption
from phi4_space._schemas import told

_OPENINGS = {"object": r'\{(?=\s*["}])', "array": r'\[(?=\s*["\[\]{\-\dtfn])'}
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
        try:
            _dialect(self.schema).check_schema(dict(self.schema))
            json.dumps(self.schema, allow_nan=False)
        except (SchemaError, TypeError, ValueError, RecursionError) as exc:
            told = exc.message if isinstance(exc, SchemaError) else exc
            raise InvalidOption(f"The response format's schema is no JSON Schema: {told}") from exc
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
        schema = json.dumps(told(self.schema, titled=True), ensure_ascii=False)
        return f"Reply with JSON only, no other text, that fits this JSON Schema:\n{schema}"

    def complaint(self, text: str) -> str | None:
        """What is wrong with an answer; None when nothing is.

        Raises:
            InvalidOption: The schema refers to something outside of it.
        """
        try:
            value = json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError) as exc:
            return f"it is no JSON: {exc}"
        try:
            if self.schema is not None and (found := mismatch(self.schema, value)):
                return found
            if self.check is not None:
                self.check(value)
        except Unresolvable as exc:
            raise InvalidOption(f"The response format's schema refers to what is not in it: {exc}") from exc
        except ValueError as exc:
            return str(exc)
        return None


def is_schema(schema: Mapping[str, Any]) -> bool:
    """Whether a mapping is a JSON Schema."""
    try:
        _dialect(schema).check_schema(dict(schema))
    except SchemaError:
        return False
    return True


def mismatch(schema: Mapping[str, Any], value: Any) -> str | None:
    """How a JSON value does not fit a schema; None where it does.

    Raises:
        referencing.exceptions.Unresolvable: The schema refers to something outside of it.
    """
    # An empty registry: a schema may come from anywhere, and must not make us load what it names.
    validator = _dialect(schema)(schema, registry=Registry())
    worst = best_match(validator.iter_errors(value))
    return worst and f"{worst.message} (at {worst.json_path})"


def _dialect(schema: Mapping[str, Any]) -> type[Validator]:
    if not isinstance(schema, Mapping):
        raise InvalidOption(f"A response format's schema is a mapping, not {type(schema).__name__}")
    return validator_for(dict(schema), default=Draft202012Validator)


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """Which of the kinds that we can find a schema allows; both where it does not say."""
    told = schema.get("type", [*_OPENINGS])
    return [kind for kind in _OPENINGS if kind in ([told] if isinstance(told, str) else told)]


def correct_json(complaint: str) -> str:
    """What to answer, once, to a model whose answer did not fit."""
    return f"Your last answer does not fit: {complaint}. Answer again, with the JSON alone."


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


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
        self.said = ""
        """The whole answer, prose and all."""

    @property
    def text(self) -> str:
        """The JSON so far."""
        return "" if self._start is None else self.said[self._start : self._end]

    def feed(self, text: str) -> str:
        """Takes the next piece of the answer, and gives what it adds to the JSON."""
        before = len(self.text)
        self.said += text
        if self._start is None and (found := self._opening.search(self.said)):
            self._start = found.start()
        if self._start is not None and self._end is None and ("}" in text or "]" in text or not before):
            self._look_for_end(self._start)
        return self.text[before:]

    def _look_for_end(self, start: int) -> None:
        try:
            _, self._end = json.JSONDecoder().raw_decode(self.said, start)
        except (ValueError, RecursionError):
            return  # more is to come, or the JSON is broken, which its check will tell
