"""Which properties a JSON Schema knows, and objects that have none of them. Knows JSON Schema; no answer.

By JSON Schema, `{"Person": {"name": "Ann"}}` matches any schema whose properties are optional, and is an
object of defaults to whoever reads it. To a model that was asked for the properties, it is a mistake.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

KNOWN = "\0known"
"""The keyword that `with_known` adds: an object has one of these properties, or none at all."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_MAX_NAMES = 20  # of properties, in a message
_ALL = ("allOf", "if", "then", "else", "$ref")
_ANY = ("anyOf", "oneOf")
_CHILDREN = ("items", "prefixItems", "additionalItems", "additionalProperties", "unevaluatedProperties")
_CHILDREN_BY_NAME = ("properties", "patternProperties")
_IN_PLACE_BY_NAME = ("$defs", "definitions", "dependentSchemas")
_OPENINGS = ("additionalProperties", "unevaluatedProperties")


def known_properties(schema: dict[str, Any]) -> Known:
    """What a schema knows of the properties of its objects, in any of their forms.

    Args:
        schema: The schema, as JSON is read.
    """
    try:
        return _Reader(schema).known(schema)
    except RecursionError:  # references that go deeper than Python
        return Known(is_open=True)


def with_known(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, with the keyword `KNOWN` wherever an object is to have properties by name.

    It is left out where a schema says that others may come: by `additionalProperties`, or by patterns.

    Args:
        schema: The schema, as JSON is read; it is not changed.
    """
    try:
        return _Marker(_Reader(schema)).marked(schema)
    except RecursionError:
        return schema


@dataclass(frozen=True, slots=True)
class Known:
    """What a schema knows.

    Attributes:
        names: Properties by name.
        is_open: Whether others may come.
        is_any: Whether any object may match, since it names no properties.
    """

    names: frozenset[str] = frozenset()
    is_open: bool = False
    is_any: bool = False


def none_known(value: object, names: Collection[str]) -> str:
    """What is wrong with an object that has none of the properties that are known by name, in a line."""
    listed = ", ".join(sorted(map(repr, names))[:_MAX_NAMES])
    return f"{_SHORT.repr(value)} has none of the properties {listed}"


@dataclass(frozen=True, slots=True)
class _Reader:
    root: dict[str, Any]
    _read: dict[int, Known] = field(default_factory=dict)

    def known(self, schema: Any) -> Known:
        """What a schema knows, those included that apply to the same value."""
        if not isinstance(schema, dict):
            return Known(is_any=schema is True)
        if id(schema) not in self._read:
            self._read[id(schema)] = Known()  # what comes back to itself adds nothing
            self._read[id(schema)] = self._joined(schema)
        return self._read[id(schema)]

    def _joined(self, schema: dict[str, Any]) -> Known:
        own = schema.get("properties")
        together = [self.known(part) for key in _ALL for part in self._parts(schema, key)]
        choices = [self.known(part) for key in _ANY for part in self._parts(schema, key)]
        named = frozenset(own if isinstance(own, dict) else ()).union(*(part.names for part in together))
        names = named.union(*(part.names for part in choices))
        any_choice = any(part.is_any for part in choices)
        is_open = _says_open(schema) or any(part.is_open for part in (*together, *choices))
        is_any = _may_be_object(schema) and all(part.is_any for part in together)
        return Known(
            names,
            is_open=is_open or (any_choice and not named),
            is_any=is_any and not names and (any_choice or not choices),
        )

    def _parts(self, schema: dict[str, Any], key: str) -> list[Any]:
        match schema.get(key):
            case str() as reference if key == "$ref":
                return [self._resolved(reference)]
            case list() as parts:
                return parts
            case dict() as part:
                return [part]
        return []

    def _resolved(self, reference: str) -> Any:
        """The schema that a reference leads to; where it leads outside, True, which any value matches."""
        start, *path = reference.split("/")
        part: Any = self.root if start == "#" else True
        for key in path:
            name = unquote(key).replace("~1", "/").replace("~0", "~")
            part = part.get(name, True) if isinstance(part, dict) else True
        return part


def _may_be_object(schema: dict[str, Any]) -> bool:
    types = schema.get("type", "object")
    return "object" in types and not {"const", "enum"} & schema.keys()


def _says_open(schema: dict[str, Any]) -> bool:
    if schema.get("patternProperties"):
        return True
    return any(schema.get(key, False) is not False for key in _OPENINGS)


@dataclass(frozen=True, slots=True)
class _Marker:
    reader: _Reader

    def marked(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema of a whole value."""
        known = self.reader.known(schema)
        parts = self._part(schema)
        if not known.names or known.is_open:
            return parts
        return {**parts, KNOWN: known.names}

    def _part(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema of a value that others apply to as well."""
        return {**schema, **dict(self._changed(schema))}

    def _changed(self, schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in schema.items():
            if key in _CHILDREN:
                yield key, self._all(value, self.marked)
            elif key in (*_ALL, *_ANY, "not"):
                yield key, self._all(value, self._part)
            elif isinstance(value, dict) and key in _CHILDREN_BY_NAME:
                yield key, {name: self._all(part, self.marked) for name, part in value.items()}
            elif isinstance(value, dict) and key in _IN_PLACE_BY_NAME:
                yield key, {name: self._all(part, self._part) for name, part in value.items()}

    def _all(self, value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        if isinstance(value, list):
            return [change(part) if isinstance(part, dict) else part for part in value]
        return change(value) if isinstance(value, dict) else value
