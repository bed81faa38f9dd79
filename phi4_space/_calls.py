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
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NoReturn

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
_NAME = _arriving(*'name"', _GAP, ":", _GAP, '"', r'(?P<name>(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z))')
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
_BRACKETS = {"[": "]", "{": "}"}
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
    _opener: str = ""
    _depth: int = 0
    _in_string: bool = False
    _escaped: bool = False

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
        window = text[: self.limit]
        unsure = max(self.start, self.seen - _LONGEST_MARKER)
        if not self.fault:
            self._find_end(window)
        self.seen = len(window)
        # Markers are tokens of their own, so one that comes amid JSON says that the JSON is broken.
        if marker := _MARKER.search(window, unsure, len(window) if self.end is None else self.end):
            return marker.end() if marker["closes"] else marker.start()
        return len(window) if self.end is None and len(window) == self.limit else 0

    def spoil(self, fault: str) -> None:
        """Takes it for no call, whatever its JSON is: only a marker can tell its end now."""
        self.fault = fault
        self.seen, self.end = self.end or self.seen, None

    def _find_end(self, window: str) -> None:
        for at in range(max(self.seen, self.start), len(window) if self.end is None else 0):
            character = window[at]
            if not self._opener and not character.isspace():
                self._opener = character
            if self._in_string:
                self._in_string = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
            elif character == '"':
                self._in_string = True
            elif character in (self._opener, _BRACKETS.get(self._opener)):
                self._depth += 1 if character == self._opener else -1
                if self._depth == 0:
                    self.end = at + 1
                    break

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


def read_calls(text: str, *, only: Collection[str] | None = None) -> tuple[list[Call], str]:
    """The calls that JSON asks for, and an empty text; or none, and what is wrong where any part is no call.

    Args:
        text: A list or an object.
        only: For JSON that no marker proves a call: the tools that it may name. It must not hold more than
            a call's two keys then, nor less.
    """
    try:
        return _calls(text, only), ""
    except ValueError as unreadable:
        return [], str(unreadable)


def _calls(text: str, only: Collection[str] | None) -> list[Call]:
    value = _parsed(text, "its JSON is broken")
    items = value if isinstance(value, list) else [value]
    calls = [_read_call(item, strict=only is not None) for item in items]
    if not calls:
        raise ValueError("it holds no call")
    strangers = [name for name, _ in calls if not (only is None or name in only)]
    if strangers:
        raise ValueError(f"there is no tool {strangers[0]!r}")
    return calls


def _read_call(item: Any, *, strict: bool) -> Call:
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
    arguments = _parsed(told, f"the arguments of {name!r} are broken JSON") if isinstance(told, str) else told
    if isinstance(arguments, dict):
        return name, arguments
    raise ValueError(f"the arguments of {name!r} are no JSON object")


def _parsed(text: str, complaint: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused)
    except json.JSONDecodeError as broken:
        raise ValueError(f"{complaint} at character {broken.pos}: {broken.msg}") from broken
    except (ValueError, RecursionError) as refused:
        raise ValueError(f"{complaint}: {refused}") from refused


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
