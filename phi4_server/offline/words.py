"""Words: tokens, stems, sentences, persons. Knows a little English; knows no prompt and no task."""

from __future__ import annotations

import re
from collections.abc import Sequence

from phi4_server.offline import effort
from phi4_server.offline.lexicon import ABBREVIATIONS, IRREGULAR, PERSONS, STOP_WORDS

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"[{_CJK}]+|\d+(?:[.,:]\d+)+|(?:(?![{_CJK}])[^\W_])+(?:['\u2019](?:(?![{_CJK}])[^\W_])+)*"
)
# a run of marks is tried from its first one only: from each of them, a long run would take for ever
_STOP = re.compile(r"(?<![.!?…])(?P<dot>[.!?…]++)[\"'”\u2019)\]]*+\s+|[。\uff01\uff1f]+")
_MARK = re.compile(r"[.!?…。\uff01\uff1f]")
_SPACELESS = re.compile(f"[{_CJK}]")
_VOWEL = re.compile(r"[aeiouy]")
_ENDINGS = tuple(
    (ending, re.compile(last))
    for ending, last in (
        ("ing", "."),
        ("ed", "[^e]$"),
        ("ion", "[st]$"),
        ("or", "[st]$"),
        ("er", "..[^aeiou]$"),
        ("e", "."),
    )
)
"""Endings that forms of one word differ in, each with how the rest of the word must end."""
_PERSON = re.compile(r"\b(?:i was|you are|you were)\b|[A-Za-z]+(?:['\u2019][A-Za-z]+)?", re.IGNORECASE)
_OBJECT = re.compile(
    r"\b(?!(?:and|but|or|if|when|because|that|what|as|so|do|did|can|will|than)\b)[a-z]+\s$", re.IGNORECASE
)
_WORD = 40
"""How far back the last word before a place is looked for."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+")


def spelled(name: str) -> str:
    """An identifier's words, set apart: both "getUserName" and "get_user_name" give words of their own."""
    return _HUMP.sub(" ", name)


def tokens(text: str) -> list[str]:
    """The text's words in order, casefolded; Chinese and Japanese, which set no spaces, in pairs of signs."""
    effort.spend(4 + len(text))
    return [token for word in _TOKEN.findall(text) for token in _parts(word)]


def _parts(word: str) -> Sequence[str]:
    if word.isascii() or len(word) == 1 or not _SPACELESS.match(word):
        return (word.replace("\u2019", "'").casefold(),)
    return [word[start : start + 2] for start in range(len(word) - 1)]


def stem(word: str) -> str:
    """A word's stem, the same for most of its forms; not itself a word of the language."""
    word = word.removesuffix("'s").removesuffix("'")
    word = IRREGULAR.get(word, word)
    word = _without_ending(_without_plural(word))
    if len(word) > 3 and word[-1] == word[-2]:  # noqa: PLR2004 - "add" and "add-ed" lose the same letter
        word = word[:-1]
    word = word.replace("our", "or")  # British and American spelling meet
    return word[:-1] + "i" if len(word) > 2 and word.endswith("y") else word  # noqa: PLR2004


def _without_plural(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - "ties" is a word of its own
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        return word[:-1]
    return word


def _without_ending(word: str) -> str:
    if word.endswith("ied"):
        return word[:-3] + "y"
    for ending, last in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 1 and _VOWEL.search(rest) and last.search(rest):
            return rest
    return word


def terms(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order."""
    return [stem(token) for token in tokens(text) if token not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, each with its closing mark."""
    effort.spend(1 + len(text) // 4)
    if not _MARK.search(text):
        return [bare] if (bare := text.strip()) else []
    found, start = [], 0
    for match in _STOP.finditer(text):
        before = text[max(start, match.start() - _WORD) : match.start()]
        if match["dot"] == "." and _is_abbreviated(before, text[match.end() : match.end() + 1]):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _is_abbreviated(before: str, after: str) -> bool:
    last = before.rsplit(maxsplit=1)[-1].lstrip("(\"'").casefold() if before.strip() else ""
    return (len(last) == 1 and last.isalpha()) or last in ABBREVIATIONS or after.islower()


def turned(sentence: str) -> str:
    """The sentence as the other one would say it: "I live in my house" is "You live in your house"."""
    said = _PERSON.sub(_turned_word, sentence)
    return said[:1].upper() + said[1:]


def _turned_word(match: re.Match[str]) -> str:
    word = match[0].replace("\u2019", "'").casefold()
    if word == "you" and _OBJECT.search(match.string, max(match.start() - _WORD, 0), match.start()):
        return "me"
    return PERSONS.get(word, match[0])


def lowered(sentence: str) -> str:
    """A sentence as it goes on after a colon, its first letter small."""
    return sentence[:1].lower() + sentence[1:]


def listed(items: list[str]) -> str:
    """Items as one says them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def shortened(text: str, *, limit: int = 300) -> str:
    """The text on one line, cut at a word with an ellipsis where it is longer than `limit` characters."""
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit and len(text) <= 4 * limit:
        return line
    return line[:limit].rsplit(" ", 1)[0] + " …"
