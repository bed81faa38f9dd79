"""What an answer is to be, from pydantic classes and OpenAI's dicts. Knows JSON Schema; no turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeGuard

from pydantic import BaseModel

from phi4_space._errors import InvalidOption
from phi4_space._prompt.json_answer import ResponseFormat
from phi4_space._prompt.schema_text import is_schema
from phi4_space.interop.errors import error_text, short_repr

_VALUES = ("default", "const", "enum", "examples")
_DEFINITIONS = ("$defs", "definitions")


@dataclass(frozen=True, slots=True)
class PydanticCheck:
    """A check that JSON makes an object of a pydantic class.

    Its repr is the same in every process, so that caches can have it in their keys.

    Attributes:
        model: The class, of pydantic 2 or 1.
    """

    model: type[Any]

    def __call__(self, parsed: object) -> object:
        """The object.

        Raises:
            ValueError: It makes none: the class's own `ValidationError`.
        """
        if is_pydantic(self.model):
            # As JSON, since a strict model takes more from JSON than from Python's values, such as dates.
            return self.model.model_validate_json(json.dumps(parsed))
        return self.model.parse_obj(parsed)


def is_pydantic(model: object) -> TypeGuard[type[BaseModel]]:
    """Whether it is a class of pydantic 2."""
    return isinstance(model, type) and issubclass(model, BaseModel)


def pydantic_schema(model: type[BaseModel], *, closed: bool = False) -> dict[str, Any]:
    """The JSON Schema of a pydantic class.

    Args:
        model: The class.
        closed: Whether objects may have no fields but those of the class, as OpenAI's `strict` has it.

    Raises:
        InvalidOption: JSON Schema cannot describe its objects.
    """
    try:
        schema = inline_root(model.model_json_schema())
    except Exception as exc:  # pydantic has errors of several kinds for this, and fields may raise their own
        raise InvalidOption(f"{model.__name__} has no JSON Schema: {error_text(exc)}") from exc
    return close_schema(schema) if closed else schema


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
    named = _types(schema)
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
        case {"type": [*names]}:
            return {*map(str, names)}
        case {"anyOf": [*parts]} | {"oneOf": [*parts]} if parts:
            found = [_types(part) for part in parts]
            return None if None in found else set().union(*filter(None, found))
        case _:
            return None


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


def to_response_format(spec: object) -> ResponseFormat | None:
    """What `response_format` asks for.

    Args:
        spec: None; a `ResponseFormat`; a pydantic class; a JSON Schema; or OpenAI's dicts of type "text",
            "json_object" and "json_schema" (of both of its APIs).

    Raises:
        InvalidOption: It is none of these, or has no JSON Schema.
    """
    match spec:
        case None | {"type": "text"}:
            return None
        case ResponseFormat():
            return spec
        case {"type": "json_object"}:
            return ResponseFormat()
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}} | {
            "type": "json_schema",
            "schema": Mapping() as schema,
        }:
            return ResponseFormat(inline_root(schema))
        case Mapping() if is_schema(spec):
            return ResponseFormat(inline_root(spec))
        case type() if is_pydantic(spec):
            return ResponseFormat(pydantic_schema(spec), check=PydanticCheck(spec))
    raise InvalidOption(
        f"response_format is {short_repr(spec)}",
        advice='Give {"type": "json_object"}, {"type": "json_schema", ...}, a schema or a pydantic class.',
    )
