"""Reporting: says in a sentence what tools returned. Knows no schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from phi4_server.offline import finding, handing, words
from phi4_server.offline.prompt import Conversation, Kind, Turn
from phi4_server.offline.tools import Call, loaded

_FAILED = re.compile(r"^\W*(?:\w+ ?)?(?:error|exception|failed|failure|traceback)\b", re.IGNORECASE)
_LONG = 300
_NOUNS: Mapping[Kind, str] = {"image": "a picture", "audio": "a sound", "file": "a file"}


def failed(result: str) -> bool:
    """Whether a result tells of a failure."""
    value = loaded(result)
    if isinstance(value, dict):
        return bool(value.get("error")) or value.get("status") == "error"
    return bool(_FAILED.search(result))


def plain(result: str) -> str:
    """A result in words: JSON as its values with their names."""
    return _said(loaded(result)) or " ".join(result.split())


def _said(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{words.spelled(str(name))} {_said(inner)}" for name, inner in value.items())
        case list():
            return (
                "; ".join(map(_said, value))
                if any(isinstance(item, dict) for item in value)
                else words.listed([_said(item) for item in value])
            )
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case _:
            return str(value)


def report(talk: Conversation) -> str:
    """What the tools returned since the user's last turn, one sentence for each result.

    That the request was handed on is no news for who asked.
    """
    told: list[str] = []
    asked = talk.asked
    calls: tuple[Call, ...] = ()
    answered = 0
    for turn in talk.since:
        if turn.role == "tool":
            answered += 1
            place = (turn.answers or answered) - 1
            if not handing.is_over(turn.text):
                told.append(_one(turn, calls[place] if 0 <= place < len(calls) else None, asked))
        elif turn.calls:
            calls, answered = turn.calls, 0
    return " ".join(told)


def _one(turn: Turn, call: Call | None, asked: str) -> str:
    name, result = call.name if call else "The tool", turn.text
    if failed(result):
        return f"{name} did not work: {_closed(words.shortened(plain(result)))}"
    if not result.strip():
        return f"{name} returned {words.listed([_NOUNS[kind] for kind, _ in turn.marks]) or 'nothing'}."
    if len(result) > _LONG and (found := finding.find(asked, result)):
        return " ".join(sentence.text for sentence in found)
    given = (
        words.listed([_said(value) for value in call.arguments.values() if value not in ("", None)])
        if call
        else ""
    )
    asked_for = f" for {words.shortened(given, limit=80)}" if given else ""
    return f"{name} returned{asked_for}: {_closed(words.shortened(plain(result), limit=4 * _LONG))}"


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else sentence + "."
