"""JSON values, validated against a JSON Schema in bounded work. Knows jsonschema; no answer, no tool.

The value comes from a model, by way of a server. Even with a harmless schema, such as one of arithmetic
expressions, a value that was made for the purpose may take years to validate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from traceback import walk_stack
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, extend, validator_for
from referencing import Registry

from phi4_space._errors import shortened
from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.known_properties import KNOWN, none_known, with_known

_MAX_VALUES = 20_000  # in a schema
_MAX_STEPS = 30_000  # each takes some microseconds
_START_COST = 10  # steps to start with a value
_ERROR_COST = 5  # steps to make an error
_ITEMS_PER_STEP = 100  # characters or items that are handled in a step
_COMPARISONS_PER_STEP = 10  # of two items
# Nested calls. Where Python reaches its recursion limit, a library below jsonschema may fail with something
# that is not an Exception, so that the limit must never be reached.
_SPARE_CALLS = 100
_CALLS_PER_LEVEL = 10  # of JSON in a schema that is checked
_CALLS_PER_KEYWORD = 5  # within another, when a value is validated
_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def check_schema(schema: Mapping[str, Any]) -> None:
    """Makes sure that a mapping is a valid JSON Schema.

    Raises:
        ValueError: It is not; the message says why.
    """
    depth = min(Limits().depth, max(1, _calls_left() // _CALLS_PER_LEVEL))
    copied = json.loads(write(schema, Limits(values=_MAX_VALUES, depth=depth)))
    try:
        _validator_class(copied).check_schema(copied)
    except SchemaError as exc:
        raise ValueError(shortened(exc.message)) from exc


class Validation:
    """Validates values against JSON Schemas, and gives up when it takes too much work in all.

    Args:
        known: Whether an object whose properties are all unknown does not match, where a schema names some.
    """

    def __init__(self, *, known: bool = False) -> None:
        self._steps_left = _MAX_STEPS
        self._levels = 0
        self._known = known
        self._counting: dict[type[Validator], type[Validator]] = {}
        self._validators: dict[int, tuple[Mapping[str, Any], Validator]] = {}

    def mismatch(self, schema: Mapping[str, Any], value: Any) -> str | None:
        """Why a JSON value does not match a schema, in at most a paragraph; None if it does.

        A value that is too much work to check does not match.

        Args:
            schema: The schema; `check_schema` accepted it.
            value: The value.

        Raises:
            referencing.exceptions.Unresolvable: The schema refers to something outside itself.
        """
        self._levels = _calls_left() // _CALLS_PER_KEYWORD
        try:
            self._spend(_START_COST)
            worst = best_match(self._validator(schema).iter_errors(value))
        except _TooMuchError:
            return "it is too large to check"
        except (_TooDeepError, RecursionError):
            return "it is nested too deeply to check"
        return worst and f"{shortened(worst.message)} (at {shortened(worst.json_path)})"

    def _validator(self, schema: Mapping[str, Any]) -> Validator:
        """The validator of a schema, which is made once."""
        if id(schema) not in self._validators:
            copied = _without_dialects(schema)
            marked = with_known(copied) if self._known else copied
            # An empty registry: a schema may come from anywhere, and must not make us load a URL.
            validator = self._counting_validator(schema)(marked, registry=Registry())
            self._validators[id(schema)] = schema, validator
        return self._validators[id(schema)][1]

    def _counting_validator(self, schema: Mapping[str, Any]) -> type[Validator]:
        """The validator class of the schema's dialect, extended to count its steps."""
        validator = _validator_class(schema)
        if validator not in self._counting:
            checks = {
                **validator.VALIDATORS,
                KNOWN: _check_known,
                "$ref": _with_known(validator.VALIDATORS["$ref"]),
            }
            counted = {name: self._counted(name, check) for name, check in checks.items()}
            self._counting[validator] = extend(validator, counted)  # type: ignore[no-untyped-call]  # the stubs' gap
        return self._counting[validator]

    def _counted(self, name: str, check: _Keyword) -> _Keyword:
        def counted(validator: Any, keyword: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
            self._spend(_steps(name, value))
            self._levels -= 1
            if self._levels < 0:
                raise _TooDeepError
            try:
                for error in check(validator, keyword, value, schema) or ():
                    self._spend(_ERROR_COST + len(error.message) // _ITEMS_PER_STEP)
                    yield error
            finally:
                self._levels += 1

        return counted

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < 0:
            raise _TooMuchError


class _TooMuchError(Exception):
    """No steps are left."""


class _TooDeepError(Exception):
    """Keywords are nested too deeply."""


def _check_known(
    _validator: Any, names: frozenset[str], value: Any, _schema: Any
) -> Iterator[ValidationError]:
    """An error for an object that has properties, and none of those known by name."""
    if names and value and isinstance(value, dict) and names.isdisjoint(value):
        yield ValidationError(none_known(value, names))


def _with_known(check_ref: _Keyword) -> _Keyword:
    """The check of `$ref`, and of `KNOWN` beside it, which dialects up to draft 7 would pass over."""

    def check(validator: Any, reference: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        yield from check_ref(validator, reference, value, schema) or ()
        yield from _check_known(validator, schema.get(KNOWN, frozenset()), value, schema)

    return check


def _calls_left() -> int:
    """How many more nested calls Python allows here."""
    return sys.getrecursionlimit() - _SPARE_CALLS - sum(1 for _ in walk_stack(None))


def _steps(name: str, value: Any) -> int:
    """About how many steps one keyword takes for a value, not counting other keywords for its parts."""
    if name == "uniqueItems" and isinstance(value, list) and not all(isinstance(part, str) for part in value):
        return 1 + len(value) ** 2 // _COMPARISONS_PER_STEP
    return 1 + len(value) // _ITEMS_PER_STEP if isinstance(value, str | list | dict) else 1


def _validator_class(schema: Mapping[str, Any]) -> type[Validator]:
    return validator_for(dict(schema), default=Draft202012Validator)


def _without_dialects(schema: Mapping[str, Any]) -> Any:
    """The schema without `$schema`, at which jsonschema would switch to a validator that does not count."""
    return json.loads(write(schema, Limits(values=_MAX_VALUES)), object_hook=_drop_dialect)


def _drop_dialect(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "$schema" or not isinstance(value, str)}
