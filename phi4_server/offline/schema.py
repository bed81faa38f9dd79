"""JSON Schema: a schema as a value, its references followed. Knows no text and no JSON value.

Understands what pydantic and the frameworks write: types, enum and const, references, anyOf, oneOf and allOf,
objects, arrays, bounds of numbers, lengths, patterns, formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.offline import effort

KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
"""The types that JSON Schema names."""

_HINTS = {
    "object": ("properties", "additionalProperties", "required"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_CHOICES = ("anyOf", "oneOf")
_TOLD = frozenset({*_CHOICES, "title", "description", "default", "$defs", "definitions", "discriminator"})
_FURTHEST = 16
_MOST = 1e100
"""The largest bound, either way: sums and quotients of such still are numbers."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema with the document that its references point into.

    Attributes:
        node: The schema, its references followed and its allOf merged.
        root: The document.
        trail: The references followed on the way here, so that a schema that holds itself comes to an end.
        again: Whether the way here went round in a circle.
    """

    node: Mapping[str, Any]
    root: Mapping[str, Any]
    trail: tuple[str, ...] = ()
    again: bool = False

    @classmethod
    def of(cls, document: object) -> Schema:
        """The schema that is a whole document; one that is no object allows anything."""
        root = document if isinstance(document, dict) else {}
        return cls({}, root).at(root)

    def at(self, node: object) -> Schema:
        """A schema inside this one's document, its references followed."""
        inner, trail = _object(node), self.trail
        effort.spend(5 + len(inner) // 10)
        while isinstance(reference := inner.get("$ref"), str):
            effort.spend(len(reference) // 10)
            if reference in trail or len(trail) > _FURTHEST:
                return Schema({}, self.root, trail, again=True)
            trail = (*trail, reference)
            inner = {**_pointed(self.root, reference), **_without(inner, {"$ref"})}
        for part in listed(inner.get("allOf")):
            effort.spend(
                len(inner) + len(_object(inner.get("properties"))) + len(listed(inner.get("required")))
            )
            under = Schema({}, self.root, trail).at(part)
            inner = _merged(_without(inner, {"allOf"}), under.node)
        return Schema(inner, self.root, trail)

    def afresh(self) -> Schema:
        """The same, as if no reference had been followed: for a value inside the value."""
        return Schema(self.node, self.root)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The JSON types that it names, or implies where it names none; none where it leaves them open."""
        named = self.node.get("type")
        kinds = tuple(kind for kind in (named if isinstance(named, list) else [named]) if kind in KINDS)
        if "nullable" in self.node and kinds and self.node["nullable"] is True:
            kinds = (*kinds, "null")
        return (
            kinds
            or tuple(kind for kind, hints in _HINTS.items() if any(hint in self.node for hint in hints))[:1]
        )

    @property
    def chosen(self) -> list[Any] | None:
        """The values of which it takes one; None where it names none."""
        if "const" in self.node:
            return [self.node["const"]]
        values = self.node.get("enum")
        return values if isinstance(values, list) else None

    @property
    def properties(self) -> dict[str, Schema]:
        """An object's properties."""
        return {name: self.at(node) for name, node in _object(self.node.get("properties")).items()}

    @property
    def required(self) -> tuple[str, ...]:
        """The properties that an object must have."""
        effort.spend(len(listed(self.node.get("required"))) // 10)
        return tuple(name for name in listed(self.node.get("required")) if isinstance(name, str))

    @property
    def others(self) -> Schema | None:
        """What properties it does not name must be; None where it takes none."""
        node = self.node.get("additionalProperties")
        return None if node is False else self.at(node)

    def item(self, index: int) -> Schema:
        """What the item of an array at an index must be."""
        first = listed(self.node.get("prefixItems"))
        return self.at(first[index] if index < len(first) else self.node.get("items"))

    def branches(self, choice: str) -> tuple[Schema, ...]:
        """The schemas under anyOf or oneOf, each with what stands beside the choice."""
        own = _without(self.node, _TOLD)
        return tuple(self.at(_merged(own, _object(branch))) for branch in listed(self.node.get(choice)))

    @property
    def alternatives(self) -> tuple[Schema, ...]:
        """The ways to fill it, each of one kind at most and without a choice; circles are left out."""
        choices = [branch for choice in _CHOICES for branch in self.branches(choice)]
        if self.again:
            return ()
        if choices:
            return tuple(way for branch in choices for way in branch.alternatives)
        if len(self.kinds) > 1 and self.chosen is None:
            one = {**self.node, "nullable": False}
            return tuple(Schema({**one, "type": kind}, self.root, self.trail) for kind in self.kinds)
        return (self,)

    @property
    def kind(self) -> str:
        """The one kind of an alternative; empty where it is open."""
        return next(iter(self.kinds), "")

    def number(self, key: str) -> float | None:
        """A bound such as minimum, where it is a number that can be reckoned with."""
        value = self.node.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
            return None
        return value

    def text(self, key: str) -> str:
        """A word such as format; empty where it is none."""
        value = self.node.get(key)
        return value if isinstance(value, str) else ""


def listed(value: object) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _without(node: Mapping[str, Any], keys: set[str] | frozenset[str]) -> Mapping[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def _pointed(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """What a reference such as "#/$defs/City" points to; an empty schema where it points nowhere."""
    node: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = _object(node).get(step.replace("~1", "/").replace("~0", "~"))
    return _object(node) if reference.startswith("#") else {}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both schemas at once, as far as laying them over each other tells it."""
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**_object(one["properties"]), **_object(other["properties"])}
    if "required" in one and "required" in other:
        both["required"] = [*listed(one["required"]), *listed(other["required"])]
    return both
