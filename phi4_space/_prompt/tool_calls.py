"""The forms of a tool call: how one begins, and how it ends. Knows no prompt, no I/O.

A call is an opening, a JSON list or object and, in some forms, a closing::

    <|tool_call|>[{"name": ..., "arguments": ...}]<|/tool_call|>     marked, by Phi-4's tokens
    <tool_call>{"name": ..., "arguments": ...}</tool_call>           tagged, or a token that lost its bars
    <function=NAME>{...}</function>                                  function: the JSON is the arguments
    <invoke name="NAME"><parameter name="KEY">...</parameter></invoke>    also function
    <｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>            also function
    [TOOL_CALLS][{"name": ..., "arguments": ...}]                    listed; also [TOOL_CALLS]NAME[ARGS]{...}
    functools[{"name": ..., "arguments": ...}]                       functools
    ```tool_call ...                                                 block, fenced in Markdown as a call
    [{"name": ..., "arguments": ...}]                                bare

All but the last are calls by their opening, whatever follows. Each may stand in a Markdown fence of its own.
A marker within a string of the JSON is a part of it. Tags that stand directly around a call go with it.
In thoughts, such as `<think>...</think>`, nothing is a call; bare JSON is none as a part of other JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from phi4_space._json import JsonEnd
from phi4_space._prompt.call_json import NAMESPACE, SHELLS

LONGEST_UNMARKED = 65_536
"""Characters that JSON may have which only may be a call; longer JSON is passed on as text."""

CONTINUED = frozenset({"marked", "tagged", "listed", "block"})
"""The forms in which several calls may follow one opening."""
UNCLOSED = frozenset({"functools", "bare"})
"""The forms that have no closing, so that they end with their JSON, whatever is in it."""


def _arriving(*steps: str) -> str:
    """A pattern of consecutive steps, which also matches where the text ends before the last of them."""
    *before, pattern = steps
    for step in reversed(before):
        pattern = rf"{step}(?:\Z|{pattern})"
    return pattern


def _word(*words: str) -> str:
    """A pattern of any of the words, which also matches where the text ends within one."""
    halves = sorted({word[:end] for word in words for end in range(1, len(word))}, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, words))}|(?:{'|'.join(map(re.escape, halves))})\Z)"


def _key(*names: str) -> str:
    return _arriving(_QUOTE, _word(*names), _QUOTE, _GAP, ":", _GAP)


_BLANK = r"\s\ufeff\u200b-\u200d\u2060"  # also a byte order mark, and spaces of no width
_GAP = r"\s{0,64}+"
_QUOTE = "[\"']"
_KINDS = ("tool_call", "tool_calls", "toolcall", "toolcalls", "function_call", "function_calls", "tool_use")
_FENCES = ("tool_call", "tool_calls", "function_call", "function_calls", "tool_use", "functools")
_CALL = f"(?i:{_word(*(f'{kind}{end}' for kind in _KINDS for end in ('', '_start', '_begin')))})"

# The last step of each form is a group: only a complete opening matches it.
_MARKED = _arriving("<", r"\|", f"(?:{_CALL}|{_word('python_tag')})", r"\|", "(?P<marked>>)")
_THOUGHTS = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad")
_THOUGHT = f"(?i:{_arriving('<', _word(*_THOUGHTS), '(?P<thought>>)')})"
_STRAY = _arriving("<", r"\|", "/", f"(?i:{_word(*_KINDS)})", r"\|", "(?P<stray>>)")
_TAGGED_NAME = _arriving(r"[\w.-]{1,64}+", r"\s{0,8}+", "(?P<tagged_name>[({<])")
_TAGGED = _arriving(
    "<",
    r"\|?+",
    _CALL,
    r"\|?+",
    "(?P<tag>>)",
    rf"[{_BLANK}:]{{0,64}}+",
    rf"(?:(?P<tagged>[\[{{<`])|{_TAGGED_NAME})",
)
_NAME_IS = _arriving(r"\s{1,8}+", _word("name"), "=")
_FUNCTION = _arriving(
    rf"(?:{_arriving('<', _word('function_calls', 'tool_call', 'tool_calls'), '>', _GAP)})?+",
    _word("<function", "<invoke"),
    f"(?:=|{_NAME_IS})",
    f"{_QUOTE}?+",
    r"(?P<function_name>[\w.:-]{1,128}+)",
    f"{_QUOTE}?+",
    "(?P<function>>)",
)
_SEPARATED = _arriving(
    rf"(?:{_word('<｜tool▁calls▁begin｜>')}{_GAP})?+",
    _word("<｜tool▁call▁begin｜>"),
    f"(?:{_arriving(_word('function'), _word('<｜tool▁sep｜>'))})?+",
    r"(?P<separated_name>[\w.:-]{1,128}+)",
    rf"(?:(?P<separated>\s|<｜tool▁sep｜>)|{_word('<｜tool▁sep｜>')})",
)
_LISTED_NAME = _arriving(
    r"(?P<listed_name>[\w.:-]{1,128}+)", f"(?:{_word('[ARGS]')})?+", r"\s{0,8}+", r"(?P<listed_call>\{)"
)
_LISTED = _arriving(_word("[TOOL_CALLS]"), _GAP, rf"(?:(?P<listed>[\[{{])|{_LISTED_NAME})")
_FUNCTOOLS = _arriving(_word("functools"), _GAP, "[:=]?+", _GAP, r"\[", _GAP, r"(?P<functools>\{)")
_BLOCK = _arriving(_word("```"), _word(*_FENCES), r"(?P<block>[\s\[{])")

_SHORT_STRING = "(?:" + "|".join(_arriving(mark, f"[^{mark}]{{0,200}}+", mark) for mark in "\"'") + ")"
_SHORT_VALUE = rf"(?:{_SHORT_STRING}|{_word('null', 'None')}|[0-9]{{1,20}}+)"
_TYPE = _arriving(_QUOTE, _word("function", "tool_use", "tool_call", "function_call"), _QUOTE)
_BESIDE = (  # what may stand in front of the keys that make a call
    rf"(?:{_key('id', 'index', 'role', 'content', 'call_id', 'tool_call_id')}(?:\Z|{_SHORT_VALUE})"
    rf"|{_key('type')}(?:\Z|{_TYPE}))(?:\Z|{_arriving(_GAP, ',', _GAP)})"
)
_STRING = r"""(?P<name>"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z)|'[^'\\]*+(?:\\(?:.|\Z)[^'\\]*+)*+(?:'|\Z))"""
_NAME = rf"{_key('name', 'tool_name', 'function_name', 'tool', 'recipient_name')}(?:\Z|{_STRING})"
_ARGUMENTS = _arriving(_QUOTE, _word("arguments", "parameters", "args"), _QUOTE)
_WRAPPED = _key("function", "tool_call", "tool_calls", "function_call", "function_calls")
_SHELL = _arriving(r"\{", _GAP, _key(*SHELLS))
_BARE = _arriving(
    f"(?:{_SHELL})?+",
    r"\[?+",
    _GAP,
    r"\{",
    _GAP,
    f"(?:{_BESIDE}){{0,4}}+",
    rf"(?:(?:{_NAME}|{_ARGUMENTS})(?:\Z|(?P<bare>[\s:,}}]))|{_WRAPPED}(?:\Z|(?P<wrapped>\S)))",
)
_FENCE = _arriving(r"(?:```\w{0,16}+|`{1,2})", _GAP)
_OWN_TAG = (  # of which more is known than that it is one
    rf"<\|?+(?i:(?:{'|'.join(_KINDS)})(?:_start|_begin)?\|?+>|python_tag\|?+>|think|thought|reason|reflect|scratch)"
)
_LESS, _MORE = _word("<", "&lt;"), _word(">", "&gt;")
_SHEATH = f"(?!{_OWN_TAG})" + _arriving(
    _LESS, r"\|?+", r"[A-Za-z](?:\Z|[\w.:-]{0,40}+)", r"\|?+", _MORE, _GAP
)
_BOXES = ("TOOL_REQUEST", "TOOL_CALL", "FUNCTION_CALL", "FUNCTION_CALLS", "TOOL_USE", "TOOL", "FUNCTION")
_BOX = _arriving(r"\[", f"(?i:{_word(*_BOXES)})", r"\]", _GAP)
_OPENING = re.compile(
    rf"(?=[<&f`\[{{])(?:{_BLOCK}|{_STRAY}|{_THOUGHT}|(?P<around>(?:{_FENCE}|{_SHEATH}|{_BOX}){{1,4}}+)?"
    rf"(?:\Z|{_MARKED}|{_FUNCTION}|{_TAGGED}|{_SEPARATED}|{_LISTED}|{_FUNCTOOLS}|{_BARE}))",
    re.DOTALL,
)
_FORMS = {
    "marked": "marked",
    "stray": "stray",
    "thought": "thought",
    "tagged": "tagged",
    "tagged_name": "tagged",
    "function": "function",
    "separated": "function",
    "listed": "listed",
    "listed_call": "listed",
    "functools": "functools",
    "block": "block",
    "bare": "bare",
    "wrapped": "bare",
}
_CERTAIN = re.compile(
    r"""["'](?:name|tool_name|function_name|tool|recipient_name)["']\s*:\s*(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+')
        \s*,\s*["'](?:arguments|parameters|args|input|params|tool_input)["']\s*:
    | ["']type["']\s*:\s*["']function["']\s*,\s*["']function["']\s*:\s*[^"'\s]
    | ["']function["']\s*:\s*\{\s*["']name["']
    | ["'](?:tool|function)_calls?["']\s*:\s*[\[{]\s*[{"']""",
    re.VERBOSE | re.DOTALL,
)
"""What is a call, whatever follows: a tool on offer and its arguments, or a call as OpenAI wraps it."""

_ANY_CALL = rf"(?i:(?:{'|'.join(_KINDS)})(?:_start|_begin)?)"
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
    _arriving(
        rf"[{_BLANK}:]{{0,64}}+",
        rf"(?:(?P<ticks>`{{1,3}})\w{{0,16}}+|{_word('json', 'JSON')})?+",
        rf"[{_BLANK}:]{{0,64}}+",
        r"(?P<begins>[\[{])",
    )
)
"""What may stand between an opening and its JSON."""

_SLIP = rf"[{_BLANK}\]}})]{{0,64}}+"  # an extra bracket is a harmless slip
_ENDED = _word("tool_call_end", "tool_calls_end", "eom_id")
_CLOSED = f"(?i:{_word(*_KINDS, 'function', 'functions', 'tool', 'tools', 'invoke')})"
_CLOSING = re.compile(
    rf"{_SLIP}(?:\Z|<(?:\Z|{_arriving(r'[|]', _ENDED, '[|]', '(?P<ended>>)')}"
    rf"|{_arriving('[|]?+', '/', '[|]?+', _CLOSED, '[|]?+', '(?P<closed>>)')})"
    rf"|{_arriving(_word('[/TOOL_CALLS'), '(?P<unlisted>])')}"
    rf"|{_arriving(_word('<｜tool▁call▁end｜', '<｜tool▁calls▁end｜'), '(?P<unseparated>>)')})"
)
_NAMED = r"(?:/[|]?+(?:\Z|[\w.:-]{1,41}+)|[\w.:-]{1,41}+(?:\Z|(?<=_end)))"
_UNBOXED = rf"(?i:{_word('[/', '[END_')}(?:\Z|{_word(*_BOXES)}))"
_UNSHEATHING = r"(?:(?P<unsheathed>>|&gt;)|&g?t?\Z)"
_UNSHEATHED = re.compile(
    rf"{_SLIP}(?:\Z|{_arriving(_LESS, '[|]?+', _NAMED, '[|]?+', _UNSHEATHING)}"
    rf"|{_arriving(_UNBOXED, '(?P<unboxed>])')})"
)
_UNFENCED = {ticks: re.compile(_arriving(_GAP, *"`" * (ticks - 1), "(?P<unfenced>`)")) for ticks in (1, 2, 3)}
_NEXT = re.compile(_arriving(r"[\s,;]{0,64}+", r"(?P<at>[\[{])", _GAP, "(?P<next>[\"'{])"))
_BRACKET = re.compile(r"[\[{]")
_TICKS = re.compile("`+")
_ENDS_OF_TAGS = re.compile("[]>]|&gt;")
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


_THOUGHT_END = re.compile(f"</(?:{'|'.join(_THOUGHTS)})>", re.IGNORECASE)
_LONGEST_THOUGHT_END = len("</scratchpad>")


def find_thought_end(text: str, seen: int) -> int | None:
    """Just behind the end of a thought; None where it has none yet.

    Args:
        text: The thought, and what follows it.
        seen: How many characters of it were searched before.
    """
    found = _THOUGHT_END.search(text, max(0, seen - _LONGEST_THOUGHT_END))
    return found and found.end()


def partial_thought_end(text: str, start: int) -> int:
    """Where, from `start` on, the end of a thought may begin that is not whole; the text's end if nowhere."""
    at = text.rfind("<", max(start, len(text) - _LONGEST_THOUGHT_END))
    return len(text) if at < 0 else at


_INSIDE = re.compile(r"""(?:["']\s*:|[\[{]|(?:["'\]}\d]|true|false|null)\s*,)\s*\Z""")
_PARTS = re.compile(
    r"""(?:["'](?P<key>[^"'
]{1,200}+)["']\s*+:\s*+)?(?P<opens>[\[{]) | (?P<closes>[\]}])
    | "(?:[^"\
]|\.)*+" """,
    re.VERBOSE,
)
_ENDS_IN_KEY = re.compile(r"""["'](?P<key>[^"'
]{1,64}+)["']\s*:\s*\Z""")
_LONGEST_END = 100  # characters, in which that is looked for
_CALL_KEYS = frozenset({"function", "tool_call", "tool_calls", "function_call", "function_calls"})
MAX_CONTEXT = 500  # characters


def is_nested(before: str) -> bool:
    """Whether what follows a text is part of other JSON: of the value of a property.

    Args:
        before: The text before it; of a long one the last `MAX_CONTEXT` characters.
    """
    end = before[-_LONGEST_END:]
    if not _INSIDE.search(end):
        return False
    if (key := _ENDS_IN_KEY.search(end)) and key["key"] not in _CALL_KEYS:
        return True
    stack: list[str | None] = []
    for found in _PARTS.finditer(before):
        if found["opens"]:
            stack.append(found["key"])
        elif found["closes"] and stack:
            stack.pop()
    return any(key is not None and key not in _CALL_KEYS for key in stack)


@dataclass(frozen=True, slots=True)
class Rest:
    """What still belongs to a call, behind its JSON.

    Attributes:
        length: How many characters do.
        is_partial: Whether it may go on, where more arrives.
        closes: Whether the call is closed by it.
        unfences: Whether that was the end of the fence around it.
        continues: Whether another call of the same form follows.
    """

    length: int
    is_partial: bool = False
    closes: bool = False
    unfences: bool = False
    continues: bool = False


def find_rest(text: str, *, ticks: int, can_continue: bool, tags: int = 0) -> Rest | None:
    """What follows a call and belongs to it; None where nothing does.

    Args:
        text: What follows.
        ticks: How many backticks opened the fence around it; 0 without one.
        can_continue: Whether another call may follow without an opening of its own.
        tags: How many tags around it are open.
    """
    found = [
        match
        for pattern in (
            _CLOSING,
            _UNFENCED.get(ticks),
            _UNSHEATHED if tags else None,
            _NEXT if can_continue else None,
        )
        if pattern and (match := pattern.match(text))
    ]
    for match in found:
        match match.lastgroup:
            case "closed" | "ended" | "unlisted" | "unseparated" | "unsheathed" | "unboxed":
                return Rest(match.end(), closes=True)
            case "unfenced":
                return Rest(match.end(), unfences=True)
            case "next":
                return Rest(match.start("at"), continues=True)
    return Rest(max(match.end() for match in found), is_partial=True) if found else None


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
    while match and not (match["name"] is None or _may_be_offered(_spelled(match["name"]), is_offered)):
        match = _OPENING.search(text, match.start("name") + 1)
    if not match:
        return len(text), None
    form = _FORMS.get(match.lastgroup or "")
    if form is None:
        return match.start(), None
    tool = match["function_name"] or match["listed_name"] or match["separated_name"] or ""
    around = match["around"] or ""
    ticks = _TICKS.search("```" if form == "block" else around)
    tags = len(_ENDS_OF_TAGS.findall(around))
    return match.start(), CallBlock(
        form, _body(match) - match.start(), tool, len(ticks[0]) if ticks else 0, tags=tags
    )


def _body(match: re.Match[str]) -> int:
    """Where the JSON behind an opening begins, or white space before it."""
    match match.lastgroup:
        case "marked" | "stray" | "function" | "separated" | "thought":
            return match.end()
        case "tagged" | "tagged_name":
            return match.end("tag")
        case "listed" | "listed_call" | "block":
            return match.start(match.lastgroup)
        case _:
            return next(_BRACKET.finditer(match.string, max(match.start(), match.end("around")))).start()


def _spelled(name: str) -> str:
    """A name as JSON spells it, without the opening quote; it may be in Python's quotes."""
    if name.startswith("'"):
        name = f'{name[:-1]}"' if len(name) > 1 and name.endswith("'") else name
    return name[1:]


def _may_be_offered(spelled: str, is_offered: Callable[[str], bool]) -> bool:
    return NAMESPACE.startswith(spelled) or is_offered(spelled.removeprefix(NAMESPACE))
