"""JSON Schema: a schema as plain data, what it allows, and the plainest value of it. Knows no text.

A schema comes from whoever writes the prompt. It is copied before it is used: references are replaced by what
they point to, and what is not listed here is left out: allOf, conditions; and patterns, as they may be made
to take for ever. What the copy may hold is bounded, so whatever is done with it takes little time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

Schema = Mapping[str, Any]

_KEPT = frozenset(
    {
        *("type", "enum", "const", "default", "required", "description", "format", "minimum", "maximum"),
        *("exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems"),
    }
)
_DAY, _MIDNIGHT = "1970-01-01", "00:00:00Z"
_SAMPLES = {
    "date": _DAY,
    "time": _MIDNIGHT,
    "date-time": f"{_DAY}T{_MIDNIGHT}",
    "uri": "https://example.com/",
}
_MAX_NODES = 1000
_MAX_DEPTH = 16
_MAX_VALUES = 100
_MAX_NUMBER = 1e100


def read(document: object) -> Schema:
    """A schema, copied as this room says; one that is not valid allows anything.

    Raises:
        ValueError: It holds more than is taken.
    """
    copy = _Copy(document).node(document, ())
    try:
        Draft202012Validator.check_schema(copy)
    except SchemaError:
        return {}
    return copy


class _Copy:
    """A copy under way, of a document that references point into."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = _MAX_NODES

    def node(self, node: object, trail: tuple[str, ...]) -> dict[str, Any]:
        """A schema in the document; one that holds itself ends in one that allows anything."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("A JSON Schema in this chat is too large for the offline model.")
        if not isinstance(node, dict) or len(trail) > _MAX_DEPTH:
            return {}
        reference = node.get("$ref")
        copy: dict[str, Any] = {}
        if isinstance(reference, str) and reference not in trail:
            copy = self.node(_pointed(self._root, reference), (*trail, reference))
        copy |= {key: node[key] for key in node.keys() & _KEPT}
        trail = (*trail, "")
        for key in ("anyOf", "oneOf"):
            if isinstance(node.get(key), list):
                copy[key] = [self.node(branch, trail) for branch in node[key]]
        if "items" in node:
            copy["items"] = self.node(node["items"], trail)
        if isinstance(properties := node.get("properties"), dict):
            copy["properties"] = {name: self.node(inner, trail) for name, inner in properties.items()}
        return copy


def _pointed(root: object, reference: str) -> object:
    """What a reference such as "#/$defs/City" points to; an empty schema where it points nowhere."""
    for step in reference.split("/")[1:]:
        root = root.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(root, dict) else {}
    return root if reference.startswith("#") else {}


def allows(schema: Schema, value: object) -> bool:
    """Whether a schema that was read here allows a JSON value."""
    checker = Draft202012Validator.FORMAT_CHECKER
    return bool(Draft202012Validator(schema, format_checker=checker).is_valid(value))


def choices(schema: Schema) -> list[Any] | None:
    """The values of which a schema takes one; None where it names none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def kind(way: Schema) -> str:
    """The one type of a way to fill a schema; empty where it is open."""
    implied = "object" if "properties" in way else "array" if "items" in way else ""
    return str(way.get("type", implied))


def ways(schema: Schema) -> Iterator[Schema]:
    """The ways to fill a schema, each of one type at most and without a choice."""
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    own = {key: schema[key] for key in schema.keys() - {"anyOf", "oneOf"}}
    if branches:
        yield from (way for branch in branches for way in ways({**own, **branch}))
    elif isinstance(kinds := schema.get("type"), list):
        yield from ({**own, "type": one} for one in kinds)
    else:
        yield own


def plainest(schema: Schema, *, room: int = _MAX_VALUES) -> Any:
    """A value that says as little as it can, and that the schema allows, if a simple one does.

    Args:
        schema: The schema.
        room: How many values it may hold.
    """
    if room < 1:
        return None
    default = [schema["default"]] if "default" in schema else []
    # where it may be left open, null says least
    options = sorted(ways(schema), key=lambda way: kind(way) != "null")
    plain = [value for way in options for value in choices(way) or [_of_kind(way, room)]]
    return next((value for value in [*default, *plain] if allows(schema, value)), plain[0])


def _of_kind(way: Schema, room: int) -> Any:
    match kind(way):
        case "boolean":
            return False
        case "integer" | "number" as named:
            step = 1 if named == "integer" else 0.5
            low = max(way.get("minimum", -_MAX_NUMBER), way.get("exclusiveMinimum", -_MAX_NUMBER) + step)
            return min(
                max(0, low), way.get("maximum", _MAX_NUMBER), way.get("exclusiveMaximum", _MAX_NUMBER) - step
            )
        case "string":
            return _SAMPLES.get(way.get("format", ""), "").ljust(min(int(way.get("minLength", 0)), room), "-")
        case "array":
            count = min(int(way.get("minItems", 0)), room)
            return [plainest(way.get("items", {}), room=room // count) for _ in range(count)]
        case "object":
            names, properties = way.get("required", [])[:room], way.get("properties", {})
            return {name: plainest(properties.get(name, {}), room=room // len(names)) for name in names}
        case _:
            return None
