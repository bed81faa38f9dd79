"""The forms of a tool call: how one begins, how it ends, and how it is parsed. Knows no prompt, no I/O.

A call is an opening, a JSON list or object and, in some forms, a closing::

    <|tool_call|>[{"name": ..., "arguments": ...}]<|/tool_call|>     marked
    functools[{"name": ..., "arguments": ...}]                       functools
    [{"name": ..., "arguments": ...}]                                bare, or fenced in Markdown

The first two are calls by their opening, whatever follows.
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
"""Characters that a call without Phi-4's markers may have; longer JSON is passed on as text."""


def _arriving(*steps: str) -> str:
    """A pattern of consecutive steps, which also matches where the text ends before the last of them."""
    *before, pattern = steps
    for step in reversed(before):
        pattern = rf"{step}(?:\Z|{pattern})"
    return pattern


_GAP = r"\s{0,64}"
# The last step of each is a group, named for the form: only a complete opening or closing matches it.
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
    # An extra bracket is a harmless slip.
    "marked": re.compile(
        _arriving(r"[\s\]}]{0,64}", "<", r"\|", "/", *"tool_call", "s?", r"\|", "(?P<closed>>)")
    ),
    "fenced": re.compile(_arriving(_GAP, "`", "`", "(?P<closed>`)")),
}
_NO_CLOSING = re.compile(r"(?!)")
_MARKER = re.compile(r"<\|(?P<closes>/?)tool_calls?\|>")
_LONGEST_MARKER = len("<|/tool_calls|>")
_STRIDE = 256  # characters, to begin with
_NOT_A_CALL = "a call must be a JSON object with a name and arguments"


@dataclass(slots=True)
class CallBlock:
    """A possible call at the start of a text that grows, and how far its JSON was read.

    Attributes:
        form: "marked", "functools", "bare" or "fenced".
        start: Where its JSON begins, or white space before it.
        end: Just behind its JSON, once that is complete.
        seen: How many characters were read; each is read once, however small the chunks.
        error: What is wrong with it, once that is known.
    """

    form: str
    start: int
    end: int | None = None
    seen: int = 0
    error: str = ""
    _json: JsonEnd = field(init=False)

    def __post_init__(self) -> None:
        """Starts to read its JSON."""
        self._json = JsonEnd(self.start)

    @property
    def is_bare(self) -> bool:
        """Whether only its JSON shows that it is a call."""
        return self.form in {"bare", "fenced"}

    @property
    def limit(self) -> int | None:
        """How many characters it may have; None, after a marker, for all of the answer."""
        return None if self.form == "marked" else LONGEST_UNMARKED

    def follow(self, text: str) -> int:
        """Reads on, and returns how many characters turned out not to be a call; 0 while they may be one."""
        length = len(text) if self.limit is None else min(len(text), self.limit)
        while self.end is None and self.seen < length:
            # Strides that grow: a call that ends soon costs little, however long the text behind it is.
            if rejected := self._stride(text, min(length, max(2 * self.seen, _STRIDE))):
                return rejected
        return length if self.end is None and length == self.limit else 0

    def reject(self, error: str) -> None:
        """Rejects its JSON, so that only a marker can end it now."""
        self.error = error
        self.seen, self.end = self.end or self.seen, None

    def _stride(self, text: str, stop: int) -> int:
        unchecked = max(self.start, self.seen - _LONGEST_MARKER)
        if not self.error:
            self.end = self._json.follow(text, stop)
        self.seen = stop
        # Markers are tokens of their own, so one in the middle of JSON shows that the JSON is broken.
        marker = _MARKER.search(text, unchecked, stop if self.end is None else self.end)
        if marker is None:
            return 0
        return marker.end() if marker["closes"] else marker.start()

    def closing(self, text: str) -> re.Match[str] | None:
        """The closing behind its JSON, as far as it has arrived; `lastgroup` is None while it is partial."""
        return None if self.end is None else _CLOSINGS.get(self.form, _NO_CLOSING).match(text, self.end)


def find_opening(text: str, is_offered: Callable[[str], bool]) -> tuple[int, CallBlock | None]:
    """Where the next call may begin, and its block once its opening is complete.

    Args:
        text: The text to search.
        is_offered: Whether the name of an available tool, as JSON spells it with its closing quote, begins
            so.

    Returns:
        The position, which is the text's end if there is none; and the block, for a text that starts there.
    """
    match = _OPENING.search(text)
    while match and not (match["name"] is None or is_offered(match["name"])):
        match = _OPENING.search(text, match.start("name"))
    if not match:
        return len(text), None
    if match.lastgroup not in {"marked", "functools", "bare"}:
        return match.start(), None
    if match["marked"]:
        return match.start(), CallBlock("marked", match.end() - match.start())
    start = next(re.finditer(r"[\[{]", match[0])).start()
    return match.start(), CallBlock("fenced" if match["fence"] else match.lastgroup, start)


NamedCall = tuple[str, dict[str, Any]]
"""A tool's name and arguments."""


def read_calls(
    text: str, *, only: Collection[str] | None = None, limits: Limits = Limits()
) -> tuple[list[NamedCall], str]:
    """Parses the calls in JSON.

    Args:
        text: A list or an object.
        only: For JSON without a marker: the tools that it may name. It must then have exactly the two keys of
            a call.
        limits: How large and how deeply nested JSON may be.

    Returns:
        The calls and ""; or no calls and what is wrong, if any part is not a call.
    """
    try:
        return _calls(text, only, limits), ""
    except ValueError as exc:
        return [], str(exc)


def _calls(text: str, only: Collection[str] | None, limits: Limits) -> list[NamedCall]:
    value = _parse(text, "its JSON is invalid", limits)
    items = value if isinstance(value, list) else [value]
    calls = [_read_call(item, limits, strict=only is not None) for item in items]
    if not calls:
        raise ValueError("it contains no call")
    unknown = [name for name, _ in calls if not (only is None or name in only)]
    if unknown:
        raise ValueError(f"there is no tool {_short_name(unknown[0])}")
    return calls


def _read_call(item: Any, limits: Limits, *, strict: bool) -> NamedCall:
    match item:
        case {"name": str(name), "arguments": arguments, **more}:
            pass
        case {"name": str(name), "parameters": arguments, **more}:
            pass
        case {"name": str(name), **more} if not (strict or more):
            arguments = {}
        case _:
            raise ValueError(_NOT_A_CALL)
    if not name.strip() or (strict and more):
        raise ValueError(_NOT_A_CALL)
    if isinstance(arguments, str):
        arguments = _parse(arguments, f"the arguments of {_short_name(name)} are invalid JSON", limits)
    if isinstance(arguments, dict):
        return name, arguments
    raise ValueError(f"the arguments of {_short_name(name)} are not a JSON object")


def _parse(text: str, error: str, limits: Limits) -> Any:
    try:
        return parse(text, limits)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{error} at character {exc.pos}: {exc.msg}") from exc
    except ValueError as exc:
        raise ValueError(f"{error}: {exc}") from exc
    except LimitExceeded as exc:
        raise ValueError(f"{error}: {exc.what}") from exc


def _short_name(name: str) -> str:
    """A name that may have any length, as an error message shows it."""
    return _SHORT.repr(name)


_SHORT = reprlib.Repr()
_SHORT.maxstring = 80
