"""Gradio's edit script, applied to the outputs that it edits. Knows no queue, no chat, no I/O.

Each message costs what it brings, and at most one copy of what it touches, however many edits it has.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._json import JSON, too_deep, too_many
from phi4_space._limits import Limits


class Growth(NamedTuple):
    """A text in the outputs that was appended to, and nothing else was edited.

    Attributes:
        place: Where it stands: the output's number, then the keys and indexes down to it.
        text: What was appended.
        whole: Returns the outputs as they stand, in full; to be called before they are edited again.
    """

    place: list[Any]
    text: str
    whole: Callable[[], Sequence[Any]]


class Outputs:
    """A handler's outputs, which grow by edits.

    What they hold stays within the limits, as it does when they come in one message: they are no deeper, and
    hold no more values, than any JSON may, and no more characters than a line of the event stream.

    Args:
        values: The outputs in full, as JSON that was read under the limits.
        limits: What they may hold, and how many edits may come at once.
    """

    def __init__(self, values: Sequence[Any], limits: Limits) -> None:
        self._limits = limits
        self._size = _Size(limits)
        self._size.grow([*values], depth=0)
        self._values = values
        self._place: list[Any] = []  # of the text that grew last
        self._grown: list[str] = []  # what was appended to it, and is not in the values yet

    @property
    def values(self) -> Sequence[Any]:
        """The outputs as they stand, in full."""
        if self._grown:
            output, *path = self._place
            text, self._grown = "".join(self._grown), []
            editing = _Editing([*self._values], _Size(self._limits), self._limits)
            editing.apply(output, ["append", path, text])
            self._values = editing.finish()
        return self._values

    def grow(self, scripts: Sequence[Any]) -> Growth | None:
        """Takes Gradio's edits if all they do is append to one text; else `edit` takes them.

        Raises:
            LimitExceeded: The outputs hold more than is allowed.
        """
        if len(scripts) != len(self._values) or scripts.count([]) != len(scripts) - 1:
            return None
        output = next(number for number, script in enumerate(scripts) if script != [])
        match scripts[output]:
            case [["append", list(path), str(text)]]:
                place = [output, *path]
                if place != self._place and not self._begin(place):
                    return None
                self._size.lengthen(text)
                self._grown.append(text)
                return Growth(place, text, self._whole)
            case _:
                return None

    def _begin(self, place: list[Any]) -> bool:
        """Notes the place of a text that begins to grow; False where there is none."""
        part: Any = self.values
        for step in place:
            if not _is_there(part, step):
                return False
            part = part[step]
        self._place = place if isinstance(part, str) else []
        return isinstance(part, str)

    def _whole(self) -> Sequence[Any]:
        return self.values

    def edit(self, scripts: Sequence[Any]) -> Sequence[Any]:
        """The outputs after Gradio's edits, one after the other; those from before stay as they were.

        Args:
            scripts: For each output its edits, each `[action, path, new]`: the action is "append" (text to
                text), "replace", "add" (into a list or object) or "delete"; the path holds the keys and
                indexes down to the place, none for the output itself.

        Raises:
            UnexpectedAnswer: An edit is none, or leads to a place that is not there; the edit is named.
            LimitExceeded: There are more edits, or the outputs hold more, than is allowed.
        """
        values = self.values
        if len(scripts) != len(values):
            raise UnexpectedAnswer(f"There are edits of {len(scripts)} outputs, and {len(values)} outputs")
        self._place = []
        editing = _Editing([*values], self._size, self._limits)
        for output, script in enumerate(_counted(scripts, self._limits)):
            for edit in script:
                editing.apply(output, edit)
        self._values = editing.finish()
        return self._values


def _counted(scripts: Sequence[Any], limits: Limits) -> list[list[JSON]]:
    """The scripts, if each is a list, and there are not too many edits in all."""
    lists = [script for script in scripts if isinstance(script, list)]
    if len(lists) < len(scripts):
        strange = next(script for script in scripts if not isinstance(script, list))
        raise UnexpectedAnswer(f"Gradio sent no list of edits but {reprlib.repr(strange)}")
    count = sum(map(len, lists))
    if count > limits.edits:
        raise LimitExceeded(f"A message has {count} edits", which="edits", limit=limits.edits)
    return lists


class _Text:
    """A text that is appended to; its pieces are joined once, when all edits were made."""

    __slots__ = ("_length", "pieces")

    def __init__(self, text: str) -> None:
        self.pieces = [text]
        self._length = len(text)

    def __len__(self) -> int:
        return self._length

    def append(self, text: str) -> None:
        """Makes it longer."""
        self.pieces.append(text)
        self._length += len(text)


class _Size:
    """How much the outputs hold: values and keys, and the characters of texts and keys."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._values = self._characters = 0

    def grow(self, new: Any, depth: int) -> None:
        """Counts what comes, at so many levels down."""
        values, characters, levels = _measured(new)
        if depth + levels > self._limits.depth:
            raise too_deep("An output", self._limits)
        self._values += values
        self._characters += characters
        self._check()

    def lengthen(self, text: str) -> None:
        """Counts what is appended to a text."""
        self._characters += len(text)
        self._check()

    def shrink(self, old: Any) -> None:
        """Counts what goes. Each value goes once, so that this costs no more than its coming did."""
        values, characters, _ = _measured(old)
        self._values -= values
        self._characters -= characters

    def _check(self) -> None:
        if self._values > self._limits.values:
            raise too_many("The outputs hold", self._limits)
        if self._characters > self._limits.line:
            what = f"The outputs hold more than {self._limits.line} characters"
            raise LimitExceeded(what, which="line", limit=self._limits.line)


class _Editing:
    """The edits of one message, being made. What others may hold is copied before it is changed, once."""

    def __init__(self, outputs: list[Any], size: _Size, limits: Limits) -> None:
        self._outputs = outputs
        self._size = size
        self._limits = limits
        self._own: dict[int, Any] = {id(outputs): outputs}
        self._with_texts: dict[int, Any] = {}

    def apply(self, output: int, edit: JSON) -> None:
        """Makes one edit of one output."""
        match edit:
            case [str(action), [*path], new] if self._edit(action, [output, *path], new):
                return
        raise UnexpectedAnswer(f"Gradio's edit {reprlib.repr(edit)} does not fit what it edits.")

    def finish(self) -> list[Any]:
        """The outputs, each text in one piece."""
        for place in self._with_texts.values():
            for key, part in place.items() if isinstance(place, dict) else enumerate(place):
                if isinstance(part, _Text):
                    place[key] = "".join(part.pieces)
        return self._outputs

    def _edit(self, action: str, path: list[Any], new: JSON) -> bool:
        """Makes one edit; False where it cannot be made."""
        if len(path) > self._limits.depth:
            raise too_deep("An output", self._limits)
        *way, key = path
        place: Any = self._outputs
        for step in way:
            if not _is_there(place, step):
                return False
            part = place[step]
            place = part if id(part) in self._own else self._copied(place, step)
        match action:
            case "add" if way:
                return self._add(place, key, new, len(path))
            case "append" if _is_there(place, key):
                return self._append(place, key, new)
            case "replace" if _is_there(place, key):
                return self._replace(place, key, new, len(path))
            case "delete" if way and _is_there(place, key):
                return self._delete(place, key)
        return False

    def _copied(self, place: Any, key: Any) -> Any:
        """What stands there, from now on as a copy that nobody else holds."""
        part = place[key]
        if isinstance(part, list | dict):
            part = place[key] = part.copy()
            self._own[id(part)] = part
        return part

    def _append(self, place: Any, key: Any, new: JSON) -> bool:
        if not (isinstance(new, str) and isinstance(place[key], str | _Text)):
            return False
        if isinstance(place[key], str):
            place[key] = _Text(place[key])
            self._with_texts[id(place)] = place
        self._size.lengthen(new)
        place[key].append(new)
        return True

    def _replace(self, place: Any, key: Any, new: JSON, depth: int) -> bool:
        self._size.shrink(place[key])
        self._size.grow(new, depth)
        place[key] = new
        return True

    def _add(self, place: Any, key: Any, new: JSON, depth: int) -> bool:
        if isinstance(place, dict) and isinstance(key, str):
            if key in place:
                return self._replace(place, key, new, depth)
            self._size.grow(key, 0)
            self._size.grow(new, depth)
            place[key] = new
            return True
        if isinstance(place, list) and type(key) is int and 0 <= key <= len(place):
            self._size.grow(new, depth)
            place.insert(key, new)
            return True
        return False

    def _delete(self, place: Any, key: Any) -> bool:
        if isinstance(place, dict):
            self._size.shrink(key)
        self._size.shrink(place.pop(key))
        return True


def _is_there(place: Any, key: Any) -> bool:
    # By exact types, as JSON has them: True is an int to others, and a negative index counts from the end.
    if type(key) is int:
        return type(place) is list and 0 <= key < len(place)
    return type(key) is str and type(place) is dict and key in place


def _measured(value: Any) -> tuple[int, int, int]:
    """How many values and keys a value holds, itself included; how many characters; how many levels."""
    values = characters = deepest = 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        values += 1
        if isinstance(part, str | _Text):
            characters += len(part)
        elif isinstance(part, dict):
            waiting.extend((inner, depth + 1) for pair in part.items() for inner in pair)
            deepest = max(deepest, depth + 1)
        elif isinstance(part, list):
            waiting.extend((inner, depth + 1) for inner in part)
            deepest = max(deepest, depth + 1)
    return values, characters, deepest
