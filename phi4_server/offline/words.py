"""Words: tokens, stems, sentences, and lists of words. Knows a little English; knows no task."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

import snowballstemmer


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS = _words("""
    a about above actually after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further had has have
    having he her here hers him his how i if in into is it its itself just me mine more most my myself no
    nor not now of off on once only or other our ours out over own per please same shall she should so some
    such than that the their theirs them then there these they this those through to too under until up upon
    us very was we were what when where which while who whom whose why will with within without would you
    your yours yourself don't doesn't didn't isn't aren't wasn't can't couldn't won't wouldn't i'm i've i'd
    i'll you're you've it's that's what's who's where's there's let's
""")
"""Words that say how a sentence is built, not what it is about."""

COMMANDS = _words("""
    answer ask call check describe explain fetch find get give help know let like look make need perform
    please run say see show tell try use using want tool function
""")
"""Words by which people ask for something, whatever it is."""

IMPERATIVES = COMMANDS | _words("""
    add book buy calculate cancel close compare compute convert count create delete divide draw email
    extract format generate identify list multiply open order pay plan play put read remember remind
    remove reserve save schedule search send set sort start stop subtract summarise summarize take
    translate turn update visit write
""")
"""Words that a sentence which asks for something begins with."""

JOINING = _words("in at on to for with from near into and or is are by of that which as about under per")
"""Words that end a phrase before them."""

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+(?:['\u2019][^\W_]+)*")
# a run of marks is tried from its first one only: from each of them, a long run would take for ever
_STOP = re.compile(
    r"(?<![.!?…])(?<!\bMr)(?<!\bDr)(?<!\bSt)(?<!\bNo)(?<!\bMrs)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])"
    r"[.!?…]++[\"'”\u2019)\]]*+\s+|[。\uff01\uff1f]+"
)
_LONGEST_STEM = 40
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+")
_stemmer = snowballstemmer.stemmer("english")


def spelled(name: str) -> str:
    """An identifier's words, set apart: both "getUserName" and "get_user_name" give words of their own."""
    return _HUMP.sub(" ", name)


def tokens(text: str) -> list[str]:
    """The text's words in order, casefolded."""
    return [word.replace("\u2019", "'").casefold() for word in _TOKEN.findall(text)]


@lru_cache(maxsize=10_000)
def stem(word: str) -> str:
    """A word's stem, the same for most of its forms; not itself a word of the language."""
    return str(_stemmer.stemWord(word[:_LONGEST_STEM]))


def terms(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order."""
    return [stem(token) for token in tokens(text) if token not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """The sentences of some lines, each with its closing mark."""
    return [sentence for line in text.splitlines() for sentence in _in_line(line)]


def _in_line(line: str) -> list[str]:
    edges = [0, *(match.end() for match in _STOP.finditer(line)), len(line)]
    return [sentence for start, end in pairwise(edges) if (sentence := line[start:end].strip())]


def listed(items: list[str]) -> str:
    """Items as one says them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def closed(sentence: str) -> str:
    """The sentence with a full stop, where it has no mark of its own."""
    return sentence if sentence.endswith((".", "!", "?", "…")) else sentence + "."


def shortened(text: str, *, limit: int = 300) -> str:
    """The text on one line, cut at a word with an ellipsis where it is longer than `limit` characters."""
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit and len(text) <= 4 * limit:
        return line
    return line[:limit].rsplit(" ", 1)[0] + " …"
