"""Whether a JSON value fits a JSON Schema, in bounded work. Knows jsonschema; no answer, no tool.

The value comes from a model, by way of a server: a schema that is harmless by itself, such as that of an
expression, may take years to hold a value to that was made for it.
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

_VALUES = 20_000  # in a schema
_WORK = 30_000  # steps, each some microseconds
_BEGINNING = 10  # steps that it takes to begin with a value
_ERROR = 5  # steps that it takes to make an error
_SHOWN = 100  # characters or parts that are shown in a step
_COMPARED = 10  # comparisons of two items in a step
# Calls that are under way at once. Where Python stops at too many, what jsonschema stands on may break in a
# way that is no Exception; so it never comes to that.
_SPARE = 100
_CALLS_IN_SCHEMA = 10  # for each level of JSON in a schema that is checked
_CALLS_IN_VALUE = 5  # for each keyword within another
_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def check_schema(schema: Mapping[str, Any]) -> None:
    """Makes sure that a mapping is a JSON Schema.

    Raises:
        ValueError: It is none; the text says why.
    """
    depth = min(Limits().depth, max(1, _room() // _CALLS_IN_SCHEMA))
    plain = json.loads(write(schema, Limits(values=_VALUES, depth=depth)))
    try:
        _dialect(plain).check_schema(plain)
    except SchemaError as exc:
        raise ValueError(shortened(exc.message)) from exc


class Validation:
    """Holds values to JSON Schemas, and gives up where that is too much work in all."""

    def __init__(self) -> None:
        self._left = _WORK
        self._levels = 0
        self._kinds: dict[type[Validator], type[Validator]] = {}

    def mismatch(self, schema: Mapping[str, Any], value: Any) -> str | None:
        """How a JSON value does not fit a schema, in at most a paragraph; None where it does.

        What is too much work to check does not fit.

        Args:
            schema: The schema, which was checked.
            value: The value.

        Raises:
            referencing.exceptions.Unresolvable: The schema refers to something outside of it.
        """
        self._levels = _room() // _CALLS_IN_VALUE
        try:
            self._work(_BEGINNING)
            # An empty registry: a schema may come from anywhere, and must not make us load what it names.
            validator = self._kind(schema)(_undeclared(schema), registry=Registry())
            worst = best_match(validator.iter_errors(value))
        except _TooMuchError:
            return "it is too large to be checked"
        except (_TooDeepError, RecursionError):
            return "it is nested too deep to be checked"
        return worst and f"{shortened(worst.message)} (at {shortened(worst.json_path)})"

    def _kind(self, schema: Mapping[str, Any]) -> type[Validator]:
        """The validator of the schema's dialect, such that it counts its work."""
        kind = _dialect(schema)
        if kind not in self._kinds:
            counted = {name: self._counted(name, check) for name, check in kind.VALIDATORS.items()}
            self._kinds[kind] = extend(kind, counted)  # type: ignore[no-untyped-call]  # the stubs' gap
        return self._kinds[kind]

    def _counted(self, name: str, check: _Keyword) -> _Keyword:
        def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
            self._work(_steps(name, value))
            self._levels -= 1
            if self._levels < 0:
                raise _TooDeepError
            try:
                for error in check(validator, wanted, value, schema) or ():
                    self._work(_ERROR + len(error.message) // _SHOWN)
                    yield error
            finally:
                self._levels += 1

        return counted

    def _work(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _TooMuchError


class _TooMuchError(Exception):
    """There is no work left."""


class _TooDeepError(Exception):
    """There is no room for more keywords within keywords."""


def _room() -> int:
    """How many more calls may be under way here."""
    return sys.getrecursionlimit() - _SPARE - sum(1 for _ in walk_stack(None))


def _steps(name: str, value: Any) -> int:
    """About how many steps it takes to look at a value by one keyword, its parts by others left out."""
    if name == "uniqueItems" and isinstance(value, list) and not all(isinstance(part, str) for part in value):
        return 1 + len(value) ** 2 // _COMPARED
    return 1 + len(value) // _SHOWN if isinstance(value, str | list | dict) else 1


def _dialect(schema: Mapping[str, Any]) -> type[Validator]:
    return validator_for(dict(schema), default=Draft202012Validator)


def _undeclared(schema: Mapping[str, Any]) -> Any:
    """The schema without the names of dialects, at which jsonschema would go on without counting."""
    return json.loads(write(schema, Limits(values=_VALUES)), object_hook=_without_dialect)


def _without_dialect(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "$schema" or not isinstance(value, str)}
