"""JSON Schema as a prompt shows it. Knows where in a schema schemas stand; no tool, no format, no prompt."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

_LEADING_KEYWORDS = ("title", "description", "type", "properties", "required")
_BY_NAME = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_VALUES = {"default", "const", "enum", "examples", "example"}
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_CONTAINERS = ("object", "array")
_KEYWORDS = frozenset(
    {"$ref", "allOf", "anyOf", "const", "enum", "items", "oneOf", "prefixItems", "properties"}
)


def is_schema(spec: Mapping[str, Any]) -> bool:
    """Whether a mapping is a JSON Schema by the look of it, and no provider's way to ask for one."""
    if "type" not in spec:
        return not _KEYWORDS.isdisjoint(spec)
    return not isinstance(spec["type"], str) or spec["type"] in _TYPES


def containers(schema: Mapping[str, Any] | None) -> list[str]:
    """Which of object and array a schema allows: both where it names no type; without one, an object."""
    types = "object" if schema is None else schema.get("type", [*_CONTAINERS])
    return [kind for kind in _CONTAINERS if kind in ([types] if isinstance(types, str) else types)]


def normalize_schema(schema: Mapping[str, Any], *, titled: bool = False) -> dict[str, Any]:
    """The schema with its keywords in a fixed order and without titles.

    A title repeats the name of its field in other letters, and pydantic adds one to every field. Fields keep
    their order, since a model fills them in that order.

    Args:
        schema: The schema, which is not changed.
        titled: Whether to keep the schema's own title, which says what the whole is.
    """
    leading = {key: schema[key] for key in _LEADING_KEYWORDS if key in schema}
    return {
        key: _part(key, value)
        for key, value in {**leading, **schema}.items()
        if titled or key != "title" or not isinstance(value, str)
    }


def _part(key: str, value: Any) -> Any:
    match value:
        case str() if key == "description":
            return cleandoc(value)  # often a docstring, which Python before 3.13 does not dedent
        case Mapping() if key in _BY_NAME:
            return {name: _part("", part) for name, part in value.items()}
        case Mapping() if key not in _VALUES:
            return normalize_schema(value)
        case [*parts] if key not in _VALUES:
            return [_part(key, part) for part in parts]
        case _:
            return value
