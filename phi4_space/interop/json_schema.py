"""JSON Schema, as pydantic writes it: references, types, and what objects may hold. Knows no class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from phi4_space._errors import InvalidOption

_VALUES = ("default", "const", "enum", "examples")
_DEFINITIONS = ("$defs", "definitions")


def inline_root(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, with the definition at its top where it only refers to one, as a recursive class's does."""
    reference = str(schema.get("$ref"))
    for key in _DEFINITIONS:
        _, found, name = reference.rpartition(f"#/{key}/")
        if found and isinstance(definitions := schema.get(key), Mapping) and name in definitions:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return {**definitions[name], **rest}
    return {**schema}


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Whether references in the schema lead back to themselves, or elsewhere than to its definitions."""
    graph = {"#": _references({key: part for key, part in schema.items() if key not in _DEFINITIONS})}
    for key in _DEFINITIONS:
        if isinstance(definitions := schema.get(key), Mapping):
            graph |= {f"#/{key}/{name}": _references(part) for name, part in definitions.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return not graph.keys() >= set().union(*graph.values())


def _references(part: Any) -> set[str]:
    match part:
        case {"$ref": str(reference)}:
            return {reference}.union(*map(_references, part.values()))
        case Mapping():
            return set().union(*map(_references, part.values()))
        case [*parts]:
            return set().union(*map(_references, parts))
        case _:
            return set()


def check_types(schema: object, *types: str, what: str) -> None:
    """Makes sure that values of a schema may be of one of these types, as far as the schema names any.

    Args:
        schema: The schema.
        *types: JSON Schema's names of the types.
        what: What the schema is of, for the error.

    Raises:
        InvalidOption: It names others only.
    """
    try:
        named = _types(schema)
    except RecursionError:
        return  # whoever validates the schema refuses one that is nested so deep
    if named is not None and named.isdisjoint(types):
        raise InvalidOption(
            f"{what} is of type {' or '.join(sorted(named))}, and has to be of type {' or '.join(types)}",
            advice="Make it a field of an object.",
        )


def _types(schema: object) -> set[str] | None:
    """The types that a schema names; None where it may be of any."""
    match schema:
        case {"type": str(name)}:
            return {name}
        case {"type": [*names]} if all(isinstance(name, str) for name in names):
            return {*names}
        case {"anyOf": [*parts]} | {"oneOf": [*parts]} if parts:
            found = [_types(part) for part in parts]
            return None if None in found else set().union(*filter(None, found))
        case _:
            return None


def without_odd_defaults(part: Any) -> Any:
    """A schema without defaults that JSON cannot hold, such as infinity: a model needs none to answer."""
    match part:
        case Mapping():
            return {
                key: without_odd_defaults(value)
                for key, value in part.items()
                if key != "default" or _is_json(value)
            }
        case list():
            return [without_odd_defaults(value) for value in part]
        case _:
            return part


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def close_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, with `additionalProperties` false wherever fields are listed."""
    parts = {key: _closed_part(value) for key, value in schema.items() if key not in _VALUES}
    ends = {"additionalProperties": False} if isinstance(schema.get("properties"), Mapping) else {}
    return {**schema, **parts, **ends}


def _closed_part(value: Any) -> Any:
    match value:
        case Mapping():
            return close_schema(value)
        case list():
            return [_closed_part(part) for part in value]
        case _:
            return value
