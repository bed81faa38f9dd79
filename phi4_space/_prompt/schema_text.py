"""JSON Schema as a model is told it. Knows where in a schema schemas stand; no tool, no format, no prompt."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

_FIRST = ("title", "description", "type", "properties", "required")
_BY_NAME = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_VALUES = {"default", "const", "enum", "examples", "example"}


def told(schema: Mapping[str, Any], *, titled: bool = False) -> dict[str, Any]:
    """The schema, in an order that does not depend on who wrote it, and without titles.

    A title repeats in other letters the name that it stands under, and every model that is made by pydantic
    has one for each field. Fields keep their order, since a model fills them in that order.

    Args:
        schema: The schema; it is left as it is.
        titled: Whether its own title is told: the outermost says what the whole is.
    """
    first = {key: schema[key] for key in _FIRST if key in schema}
    return {
        key: _part(key, value)
        for key, value in {**first, **schema}.items()
        if titled or key != "title" or not isinstance(value, str)
    }


def _part(key: str, value: Any) -> Any:
    match value:
        case str() if key == "description":
            return cleandoc(value)  # often a docstring, which Python before 3.13 leaves indented
        case Mapping() if key in _BY_NAME:
            return {name: _part("", part) for name, part in value.items()}
        case Mapping() if key not in _VALUES:
            return told(value)
        case [*parts] if key not in _VALUES:
            return [_part(key, part) for part in parts]
        case _:
            return value
