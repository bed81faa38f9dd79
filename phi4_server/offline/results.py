"""What tools returned, said in sentences. Knows no schema."""

from __future__ import annotations

import re
from typing import Any

from phi4_server.offline import agents, words
from phi4_server.offline.prompt import Conversation, Turn
from phi4_server.offline.tools import Call, loaded

_FAILED = re.compile(r"^\W*(?:\w+ ?)?(?:error|exception|failed|failure|traceback)\b", re.IGNORECASE)
_LONG = 300
_NOUNS = {"image": "a picture", "audio": "a sound", "file": "a file"}


def failed(result: str) -> bool:
    """Whether a result tells of a failure."""
    value = loaded(result)
    return bool(value.get("error")) if isinstance(value, dict) else bool(_FAILED.search(result))


def plain(result: str) -> str:
    """A result in words: JSON as its values with their names."""
    return _in_words(loaded(result)) or " ".join(result.split())


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{words.spelled(str(name))} {_in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return words.listed([_in_words(item) for item in value])
    return "" if value is None else str(value)


def report(talk: Conversation) -> str:
    """What the tools returned since the user's last turn, one sentence for each result.

    That the request was handed over does not concern the user.
    """
    sentences: list[str] = []
    calls: tuple[Call, ...] = ()
    answered = 0
    for turn in talk.since:
        if turn.role == "tool":
            answered += 1
            call = calls[(turn.answers or answered) - 1 :][:1]
            sentences += [] if agents.is_handed_over(turn.text) else [_one(turn, *call)]
        elif turn.calls:
            calls, answered = turn.calls, 0
    return " ".join(sentences)


def _one(turn: Turn, call: Call | None = None) -> str:
    name, result = call.name if call else "The tool", turn.text
    if failed(result):
        return f"{name} did not work: {words.closed(words.shortened(plain(result)))}"
    if not result.strip():
        return f"{name} returned {words.listed([_NOUNS[kind] for kind, _ in turn.marks]) or 'nothing'}."
    arguments = [text for value in call.arguments.values() if (text := _in_words(value))] if call else []
    asked_for = f" for {words.shortened(words.listed(arguments), limit=80)}" if arguments else ""
    return f"{name} returned{asked_for}: {words.closed(words.shortened(plain(result), limit=4 * _LONG))}"
