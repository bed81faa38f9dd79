"""A call whose JSON is read as it arrives, until its end or a marker. Knows its form; not what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from phi4_space._json import JsonEnd
from phi4_space._prompt.call_patterns import BLANK, KINDS, arriving, word

LONGEST_UNMARKED = 65_536
"""Characters that JSON may have which only may be a call; longer JSON is passed on as text."""

CONTINUED = frozenset({"marked", "tagged", "listed", "block"})
"""The forms in which several calls may follow one opening."""
UNCLOSED = frozenset({"functools", "bare"})
"""The forms that have no closing, so that they end with their JSON, whatever is in it."""

_CERTAIN = re.compile(
    r"""["'](?:name|tool_name|function_name|tool|recipient_name)["']\s*:\s*(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+')
        \s*,\s*["'](?:arguments|parameters|args|input|params|tool_input)["']\s*:
    | ["']type["']\s*:\s*["']function["']\s*,\s*["']function["']\s*:\s*[^"'\s]
    | ["']function["']\s*:\s*\{\s*["']name["']
    | ["'](?:tool|function)_calls?["']\s*:\s*[\[{]\s*[{"']""",
    re.VERBOSE | re.DOTALL,
)
"""What is a call, whatever follows: a tool on offer and its arguments, or a call as OpenAI wraps it."""

_ANY_CALL = rf"(?i:(?:{'|'.join(KINDS)})(?:_start|_begin)?)"
_TOKEN = rf"<\|(?P<closes>/?){_ANY_CALL}\|>"
_TAG = rf"<\|?(?P<closes>/?)\|?{_ANY_CALL}\|?>|(?P<ends></(?:function|invoke)>|<｜tool▁call▁end｜>)"
_MARKERS = {
    "tagged": re.compile(_TAG),
    "function": re.compile(_TAG),
    "listed": re.compile(rf"{_TOKEN}|\[(?P<ends>/?)TOOL_CALLS\]"),
    "block": re.compile(rf"{_TOKEN}|(?P<ends>\n```)"),
}
_MARKER = re.compile(_TOKEN)
_LONGEST_MARKER = len("<|/function_calls_begin|>")

_LEAD = re.compile(
    arriving(
        rf"[{BLANK}:]{{0,64}}+",
        rf"(?:(?P<ticks>`{{1,3}})\w{{0,16}}+|{word('json', 'JSON')})?+",
        rf"[{BLANK}:]{{0,64}}+",
        r"(?P<begins>[\[{])",
    )
)
"""What may stand between an opening and its JSON."""

_REST_OF_STRING = re.compile(
    r"""(?P<text>[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+)(?:\Z|"\s*+(?:\Z|(?P<ends>[,:}\]])))""", re.DOTALL
)
_LONGEST_QUOTED = 2_000
"""Characters of a string behind a marker in it, in which it has to end."""
_LONGEST_HEAD = 2_000  # characters, in which a bare call shows that it is one
_STRIDE = 256  # characters, to begin with


@dataclass(slots=True)
class CallBlock:
    """A possible call at the start of a text that grows, and how far its JSON was read.

    Attributes:
        form: "marked", "tagged", "function", "listed", "functools", "block", "bare"; "stray" for a closing
            that closes nothing; or "thought" for what begins with its tag, and has no JSON.
        start: Where its JSON begins, or white space before it.
        tool: The tool that its opening names, so that its JSON is the arguments; "" where that is in the
            JSON.
        ticks: How many backticks open the fence around it.
        tags: How many tags stand directly around it that are no part of its form.
        end: Just behind its JSON, once that is complete.
        seen: How many characters were read; each is read once, however small the chunks.
        body_end: Where what it holds ends, once a marker ended it.
        is_reopened: Whether that marker was the opening of another.
        error: What is wrong with it, once that is known.
        is_waiting: Whether a marker may be a part of a string in it, and more has to arrive to know.
    """

    form: str
    start: int
    tool: str = ""
    ticks: int = 0
    tags: int = 0
    end: int | None = None
    seen: int = 0
    body_end: int | None = None
    is_reopened: bool = False
    error: str = ""
    _json: JsonEnd = field(init=False)
    is_waiting: bool = False
    _has_begun: bool = False
    _quoted: int = 0  # where the string ends in which the last marker is

    def __post_init__(self) -> None:
        """Starts to read its JSON."""
        self._json = JsonEnd(self.start)

    @property
    def is_bare(self) -> bool:
        """Whether only its JSON shows that it is a call."""
        return self.form == "bare"

    def is_certain(self, text: str, length: int) -> bool:
        """Whether it is a call, be it a broken one, by its first so many characters."""
        end = min(length, self.start + _LONGEST_HEAD)
        return not self.is_bare or _CERTAIN.search(text, self.start, end) is not None

    def follow(self, text: str, *, ended: bool = False) -> int:
        """Reads on, and returns how many characters turned out not to be a call; 0 while they may be one."""
        if not self._begin(text, ended=ended):
            return 0
        is_limited = len(text) >= LONGEST_UNMARKED and not self.is_certain(text, len(text))
        length = LONGEST_UNMARKED if is_limited else len(text)
        while self.end is None and self.seen < length:
            # Strides that grow: a call that ends soon costs little, however long the text behind it is.
            seen = self.seen
            if rejected := self._stride(text, min(length, max(2 * seen, _STRIDE)), ended=ended):
                return rejected
            if self.is_waiting:
                return 0
        return length if self.end is None and is_limited else 0

    def _begin(self, text: str, *, ended: bool) -> bool:
        """Whether it is certain where the JSON begins: behind a label, or in a fence of its own."""
        if self._has_begun or self.form in UNCLOSED:
            return True
        lead = _LEAD.match(text, self.start)
        if lead and not lead["begins"] and not ended:
            return False
        self._has_begun = True
        if lead and lead["begins"]:
            self.start = lead.start("begins")
            self.ticks = self.ticks or len(lead["ticks"] or "")
            self._json = JsonEnd(self.start)
        return True

    def reject(self, error: str) -> None:
        """Rejects its JSON, so that only a marker can end it now."""
        self.error = error
        self.seen, self.end = self.end or self.seen, None

    def _stride(self, text: str, stop: int, *, ended: bool) -> int:
        unchecked = max(self.start, self.seen - _LONGEST_MARKER, self._quoted)
        # Markers are tokens of their own, so one in the middle of JSON shows that the JSON is broken.
        marker = _MARKERS.get(self.form, _MARKER).search(text, unchecked, stop)
        if not self.error:
            self.end = self._json.follow(text, marker.start() if marker else stop)
        self.seen = stop
        if marker is None or self.end is not None:
            return 0
        if not self.error and self._json.in_string and self._is_quoted(text, marker, ended=ended):
            return 0
        self.body_end = marker.start()
        closes = marker["closes"] or marker.groupdict().get("ends")
        self.is_reopened = not closes
        return marker.end() if closes else marker.start()

    def _is_quoted(self, text: str, marker: re.Match[str], *, ended: bool) -> bool:
        """Whether a marker within a string is a part of it, or may be one: the string ends as one of JSON."""
        string = _REST_OF_STRING.match(text, marker.end(), marker.end() + _LONGEST_QUOTED)
        is_partial = string is not None and string["ends"] is None
        self.is_waiting = is_partial and not ended and len(text) < marker.end() + _LONGEST_QUOTED
        if string and string["ends"]:
            self._quoted = self.seen = string.end("text")
            self._json.follow(text, self.seen)
        elif self.is_waiting:
            self.seen = marker.start()
        return self.is_waiting or (string is not None and string["ends"] is not None)
