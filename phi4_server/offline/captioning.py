"""Captioning: which of several marked files a question means, by the words beside each. Knows no file."""

from __future__ import annotations

import re

from phi4_server.offline import words
from phi4_server.offline.hearing import EAR
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.seeing import SIGHT

_PARTED = re.compile(r"\n[ \t]*\n|^[-=*_~]{3,}[ \t]*$", re.MULTILINE)
_WHICH = re.compile(r"\bwhich\b", re.IGNORECASE)
_ANY_FILE = re.compile(rf"\b(?:{SIGHT.nouns}|{EAR.nouns}|files?)\b", re.IGNORECASE)


def pointed(talk: Conversation) -> Conversation:
    """The conversation, its last user turn naming only the file whose caption the question speaks of.

    Captions stand before the files; or behind them, where nothing stands before the first. Where the question
    speaks of no caption, or of several alike, or asks which file it is, all files stay.
    """
    captions, rest = _captions(talk.around)
    asked = _question(rest)
    said = _terms(asked)
    worths = [len(said & _terms(caption)) for caption in captions]
    best = max(worths, default=0)
    if not best or worths.count(best) > 1 or _WHICH.search(asked):
        return talk
    return talk.naming(worths.index(best))


def _captions(around: tuple[str, ...]) -> tuple[list[str], str]:
    """The caption of each file, and the words that are none; no captions where no file parts the words.

    Args:
        around: The words before, between and behind the files.
    """
    spoken = [text.strip() for text in around]
    if not any(spoken[:-1]):
        return [], ""
    if not spoken[0]:
        *captions, last = spoken[1:]
        caption, rest = _cut(last, at_front=True)
        return [*captions, caption], rest
    first, *others = spoken[:-1]
    *_, first = _PARTED.split(first)
    before = ""
    if not spoken[-1]:  # what is asked stands before it all
        before, first = _cut(first, at_front=False)
    captions = [first]
    for text in others:
        captions.append(text or captions[-1])
    return captions, f"{before}\n{spoken[-1]}"


def _cut(text: str, *, at_front: bool) -> tuple[str, str]:
    """A text in two: its first sentence and the rest, or the rest and its last."""
    said, at = _sentences(text), 1 if at_front else -1
    return "\n".join(said[:at]), "\n".join(said[at:])


def _question(text: str) -> str:
    """The sentences of a text that ask, or else all of it."""
    return "\n".join(sentence for sentence in _sentences(text) if sentence.endswith("?")) or text


def _sentences(text: str) -> list[str]:
    return [sentence for line in text.splitlines() for sentence in words.sentences(line)]


def _terms(text: str) -> frozenset[str]:
    """What a text speaks of, but for its files as such."""
    return frozenset(words.terms(_ANY_FILE.sub("", text)))
