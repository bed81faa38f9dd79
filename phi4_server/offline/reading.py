"""Reading: answers from the passages that a prompt gives. Knows no markup, no picture and no sound."""

from __future__ import annotations

import re

from phi4_server.offline import finding, gleaning, words
from phi4_server.offline.context import Brief
from phi4_server.offline.finding import Question
from phi4_server.offline.passages import Sentence, sentences
from phi4_server.offline.prompt import Conversation

UNKNOWN = "I don't know: the context does not say."

_MAKE = r"\b(?:write|give|provide|make|create|generate|extract|list|suggest|find)\b[^.?!]{0,40}"
_SUMMARY = re.compile(
    rf"\b(?:summari[sz]e|sum up)\b|{_MAKE}\b(?:summary|(?:key|main) (?:points|ideas)|gist)\b", re.IGNORECASE
)
_TITLE = re.compile(rf"{_MAKE}\btitle\b|\btitle for th(?:is|e)\b", re.IGNORECASE)
_KEYWORDS = re.compile(rf"{_MAKE}\bkey ?words?\b", re.IGNORECASE)
_COUNT = re.compile(r"\b(\d{1,2})\b")
_CITED = re.compile(r"\bcit(?:e|ing|ation)", re.IGNORECASE)
_SOURCE = re.compile(r"^\W*source\W*(\d+)", re.IGNORECASE)
_UNANSWERED = re.compile(
    r"\b(?:don['\u2019]t|do not|doesn['\u2019]t|does not) (?:know|say)\b|^\s*(?:empty|none)", re.IGNORECASE
)
_PRONOUN = re.compile(r"\b(?:(its|their|his|her)|it|they|them|he|him|she)\b", re.IGNORECASE)
_USER = re.compile(r"^[> \t]*(?:user|human)[ \t]*:[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE)


def answer(brief: Brief) -> str | None:
    """What the passages say to what is asked of them; None where there are none."""
    if not brief.passages:
        return None
    demand = f"{brief.instruction} {brief.question}"
    if _KEYWORDS.search(demand):
        count = _COUNT.search(demand)
        found = ", ".join(finding.keywords(brief.passages, limit=int(count[1]) if count else 5))
        return f"KEYWORDS: {found}" if "KEYWORDS:" in demand else found
    if _TITLE.search(demand):
        return ", ".join(finding.keywords(brief.passages, limit=4)).capitalize() or UNKNOWN
    if _SUMMARY.search(demand):
        return finding.summary(brief.passages) or UNKNOWN
    return found if (found := _found(brief)) else UNKNOWN


def _found(brief: Brief) -> str:
    """The sentences that answer best; the existing answer where they do no better."""
    existing = "" if _UNANSWERED.search(brief.existing) else brief.existing
    among = sentences(brief.passages)
    found = finding.best(brief.question, among)
    if existing:
        kept = Sentence.of(existing)
        asked = Question(brief.question, [*among, kept])
        if not found or asked.score(kept) >= max(map(asked.score, found)):
            return existing
    if _CITED.search(brief.instruction):
        return " ".join(map(_sourced, found))
    return " ".join(sentence.text for sentence in found)


def _sourced(sentence: Sentence) -> str:
    source = _SOURCE.search(sentence.heading)
    return f"{sentence.text} [{source[1]}]" if source else sentence.text


def standalone(brief: Brief, talk: Conversation) -> str:
    """The question, put so that it stands alone: its first pronoun gives way to what was named before."""
    earlier = [turn.text for turn in talk.before if turn.role == "user"] or _USER.findall(brief.history)
    later = [turn.text for turn in talk.before if turn.role == "assistant"] or [brief.history]
    named = next((name for text in [*reversed(earlier), *reversed(later)] if (name := _named(text))), "")
    question = words.shortened(brief.question, limit=2000)
    if not named:
        return question
    return _PRONOUN.sub(lambda match: f"{named}'s" if match[1] else named, question, count=1)


def _named(text: str) -> str:
    names = [str(find.value) for find in gleaning.glean(text) if find.sort == "name"]
    return names[-1] if names else ""
