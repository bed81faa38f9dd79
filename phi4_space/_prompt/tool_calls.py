"""The forms of a tool call: how one begins, ends and reads. Knows no reader, no prompt, no I/O.

A call is an opening, a JSON list or object and, in some forms, a closing::

    <|tool_call|>[{"name": ..., "arguments": ...}]<|/tool_call|>     marked
    functools[{"name": ..., "arguments": ...}]                       functools
    [{"name": ..., "arguments": ...}]                                bare, or fenced in Markdown

The first two say by their opening that they are calls, whatever follows.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from phi4_space._errors import LimitExceeded
from phi4_space._json import JsonEnd, parse
from phi4_space._limits import Limits

LONGEST_UNMARKED = 65_536
"""Characters that a call without Phi-4's markers may have; longer JSON is shown, as the text it must be."""


def _arriving(*steps: str) -> str:
    """A pattern of these steps in a row, which also matches where the text ends before the last of them."""
    *before, pattern = steps
    for step in reversed(before):
        pattern = rf"{step}(?:\Z|{pattern})"
    return pattern


_GAP = r"\s{0,64}"
# The last step of each is a group, named for the form: only an opening or closing that is whole has it.
_MARKED = _arriving("<", r"\|", *"tool_call", "s?", r"\|", r"(?P<marked>>)")
_FUNCTOOLS = _arriving(*"functools", _GAP, r"\[", _GAP, r"(?P<functools>\{)")
_FENCE = _arriving("`", "`", "`", r"\w{0,16}", _GAP)
_NAME = _arriving(*'name"', _GAP, ":", _GAP, '"', r'(?P<name>[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z))')
_ARGUMENTS = rf"""{_arriving(*'arguments"')}|{_arriving(*'parameters"')}"""
_BARE = r"(?=[`\[{])" + _arriving(
    f"(?P<fence>{_FENCE})?", r"\[?", _GAP, r"\{", _GAP, '"', f"(?:{_NAME}|{_ARGUMENTS})", r"(?P<bare>[\s:,}])"
)
_OPENING = re.compile(f"{_MARKED}|{_FUNCTOOLS}|{_BARE}")
_CLOSINGS = {
    # A bracket too many is a slip that changes nothing.
    "marked": re.compile(
        _arriving(r"[\s\]}]{0,64}", "<", r"\|", "/", *"tool_call", "s?", r"\|", "(?P<closed>>)")
    ),
    "fenced": re.compile(_arriving(_GAP, "`", "`", "(?P<closed>`)")),
}
_NO_CLOSING = re.compile(r"(?!)")
_MARKER = re.compile(r"<\|(?P<closes>/?)tool_calls?\|>")
_LONGEST_MARKER = len("<|/tool_calls|>")
_STRIDE = 256  # characters, to begin with
_FORM = "a call is a JSON object with a name and arguments"


@dataclass(slots=True)
class Block:
    """What may be a call at the front of a text that grows, and how far its JSON was followed.

    Attributes:
        form: "marked", "functools", "bare" or "fenced".
        start: Where its JSON begins, or white space before it.
        end: Just behind its JSON, once that is whole.
        seen: How many characters were looked at; each is, once, however small the pieces.
        fault: What is wrong with it, once that is known.
    """

    form: str
    start: int
    end: int | None = None
    seen: int = 0
    fault: str = ""
    _json: JsonEnd = field(init=False)

    def __post_init__(self) -> None:
        """Begins to follow its JSON."""
        self._json = JsonEnd(self.start)

    @property
    def is_bare(self) -> bool:
        """Whether nothing but its JSON says that it is a call."""
        return self.form in {"bare", "fenced"}

    @property
    def limit(self) -> int | None:
        """How many characters it may have. A marker is reason enough to wait for the end of the answer."""
        return None if self.form == "marked" else LONGEST_UNMARKED

    def follow(self, text: str) -> int:
        """Follows the JSON on, and gives how many characters are no call after all; 0 while they may be."""
        length = len(text) if self.limit is None else min(len(text), self.limit)
        while self.end is None and self.seen < length:
            # Strides that grow: what comes soon costs little, however long the text is that follows.
            if failed := self._stride(text, min(length, max(2 * self.seen, _STRIDE))):
                return failed
        return length if self.end is None and length == self.limit else 0

    def spoil(self, fault: str) -> None:
        """Takes it for no call, whatever its JSON is: only a marker can tell its end now."""
        self.fault = fault
        self.seen, self.end = self.end or self.seen, None

    def _stride(self, text: str, stop: int) -> int:
        unsure = max(self.start, self.seen - _LONGEST_MARKER)
        if not self.fault:
            self.end = self._json.follow(text, stop)
        self.seen = stop
        # Markers are tokens of their own, so one that comes amid JSON says that the JSON is broken.
        marker = _MARKER.search(text, unsure, stop if self.end is None else self.end)
        if marker is None:
            return 0
        return marker.end() if marker["closes"] else marker.start()

    def closing(self, text: str) -> re.Match[str] | None:
        """What closes it behind its JSON, as far as it has come; its `lastgroup` is None while more may."""
        return None if self.end is None else _CLOSINGS.get(self.form, _NO_CLOSING).match(text, self.end)


def find_opening(text: str, is_offered: Callable[[str], bool]) -> tuple[int, Block | None]:
    """Where the next call may begin, and its block once that is certain enough to follow its JSON.

    Args:
        text: The text to search.
        is_offered: Whether a tool on offer is spelled so in JSON, quote at the end included, or begins so.

    Returns:
        The place, the text's end if there is none; and the block as it will be at a text's front.
    """
    found = _OPENING.search(text)
    while found and not (found["name"] is None or is_offered(found["name"])):
        found = _OPENING.search(text, found.start("name"))
    if not found:
        return len(text), None
    if found.lastgroup not in {"marked", "functools", "bare"}:
        return found.start(), None
    if found["marked"]:
        return found.start(), Block("marked", found.end() - found.start())
    start = next(re.finditer(r"[\[{]", found[0])).start()
    return found.start(), Block("fenced" if found["fence"] else found.lastgroup, start)


Call = tuple[str, dict[str, Any]]
"""A tool's name, and arguments."""


def read_calls(
    text: str, *, only: Collection[str] | None = None, limits: Limits = Limits()
) -> tuple[list[Call], str]:
    """The calls that JSON asks for, and an empty text; or none, and what is wrong where any part is no call.

    Args:
        text: A list or an object.
        only: For JSON that no marker proves a call: the tools that it may name. It must not hold more than
            a call's two keys then, nor less.
        limits: What any JSON may hold.
    """
    try:
        return _calls(text, only, limits), ""
    except ValueError as unreadable:
        return [], str(unreadable)


def _calls(text: str, only: Collection[str] | None, limits: Limits) -> list[Call]:
    value = _parsed(text, "its JSON is broken", limits)
    items = value if isinstance(value, list) else [value]
    calls = [_read_call(item, limits, strict=only is not None) for item in items]
    if not calls:
        raise ValueError("it holds no call")
    strangers = [name for name, _ in calls if not (only is None or name in only)]
    if strangers:
        raise ValueError(f"there is no tool {_shown(strangers[0])}")
    return calls


def _read_call(item: Any, limits: Limits, *, strict: bool) -> Call:
    match item:
        case {"name": str(name), "arguments": told, **more}:
            pass
        case {"name": str(name), "parameters": told, **more}:
            pass
        case {"name": str(name), **more} if not (strict or more):
            told = {}
        case _:
            raise ValueError(_FORM)
    if not name.strip() or (strict and more):
        raise ValueError(_FORM)
    if isinstance(told, str):
        told = _parsed(told, f"the arguments of {_shown(name)} are broken JSON", limits)
    if isinstance(told, dict):
        return name, told
    raise ValueError(f"the arguments of {_shown(name)} are no JSON object")


def _parsed(text: str, complaint: str, limits: Limits) -> Any:
    try:
        return parse(text, limits)
    except json.JSONDecodeError as broken:
        raise ValueError(f"{complaint} at character {broken.pos}: {broken.msg}") from broken
    except ValueError as refused:
        raise ValueError(f"{complaint}: {refused}") from refused
    except LimitExceeded as refused:
        raise ValueError(f"{complaint}: {refused.what}") from refused


def _shown(name: str) -> str:
    """A name that may have any length, as an error shows it."""
    return _SHORT.repr(name)


_SHORT = reprlib.Repr()
_SHORT.maxstring = 80
