"""Where JSON stands in a text that also has prose, fences and thoughts. Knows JSON's grammar; no schema.

The text is read in time linear in its length. A bracket that opened an object or list which turned out to be
broken is not tried again: what failed outside would fail inside, too. Only one within a string of the
broken JSON is, since there quotes count the other way round, and there are just these two ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from phi4_space._prompt.thought_tags import END as THOUGHT_END
from phi4_space._prompt.thought_tags import NAME as THOUGHT
from phi4_space._prompt.thought_tags import ends_in_thought

_GAP = r"\s*+"
_STRING_START = r'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING = f'{_STRING_START}"'
_SCALAR = rf"(?:{_STRING}|-?\d[\w.+\-]*+|true|false|null|NaN|-?Infinity)"
_KEY = f"{_STRING}{_GAP}:{_GAP}"
_CUT_STRING = rf"{_STRING_START}\\?\Z"
# What holds neither an object nor a list, at once; then the next bracket.
_MEMBERS = rf'(?:{_KEY}{_SCALAR}{_GAP}(?:,{_GAP}(?=")|(?=\}})))*+'
_ITEMS = rf"(?:{_SCALAR}{_GAP}(?:,{_GAP}(?=[^\s\],])|(?=\])))*+"
_TO_BRACKET = {
    "{": rf"{_MEMBERS}(?:\}}|{_KEY}(?P<opens>[\[{{]))",
    "[": rf"{_ITEMS}(?:\]|(?P<opens>[\[{{]))",
}
_FIRST = {opener: re.compile(_GAP + rest, re.DOTALL) for opener, rest in _TO_BRACKET.items()}
_LATER = {
    "{": re.compile(rf'{_GAP}(?:\}}|,{_GAP}(?="){_TO_BRACKET["{"]})', re.DOTALL),
    "[": re.compile(rf"{_GAP}(?:\]|,{_GAP}(?=[^\s\],]){_TO_BRACKET['[']})", re.DOTALL),
}
# What may still become valid at the end of the text.
_CUT_ITEM = rf'(?:{_CUT_STRING}|(?:{_STRING}|[^\s\[\]{{}},:"]++){_GAP},?{_GAP})?'
_CUT = {
    "{": rf"{_MEMBERS}(?:{_CUT_STRING}|{_STRING}{_GAP}(?::{_GAP}{_CUT_ITEM})?)?\Z",
    "[": rf"{_ITEMS}{_CUT_ITEM}\Z",
}
_CUT_OFF = {opener: re.compile(rf"{_GAP}(?:,{_GAP})?{rest}", re.DOTALL) for opener, rest in _CUT.items()}

_OBJECT = r'\{(?=\s*+["}])'
_LIST_OF_OBJECTS = r'\[(?=\s*+\{\s*+["}])'
_LIST = r'\[(?=\s*+["\[\]{\-\dtfn])'
_MARKS = rf"(?P<fence>`{{3,}}+|~{{3,}}+)(?P<info>\w*+)|<(?P<ends>/?)(?P<thought>{THOUGHT})>"
_LANDMARKS = {
    is_list: re.compile(f"(?P<json>{_OBJECT}|{opening})|{_MARKS}")
    for is_list, opening in ((False, _LIST_OF_OBJECTS), (True, _LIST))
}
EMPTY = re.compile(r"\{\s*+\}")
"""An object without properties, which prose mentions, and which may pass for anything."""
_INSIDE = re.compile(r"""(?:[\[{}\]]|["']\s*:|(?:["'\]}\d]|true|false|null)\s*,)\Z""")
# How an object that was cut off begins: prose that quotes a brace has a long line after it.
_CUT_START = re.compile(rf'\[|\{{{_GAP}(?:"[^"\\\n]{{0,100}}+\\?\Z|{_STRING})', re.DOTALL)
_AT_OPENING = re.compile(rf"(?:(?:^|\n)[ \t]*+(?:`{{3,}}+|~{{3,}}+)\w++|[\[{{]){_GAP}\Z")
_ANNOUNCED = re.compile(r":[\s*_`]*+\Z")
_CONTEXT = 100  # characters
_MAX_RUNS = 20_000
"""So often JSON is looked for in one text; the tokens of an answer do not suffice for so much of it."""
_BRACKET = re.compile(r"\{\s*+\}|[\[\]{}]")
_MAX_DEPTH = 10_000  # more than any limit on depth within which Python can read JSON


@dataclass(frozen=True, slots=True)
class JsonSpan:
    """A part of a text that is JSON, or begins like it.

    Attributes:
        start: Where it begins.
        end: Just behind its end; where that was not found, the end of the text.
        is_complete: Whether all brackets are closed and stand where they may.
        is_fenced: Whether it stands in a Markdown fence.
        is_thought: Whether it stands in a block of thoughts, such as `<think>`.
        is_cut: Whether it goes on until the end of the text, and might end behind it.
    """

    start: int
    end: int
    is_complete: bool
    is_fenced: bool
    is_thought: bool = False
    is_cut: bool = False


def find_json(text: str, *, lists: bool) -> list[JsonSpan]:
    """The objects and lists in a text, outermost ones only, in order.

    What stands inside of broken JSON is left out: it is a part, and might pass for the whole.

    Args:
        text: The text.
        lists: Whether any list counts; otherwise only one that begins with an object does, so that a
            reference such as [1] does not.
    """
    return _Search(text, lists=lists).spans()


@dataclass(frozen=True, slots=True)
class _Run:
    """How far JSON can be read from one bracket on.

    Attributes:
        end: Just behind its end, if it has one.
        is_cut: Whether the text ends before it, or it is nested too deeply to be read.
        brackets: Where in it objects and lists begin, if it is broken.
    """

    end: int | None = None
    is_cut: bool = False
    brackets: list[int] = field(default_factory=list)


def _run(text: str, start: int) -> _Run:
    openers, at, steps, brackets = [text[start]], start + 1, _FIRST, [start]
    while openers:
        if len(openers) > _MAX_DEPTH:
            return _Run(is_cut=True)
        found = steps[openers[-1]].match(text, at)
        if found is None:
            return _Run(is_cut=_CUT_OFF[openers[-1]].match(text, at) is not None, brackets=brackets)
        at = found.end()
        if found["opens"]:
            openers.append(found["opens"])
            brackets.append(at - 1)
            steps = _FIRST
        else:
            openers.pop()
            steps = _LATER
    return _Run(end=at)


def is_cut_off(text: str, spans: list[JsonSpan], *, is_length: bool) -> bool:
    """Whether a text ends within JSON, or before JSON that it announces.

    Args:
        text: The text.
        spans: The JSON in it.
        is_length: Whether it is known that the text was cut off somewhere. It announces JSON with a colon
            then, and thoughts that have no end were cut off.
    """
    if spans and spans[-1].is_cut:
        return True
    rest = text[spans[-1].end if spans else 0 :]
    if _AT_OPENING.search(rest):
        return True
    return is_length and (_ANNOUNCED.search(rest) is not None or ends_in_thought(text))


class _Search:
    def __init__(self, text: str, *, lists: bool) -> None:
        self._text = text
        self._landmark = _LANDMARKS[lists]
        self._spans: list[JsonSpan] = []
        self._tried: set[int] = set()
        self._runs = 0
        self._is_broken = False
        self._left = 0  # what stands before is whole, or broken and over
        self._end = 0
        self._fence = ""
        self._thought: int | None = None  # the number of spans before the thought
        self._answered = 0  # the number of spans before the end of the last thought
        self._known_pairs: _Pairs | None = None

    def spans(self) -> list[JsonSpan]:
        at: int | None = 0
        while at is not None and (found := self._landmark.search(self._text, at)):
            if found["fence"]:
                self._take_fence(found["fence"], found["info"])
                at = found.end()
            elif found["thought"]:
                self._take_thought(ends=bool(found["ends"]))
                at = found.end()
            else:
                at = self._read(found.start())
        return self._spans

    def _take_fence(self, fence: str, info: str) -> None:
        if not self._fence:
            self._fence = fence
        elif fence.startswith(self._fence) and not info:
            self._fence = ""

    def _take_thought(self, *, ends: bool) -> None:
        if not ends:
            self._thought = len(self._spans) if self._thought is None else self._thought
            return
        first = self._answered if self._thought is None else self._thought
        self._spans[first:] = [replace(span, is_thought=True) for span in self._spans[first:]]
        self._thought, self._answered = None, len(self._spans)
        self._is_broken = False

    def _read(self, start: int) -> int | None:
        """Reads what begins at a bracket, and returns where to go on; None where nothing else can count."""
        if start in self._tried:
            return start + 1
        self._runs += 1
        if self._runs > _MAX_RUNS:
            return None
        run = _run(self._text, start)
        if run.end is not None:
            if not self._is_part(start):
                self._add(start, run.end, is_complete=True)
                self._left = run.end
            self._end = run.end
            return run.end
        self._is_broken = True
        self._tried.update(run.brackets)
        end = None if run.is_cut else self._broken_until(start)
        is_cut = run.is_cut and _CUT_START.match(self._text, start) is not None
        self._add(start, end or len(self._text), is_complete=False, is_cut=is_cut)
        if run.is_cut:
            return None
        self._left = end or self._left
        return end or start + 1

    def _broken_until(self, start: int) -> int | None:
        """Where what is broken ends, by its brackets or with the thought that it stands in."""
        end = self._pairs.ends.get(start)
        if end is None:
            return None
        thought_end = THOUGHT_END.search(self._text, start, end)
        return end if thought_end is None else thought_end.start()

    def _add(self, start: int, end: int, *, is_complete: bool, is_cut: bool = False) -> None:
        span = JsonSpan(start, end, is_complete, is_fenced=bool(self._fence), is_cut=is_cut)
        if not is_complete and len(self._spans) > max(self._thought or 0, self._answered):
            last = self._spans[-1]
            if not last.is_complete and last.is_fenced == span.is_fenced:
                self._spans.pop()  # of broken ones in a row the last is enough
        self._spans.append(span)

    def _is_part(self, start: int) -> bool:
        """Whether JSON is part of what is none, by the look of it."""
        if EMPTY.match(self._text, start):
            return self._pairs.around.get(start, -1) >= self._end
        before = self._text[max(self._left, start - _CONTEXT) : start].rstrip()
        return self._is_broken and _INSIDE.search(before) is not None

    @property
    def _pairs(self) -> _Pairs:
        """The brackets of the text, whatever stands between them."""
        if self._known_pairs is None:
            self._known_pairs = _Pairs.of(self._text)
        return self._known_pairs


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of brackets, each kind on its own, strings or not.

    Attributes:
        ends: Just behind where each that is closed is closed.
        around: For each empty object within braces, where the closest of them begin.
    """

    ends: dict[int, int]
    around: dict[int, int]

    @classmethod
    def of(cls, text: str) -> _Pairs:
        ends: dict[int, int] = {}
        around: dict[int, int] = {}
        braces: list[int] = []
        squares: list[int] = []
        for found in _BRACKET.finditer(text):
            bracket, at = found[0], found.start()
            stack = braces if bracket in "{}" else squares
            if bracket in "{[":
                stack.append(at)
            elif bracket not in "}]":
                if braces:
                    around[at] = braces[-1]
            elif stack:
                ends[stack.pop()] = at + 1
        return cls(ends, around)
