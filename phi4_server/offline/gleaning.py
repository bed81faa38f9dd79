"""Gleaning: the values in a text, such as numbers, dates, names and quotations. Knows no schema."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Literal

from phi4_server.offline import effort, lexicon, words

Sort = Literal[
    "number", "date", "day", "time", "email", "url", "quoted", "name", "phrase", "said", "topic", "sum"
]


@dataclass(frozen=True, slots=True)
class Find:
    """A value where it stands.

    Attributes:
        sort: What kind of value it is.
        value: A number for a number; ISO 8601 for dates and times; the words otherwise.
        start: Where it begins in the text.
        end: Where it ends.
        cue: The word before it, articles aside, casefolded; empty at a sentence's start.
    """

    sort: Sort
    value: str | int | float
    start: int
    end: int
    cue: str = ""


class Spans:
    """Where some finds stand."""

    def __init__(self, finds: Iterable[Find]) -> None:
        """Takes the finds in any order."""
        spans = sorted((find.start, find.end) for find in finds)
        self._starts = [start for start, _ in spans]
        self._furthest = [-1, *accumulate((end for _, end in spans), max)]

    def hold(self, start: int, end: int) -> bool:
        """Whether one of them holds a stretch of the text."""
        return end <= self._furthest[bisect_right(self._starts, start)]


_MONTH = "(?P<month>" + "|".join(lexicon.MONTHS) + ")"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})[-/](?P<number>\d{1,2})[-/](?P<day>\d{1,2})(?!\d)",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?[ .]+{_MONTH}[a-z]*\.?,? +(?P<year>\d{{4}})\b",
        rf"\b{_MONTH}[a-z]*\.? +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? +(?P<year>\d{{4}})\b",
        r"(?<!\d)(?P<day>\d{1,2})[./](?P<number>\d{1,2})[./](?P<year>\d{4})(?!\d)",
    )
)
_DAY = re.compile(
    rf"\b(?:(?:next|this|last) )?(?:{'|'.join(sorted(lexicon.DAYS))})\b(?! \d)"
    rf"|\b(?:{'|'.join(lexicon.MONTHS)})[a-z]* \d{{1,2}}\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?<![\d:])(\d{1,2})(?::([0-5]\d))?(?::([0-5]\d))?(?: ?([ap])\.?m\b\.?)?", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]")
_NUMBER = re.compile(
    r"(?<![\w.,])[-\u2212+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.?\d+)(?:e[-+]?\d{1,3})?", re.IGNORECASE
)
_SUM = re.compile(r"[-+]?[(\d][\d.()\s]{0,40}(?:(?:[-+*/\u00d7÷^%]|\*\*)[\s(-]{0,10}\d[\d.()\s]{0,40}){1,40}")
_BEGINNINGS = frozenset(["", *'.!?:;\n"“(-…'])
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^“”\n]+)”|«([^«»\n]+)»|「([^「」\n]+)」|`([^`\n]+)`"
    r"|(?<!\w)['\u2018]([^'\u2018\u2019\n]+(?:['\u2019]\w[^'\u2018\u2019\n]*){0,9})['\u2019](?!\w)"
)
_SAID = re.compile(
    r"\b(?:saying|that says|which says|that reads|which reads|telling (?:him|her|them)(?: that)?"
    r"|with the (?:message|text|body|content|words))\b:?\s+(?:that )?([^\n]+)",
    re.IGNORECASE,
)
_TOPIC = re.compile(
    r"\b(?:about|regarding|concerning|on the (?:topic|subject) of)\s+"
    r"([^\n,.;?!]+?)(?=\s{0,9}(?:$|[\n,.;?!])|\s{1,9}(?:and|with|to|for|from|saying|in the style)\s)",
    re.IGNORECASE,
)
_AFTER_COLON = re.compile(r"^[^\W\d]+(?: [\w'-]+){1,8}:\s+(\S[^\n]*)$", re.MULTILINE)
_PHRASE = re.compile(
    r"\b(?:in|at|on|from|to|for|near|with|into)\s+(?:the|my|our|his|her|their|an?)\s+"
    rf"([a-z]+(?:\s(?!(?:{'|'.join(sorted(lexicon.JOINING))})\b)[a-z]+){{0,3}})(?=\s|[,.;!?]|$)"
)
_WORD = re.compile(r"[^\W\d_](?:[\w&]|['\u2019.-](?=\w))*")
_JOINING = re.compile(r"(?: (?:of|de|da|di|do|du|del|der|den|van|von|la|le|el|al|bin|ibn|y))* ")
_REGION = re.compile(r", (?:[A-Z]{2}\b|[A-Z][a-z]+(?=\s*(?:$|[.?!;])|\s+(?!and\b|or\b)[a-z]))")
_VERB = re.compile(r"(?:'s)?,?\s{1,9}(?:is|was|has|had|will|can|and|or|[a-z]{3,}(?:s|ed))\b")
_FOREIGN = re.compile(r"[\u30a0-\u30ff]{2,}|[\u3040-\u30ff\u3400-\u9fff]{2,}")
_BEFORE = re.compile(
    r"(?<![^\W_])([^\W_]+)\s++(?:(?:the|an?|my|our|their|his|her) )?[\"'“\u2018«「`(]*$", re.IGNORECASE
)
_LONGEST = 300
"""How many digits a number has at most: more are meant by nobody, and no float holds them."""
_BROKEN = re.compile(r"[.eE]")
_OWNED = re.compile(r"\s{1,20}([^\W\d_]+)")
_OWNER = re.compile(r"['\u2019]s$")
_SPOKEN = re.compile(r"[^ .!?]")


def glean(text: str, *, but: frozenset[str] = frozenset()) -> list[Find]:
    """The values in a text, in its order.

    Args:
        text: The text.
        but: Stems of words that are no names here, even with a capital, such as what a tool is called.
    """
    effort.spend(4 * len(text))
    sure = [*_dates(text), *_all("email", _EMAIL, text), *_all("url", _URL, text)]
    held = Spans(sure)
    timed = [find for find in _times(text) if not held.hold(find.start, find.end)]
    days = [find for find in _all("day", _DAY, text) if not held.hold(find.start, find.end)]
    held = Spans([*sure, *timed])
    numbers = [find for find in _numbers(text) if not held.hold(find.start, find.end)]
    loose = [
        *_all("said", _AFTER_COLON, text),
        *_all("phrase", _PHRASE, text),
        *_quotes(text),
        *days,
        *_all("said", _SAID, text),
        *_all("topic", _TOPIC, text),
        *_all("sum", _SUM, text),
    ]
    found = [*sure, *timed, *numbers, *loose, *_names(text, but)]
    return sorted(found, key=lambda find: (find.start, find.end))


def cue(text: str, start: int) -> str:
    """The word before a place in a text, articles aside, casefolded; empty where none stands there."""
    before = _BEFORE.search(text, max(0, start - 40), start)
    return before[1].casefold() if before else ""


def _all(sort: Sort, pattern: re.Pattern[str], text: str) -> Iterator[Find]:
    for match in pattern.finditer(text):
        group = 1 if pattern.groups else 0
        value = match[group].strip().strip("\"'“”")
        if value:
            yield Find(sort, value, match.start(group), match.end(group), cue(text, match.start(group)))


def _quotes(text: str) -> Iterator[Find]:
    for match in _QUOTED.finditer(text):
        yield Find(
            "quoted",
            match[match.lastindex or 0].strip(),
            match.start(),
            match.end(),
            cue(text, match.start()),
        )


def _dates(text: str) -> list[Find]:
    found: list[Find] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = parts.get("number") or lexicon.MONTHS[parts["month"].casefold()]
            try:
                day = date(int(parts["year"]), int(month), int(parts["day"]))
            except ValueError:
                continue
            found.append(Find("date", day.isoformat(), match.start(), match.end(), cue(text, match.start())))
    return found


def _times(text: str) -> Iterator[Find]:
    for match in _TIME.finditer(text):
        hour, minute, second, half = match.groups()
        if not (minute or half) or int(hour) > (12 if half else 23):
            continue
        hours = int(hour) % 12 + 12 * (half.casefold() == "p") if half else int(hour)
        value = f"{hours:02}:{minute or '00'}:{second or '00'}"
        yield Find("time", value, match.start(), match.end(), cue(text, match.start()))


def _numbers(text: str) -> Iterator[Find]:
    for match in _NUMBER.finditer(text):
        digits = match[0].replace(",", "").replace("\u2212", "-")
        if len(digits) > _LONGEST:
            continue
        value = float(digits) if _BROKEN.search(digits) else int(digits)
        if abs(value) < 1e300:  # noqa: PLR2004 - JSON knows no infinity
            yield Find("number", value, match.start(), match.end(), cue(text, match.start()))
    for match in lexicon.NUMBER.finditer(text):
        yield Find("number", lexicon.counted(match[0]), match.start(), match.end(), cue(text, match.start()))


def _names(text: str, but: frozenset[str]) -> Iterator[Find]:
    """Runs of words with a capital, a sentence's first word only where it looks like one; foreign script."""
    end = 0
    for run in _runs(text):
        named = run[1:] if _begins(text, run[0].start()) and _leads(text, run, but) else run
        if named and named[0].start() >= end:
            find = _named(text, named[0].start(), named[-1].end())
            end = find.end
            yield find
    yield from _all("name", _FOREIGN, text)


def _runs(text: str) -> list[list[re.Match[str]]]:
    runs: list[list[re.Match[str]]] = []
    for word in _WORD.finditer(text):
        if not word[0][0].isupper() or _is_common(word[0]):
            continue
        if runs and _JOINING.fullmatch(text, runs[-1][-1].end(), word.start()):
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _is_common(word: str) -> bool:
    lower = word.casefold().replace("\u2019", "'")
    return lower in lexicon.STOP_WORDS or lower in lexicon.CALENDAR


def _begins(text: str, start: int) -> bool:
    return text[max(start - 20, 0) : start].rstrip(" \t")[-1:] in _BEGINNINGS


def _leads(text: str, run: list[re.Match[str]], but: frozenset[str]) -> bool:
    """Whether a sentence's first word has its capital from standing there."""
    first = run[0]
    lower = first[0].casefold()
    if lower in lexicon.IMPERATIVES or words.stem(lower) in but:
        return True
    return (
        len(run) == 1 and not _VERB.match(text, first.end()) and _SPOKEN.search(text, first.end()) is not None
    )


def _named(text: str, start: int, end: int) -> Find:
    before = cue(text, start)
    region = _REGION.match(text, end) if before in lexicon.PLACING else None
    end = region.end() if region else end
    return Find("name", _bare(text[start:end], text[end : end + 20]), start, end, before)


def _bare(name: str, following: str) -> str:
    """A name without a possessive's ending: "Ada's house" is of Ada, "at Ada's" is a place."""
    owned = _OWNED.match(following)
    owns = owned is not None and owned[1].casefold() not in lexicon.STOP_WORDS
    return _OWNER.sub("", name) if owns else name.rstrip(".")
