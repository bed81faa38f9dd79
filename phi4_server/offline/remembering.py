"""Remembering: what was said earlier, asked back. Knows statements and persons, no markup.

Whatever somebody stated can be asked for: the statement that shares most terms with the question, the
plainest and latest of them, is told back with its persons turned ("my name is Ada" is "Your name is Ada").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from phi4_server.offline import lexicon, words
from phi4_server.offline.prompt import Conversation

_OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|please|ok(?:ay)?|also|and|but|so|well|oh|no|yes"
    r"|sorry|by the way|actually|in fact"
    r"|(?:please )?(?:remember|note|know|keep in mind|don['\u2019]t forget)(?: that)?(?: ?:)?)\b[,.!:]?\s*)+",
    re.IGNORECASE,
)
# a statement has its subject first
_QUESTION = re.compile(
    r"[?\uff1f]\s*$|^\W*(?:what|who|whom|whose|where|when|why|how|which)\b"
    r"|^\W*(?:can|could|do|does|did|is|are|was|were|will|would|should)\b",
    re.IGNORECASE,
)
_MEMORY = re.compile(r"\b(?:remember|recall|remind|told|know|said|mentioned)\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:i|i['\u2019]m|me|my|mine|our|us|we)\b", re.IGNORECASE)
_OF_ONESELF = re.compile(
    r"^(?:(?:so|and|now|then)[ ,]+)*(?:do you (?:know|remember) )?(?:what|who|where|when|which|how old)?"
    r"(?:['\u2019]s| is| are| was| am| do| did)? ?(?:my|i|our)\b",
    re.IGNORECASE,
)
_SAID_BACK = re.compile(
    r"\bwhat (?:did i|was it that i|have i)(?: just| first| last)? (?:say|said|ask|asked|tell|told)\b"
    r"|\bwhat was my (?:(?:first|last|previous) )?(?:question|message)\b",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\bfirst\b")
_CALL_ME = re.compile(r"\b[Cc]all me\b")
_ASKING = re.compile(r"\b(?:tell|told|remind|give) me\b|\bdid I (?:say|tell you)\b")
_PRESENT = re.compile(r"\byour?\b|\bassistant\b", re.IGNORECASE)
_MEANT = tuple(
    (re.compile(said), frozenset(map(words.stem, meant.split())))
    for said, meant in (
        (r"\b(?i:call me|i am called|i['\u2019]m called|i go by|i am|i['\u2019]m) [A-Z]", "name"),
        (r"\b(?i:who am i|am i called)\b", "name"),
        (r"\b(?i:i am|i['\u2019]m) \d+\b|\byears old\b|\b(?i:how old am i)\b", "age old"),
        (r"\b(?i:i am|i['\u2019]m|i come) from\b|\b(?i:am i from|do i come from)\b", "home from"),
        (r"\b(?i:i live|my home is|my address is|where do i live)\b", "live home"),
        (r"\b(?i:i work|i am an?|i['\u2019]m an?)\b|\b(?i:what do i do|what am i)\b", "job work profession"),
        (r"\b(?i:i was born|birthday)\b", "born birthday"),
    )
)
"""What people say in other words than they ask for it."""

_ALIKE = 0.5
_MOST = 1000
"""How many sentences are remembered, the latest."""
_BEGINNING = 200
"""Within how many characters a sentence's first word must come."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that somebody stated.

    Attributes:
        text: The sentence, without an opening such as "hello".
        terms: What it says.
        meant: What it says in other words.
    """

    text: str
    terms: frozenset[str]
    meant: frozenset[str]

    @classmethod
    def of(cls, sentence: str) -> Statement:
        """A sentence's statement."""
        text = _OPENING.sub("", sentence).strip()
        return cls(text, frozenset(words.terms(text)), _meant(sentence))


def recall(talk: Conversation, *, among_users: bool = False) -> str | None:
    """The answer to a question on what was said earlier; None where nothing that was said answers it.

    Args:
        talk: The conversation; its last user turn asks.
        among_users: Whether only what the user said counts, and not what the system told.
    """
    question = _last_question(talk.asked)
    if question is None:
        return None
    said = [turn.text for turn in talk.before if turn.role == "user" and turn.text]
    if said and _SAID_BACK.search(question):
        back = said[0] if _FIRST.search(question) else said[-1]
        return f"You said: “{words.shortened(back)}”"
    found = _best(question, [Statement.of(sentence) for sentence in _stated(talk, among_users=among_users)])
    if found is not None:
        return _closed(words.turned(_CALL_ME.sub("I am called", found.text)))
    return "I don't know: you have not told me." if _OF_ONESELF.search(_OPENING.sub("", question)) else None


def noted(talk: Conversation) -> str | None:
    """The reply to a turn in which the user only states something of their own; None for any other."""
    said = _sentences(talk.asked)
    if len(said) > _MOST or not all(map(_is_statement, said)):
        return None
    own = [sentence for sentence in said if _OWN.search(sentence) or _MEMORY.match(sentence)]
    if not own:
        return None
    return "Noted: " + " ".join(_closed(words.turned(Statement.of(sentence).text)) for sentence in own)


def _last_question(text: str) -> str | None:
    said = _sentences(text)
    return None if not said or _is_statement(said[-1]) else said[-1]


def _sentences(text: str) -> list[str]:
    return [sentence for line in text.splitlines() for sentence in words.sentences(line)]


def _is_statement(sentence: str) -> bool:
    bare = _OPENING.sub("", sentence)
    first = words.tokens(bare[:_BEGINNING])[:1]
    asks = _QUESTION.search(bare) or (first and first[0] in lexicon.IMPERATIVES and bare == sentence)
    return bool(first) and not asks


def _stated(talk: Conversation, *, among_users: bool) -> Iterator[str]:
    """What the user stated lately; and first what the system told, where it speaks of nobody present."""
    told = _sentences("" if among_users else talk.system)[-_MOST:]
    yield from (sentence for sentence in told if _is_statement(sentence) and not _PRESENT.search(sentence))
    texts = [*(turn.text for turn in talk.before if turn.role == "user"), talk.asked]
    said = [sentence for text in texts for sentence in _sentences(text)]
    yield from filter(_is_statement, said[-_MOST:])


def _best(question: str, statements: list[Statement]) -> Statement | None:
    asked = frozenset(words.terms(question)) - {
        words.stem(word) for word in lexicon.COMMANDS | {"remember", "remind", "recall"}
    }
    asked |= _meant(question)
    own = bool(_OWN.search(_ASKING.sub("", question)))
    ranked = [
        (_overlap(asked, statement), -len(statement.terms), place, statement)
        for place, statement in enumerate(statements)
        if _OWN.search(statement.text) or not own
    ]
    score, *_, best = max(ranked, default=(0.0, None))
    return best if score > _ALIKE else None


def _overlap(asked: frozenset[str], statement: Statement) -> float:
    """How much of what is asked a statement says, from 0 to 1; in other words counts a little less."""
    said = len(asked & statement.terms) + 0.8 * len(asked & (statement.meant - statement.terms))
    return said / len(asked) if asked else 0.0


def _meant(text: str) -> frozenset[str]:
    return frozenset[str]().union(*(meant for said, meant in _MEANT if said.search(text)))


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "…")) else sentence + "."
