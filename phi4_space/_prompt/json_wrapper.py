"""Wrappers: what was asked for, within something else that a model wrote. Knows JSON values; no prose.

A wrapper is opened where only one part of it can be meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from phi4_space._errors import LimitExceeded
from phi4_space._json import JSON, parse
from phi4_space._limits import Limits
from phi4_space._prompt.known_properties import Known
from phi4_space._prompt.schema_text import is_schema

Container: TypeAlias = "dict[str, JSON] | list[JSON]"

_SHELLS = ("properties", "arguments", "parameters")
"""Keys of a schema and of a call, behind which values stand where a model repeats the form of either."""
_FORM = frozenset(
    {
        "$defs",
        "$id",
        "$schema",
        "additionalProperties",
        "description",
        "id",
        "name",
        "required",
        "title",
        "type",
    }
)
"""What else stands in a schema or a call."""
_DEPTH = 4  # wrappers in each other
_DEPTH_OF_MANY = 2  # where a wrapper has several parts


@dataclass(frozen=True, slots=True)
class Unwrapper:
    """Opens wrappers.

    Args:
        fits: Whether a value is what was asked for.
        known: The properties of what was asked for, if that is an object with properties.
        limits: How large and how deeply nested JSON within a string may be.
    """

    fits: Callable[[Any], bool]
    known: Known
    limits: Limits

    def unwrap(self, value: Any, depth: int = _DEPTH) -> Container | None:
        """What was asked for, in a value that is it or holds it; None where it holds none, or several."""
        container = self._container(value)
        if container is None or is_echo(container, self.known):
            return None
        shell = self.shell(container)
        if shell is None and self.fits(container):
            return container
        parts = self._parts(container) if shell is None else [shell]
        return self._only(parts, depth if len(parts) == 1 else min(depth, _DEPTH_OF_MANY)) if depth else None

    def _parts(self, container: Container) -> list[Any]:
        """The parts of a wrapper; none where it is more, or has a property that was asked for."""
        if isinstance(container, list):
            return container if len(container) == 1 else []
        return [*container.values()] if self.known.names.isdisjoint(container) else []

    def _only(self, parts: Iterable[Any], depth: int) -> Container | None:
        """The one of them that fits."""
        found: Container | None = None
        for part in parts:
            if (inner := self._inner(part, depth)) is not None:
                if found is not None:
                    return None
                found = inner
        return found

    def _inner(self, part: Any, depth: int) -> Container | None:
        # An empty object may stand for anything, such as for an error without details.
        return None if part == {} else self.unwrap(part, depth - 1)

    def shell(self, container: Any) -> Any:
        """The part of a schema or a call that has values by name; None where it is neither."""
        if not isinstance(container, dict) or self.known.is_open:
            return None
        for key in _SHELLS:
            inner = self._container(container.get(key))
            is_form = key not in self.known.names and container.keys() - {key} <= _FORM
            if is_form and isinstance(inner, dict) and not self.known.names.isdisjoint(inner):
                return inner
        return None

    def _container(self, value: Any) -> Container | None:
        """A value, or the one whose JSON a string is, if it is a list or an object."""
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                value = parse(value, self.limits)
            except (ValueError, LimitExceeded):
                return None
        return value if isinstance(value, dict | list) else None


def is_echo(value: Any, known: Known) -> bool:
    """Whether a value is the schema itself, and no answer that matches it."""
    if "properties" in known.names:
        return False
    match value:
        case {"properties": {**properties}} if properties:
            parts = properties.values()
            return properties.keys() <= known.names and all(
                isinstance(x, dict) and is_schema(x) for x in parts
            )
    return False
