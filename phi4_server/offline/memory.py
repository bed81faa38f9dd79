"""Memory: what was said earlier, asked back. Knows statements, no markup.

Whatever somebody stated can be asked for: the statement that shares most terms with the question, the
plainest and latest of them, is repeated, in quotation marks where it is on whoever said it.
"""

from __future__ import annotations

import re

from phi4_server.offline import words
from phi4_server.offline.prompt import Conversation

_REMEMBER = re.compile(r"^\W*(?:please )?(?:remember|note|keep in mind)\b", re.IGNORECASE)
# a statement has its subject first
_QUESTION = re.compile(
    r"[?\uff1f]\s*$|^\W*(?:what|who|whom|whose|where|when|why|how|which|can|could|do|does|did|is|are|was|were"
    r"|will|would|should)\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:i|i['\u2019]m|me|my|mine|our|us|we|remember)\b", re.IGNORECASE)
_OF_ONESELF = re.compile(
    r"^(?:(?:do you know )?(?:what|who|where|when)(?:['\u2019]s| is| are| do)? )?(?:my|i)\b", re.IGNORECASE
)
_PRESENT = re.compile(r"\byour?\b|\bassistant\b", re.IGNORECASE)
_COMMANDS = frozenset(map(words.stem, words.COMMANDS | {"remember", "remind", "recall"}))
_ALIKE = 0.5
_MAX_SENTENCES = 1000
"""How many sentences are remembered, the latest."""
_BEGINNING = 200
"""Within how many characters a sentence's first word must come."""


def recall(talk: Conversation) -> str | None:
    """The answer to a question on what was said earlier; None where nothing that was said answers it."""
    asked = "".join(words.sentences(talk.asked)[-1:])
    if not asked or _is_statement(asked):
        return None
    messages = [turn.text for turn in talk.turns if turn.role == "user"]
    # what the system says counts where it speaks of nobody present
    given = [text for text in words.sentences(talk.system) if not _PRESENT.search(text)]
    lately = [*given[-_MAX_SENTENCES:], *words.sentences("\n".join(messages))[-_MAX_SENTENCES:]]
    found = _best(asked, [sentence for sentence in lately if _is_statement(sentence)])
    if found is not None:
        return f"I was told: “{found}”" if _OWN.search(found) else words.closed(found)
    return "I don't know: you have not told me." if _OF_ONESELF.search(asked) else None


def noted(talk: Conversation) -> str | None:
    """The reply to a turn in which the user only states something of their own; None for any other."""
    sentences = words.sentences(talk.asked)
    states = _OWN.search(talk.asked) and all(map(_is_statement, sentences[:_MAX_SENTENCES]))
    return f"Noted: “{words.shortened(talk.asked)}”" if states else None


def _is_statement(sentence: str) -> bool:
    first = words.tokens(sentence[:_BEGINNING])[:1]
    asks = _QUESTION.search(sentence) or (first and first[0] in words.IMPERATIVES)
    return bool(first) and (bool(_REMEMBER.search(sentence)) or not asks)


def _best(question: str, statements: list[str]) -> str | None:
    asked = frozenset(words.terms(question)) - _COMMANDS
    own = bool(_OWN.search(question))
    terms = [frozenset(words.terms(text)) if _OWN.search(text) or not own else () for text in statements]
    ranked = [(len(asked.intersection(each)), -len(each), place) for place, each in enumerate(terms)]
    shared, _, place = max(ranked, default=(0, 0, 0))
    return statements[place] if shared > _ALIKE * len(asked) else None
