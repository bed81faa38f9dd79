"""Fields of JSON objects that a server sent, each of the kind that it has to be. Knows no server.

It does what pydantic would do, which takes longer to load than all else of a first turn.
"""

from __future__ import annotations

from typing import Any

REQUIRED: Any = object()
"""The default of a field that has to be there."""


class MisshapenError(Exception):
    """A field is missing, or of another kind; the text holds nothing of what was sent."""


def field(part: object, name: str, *kinds: type, default: Any = REQUIRED) -> Any:
    """A field of an object.

    Args:
        part: The object, as JSON has it.
        name: The field's name.
        *kinds: The types that its value may be of; `bool` counts as no `int`.
        default: Its value where it is missing; it may have this value as well.

    Raises:
        MisshapenError: It is missing and has no default, or is of no such type; or `part` is no object.
    """
    if not isinstance(part, dict):
        raise MisshapenError(f"{name} is looked for in what is no object")
    value = part.get(name, default)
    if value is REQUIRED:
        raise MisshapenError(f"{name} is missing")
    if value is not default and (not isinstance(value, kinds) or _is_odd_bool(value, kinds)):
        raise MisshapenError(f"{name} is not of type {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def list_of(part: object, name: str, *kinds: type, default: Any = ()) -> Any:
    """A field of an object that is a list, whose values are all of these types.

    Raises:
        MisshapenError: It is none; see `field`.
    """
    values = field(part, name, list, default=default)
    if not all(isinstance(value, kinds) and not _is_odd_bool(value, kinds) for value in values):
        raise MisshapenError(f"{name} holds more than {' and '.join(kind.__name__ for kind in kinds)}")
    return values


def _is_odd_bool(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether it is a bool where an int is meant."""
    return isinstance(value, bool) and bool not in kinds and object not in kinds
