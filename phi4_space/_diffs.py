"""Gradio's edit script, applied to the value that it edits. Knows no queue, no chat, no I/O."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from phi4_space._errors import UnexpectedAnswer

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A value as `json.loads` makes it."""


def apply_edits(value: JSON, edits: Sequence[JSON]) -> JSON:
    """The value after Gradio's edits, one after the other.

    Args:
        value: What the edits were made for. It stays as it is; the result shares what no edit touched.
        edits: Each `[action, path, new]`: the action is "append" (text to text), "replace", "add" (into a
            list or object) or "delete"; the path holds the keys and indexes down to the place, none for the
            root.

    Returns:
        The edited value.

    Raises:
        UnexpectedAnswer: An edit is none, or leads to a place that is not there; the edit is named.
    """
    if not isinstance(edits, (list, tuple)):
        raise UnexpectedAnswer(f"Gradio sent no list of edits but {reprlib.repr(edits)}.")
    for edit in edits:
        value = _edited(value, edit)
    return value


def _edited(value: JSON, edit: JSON) -> JSON:
    match edit:
        case [str() as action, [*path], new]:
            # The value stands in a list of its own, so that the root is a place like any other.
            root: list[JSON] = [value]
            if (path or action in ("append", "replace")) and _edit_place(root, action, path, new):
                return root[0]
    raise UnexpectedAnswer(f"Gradio's edit {reprlib.repr(edit)} does not fit what it edits.")


def _edit_place(root: list[JSON], action: str, path: list[JSON], new: JSON) -> bool:
    """Edits the place below `root`, copying on the way what is shared; False where it cannot be done."""
    place: Any = root
    key: Any = 0
    for step in path:
        if not _is_there(place, key):
            return False
        place[key] = copy.copy(place[key])
        place, key = place[key], step
    match action:
        case "add":
            return _add(place, key, new)
        case _ if not _is_there(place, key):
            return False
        case "append" if isinstance(place[key], str) and isinstance(new, str):
            place[key] += new
        case "replace":
            place[key] = new
        case "delete":
            del place[key]
        case _:
            return False
    return True


def _is_there(place: JSON, key: JSON) -> bool:
    if isinstance(place, list):
        # `type`, since True is an int; and a negative index would count from the end.
        return type(key) is int and 0 <= key < len(place)
    return isinstance(place, dict) and isinstance(key, str) and key in place


def _add(place: Any, key: Any, new: JSON) -> bool:
    if isinstance(place, dict) and isinstance(key, str):
        place[key] = new
        return True
    if isinstance(place, list) and type(key) is int and 0 <= key <= len(place):
        place.insert(key, new)
        return True
    return False
