"""The answer to a chat: the first skill that has one gives it. Knows the skills, and holds the short ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from phi4_server.model import Message
from phi4_server.offline import (
    agents,
    context,
    files,
    json_form,
    media_answers,
    memory,
    prompt,
    results,
    search,
    tool_choice,
    tools,
    words,
)
from phi4_server.offline.context import Brief
from phi4_server.offline.fill import Facts, fill
from phi4_server.offline.measured import MeasuredImage
from phi4_server.offline.media_answers import Measured
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.tools import Call

NATURE = (
    "The offline model of phi4-space: not Phi-4, without weights, and deterministic. It answers from the"
    " text, pictures and sounds it is given, calls tools and fills in JSON, all by rule."
)
"""What this model is and is not, in a sentence or two."""

_UNKNOWN = "I don't know: the context does not say."
_WHO = re.compile(
    r"\b(?:who|what) are you\b|\b(?:what['\u2019]?s|what is) your name\b"
    r"|\b(?:what|which) (?:ai |language )?model (?:are you|is this|am i)\b"
    r"|\bare you (?:an? |really |the )?(?:phi\S*|ai|(?:chat)?bot|robot|human|real|(?:language )?model)\b"
    r"|\b(?:introduce|describe) yourself\b|\babout yourself\b|\bwhat can you do\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks?|thank you|bye|goodbye)\b", re.IGNORECASE
)
_SOURCE = re.compile(r"^[^\w\n]{0,9}source (\d+):", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """What a skill may look at.

    Attributes:
        chat: All that was said, as the Space keeps it.
        talk: The same, as a conversation.
        opened: The files that its end is about.
    """

    chat: Sequence[Message]
    talk: Conversation
    opened: Sequence[Measured]

    @cached_property
    def calls(self) -> list[Call]:
        """The calls of tools that are wanted now."""
        return tool_choice.wanted(self.talk)

    @cached_property
    def brief(self) -> Brief:
        """What is asked, and the passages to answer from."""
        return context.brief(self.talk)

    def asking(self, text: str) -> Request:
        """The same, with other words in the user's last turn."""
        return Request(self.chat, self.talk.asking(text), self.opened)


def reply(chat: Sequence[Message]) -> str:
    """The answer to a chat's last entry, whole.

    Raises:
        ValueError: A file of it is no image or audio, or is broken; or its texts are too long, or nested too
            deep.
    """
    try:
        return _reply(chat)
    except RecursionError:
        raise ValueError("The JSON in this chat is nested too deep for the offline model.") from None


def _reply(chat: Sequence[Message]) -> str:
    talk = prompt.read(chat)
    opened = files.of_turn(chat, talk)
    react = agents.react(talk)
    if react is None:
        return _first(SKILLS, Request(chat, talk, opened))
    request = Request(chat, react, opened)
    return agents.called(request.calls) if request.calls else agents.answered(_first(IN_WORDS, request))


def _first(skills: Sequence[Callable[[Request], str | None]], request: Request) -> str:
    return next(answer for skill in skills if (answer := skill(request)))


# --- the skills ------------------------------------------------------------------------------------------


def _call(request: Request) -> str | None:
    """The calls of tools that are wanted now."""
    return tools.written(request.calls) if request.calls else None


def _fill(request: Request) -> str | None:
    """A JSON value, where one is asked for: from what was asked and returned."""
    form = json_form.form(request.talk)
    if form is None:
        return None
    schema, text = form
    if schema is None:
        return json.dumps({"answer": _first(IN_WORDS, request.asking(text))}, ensure_ascii=False)
    returned = [results.plain(turn.text) for turn in request.talk.since if turn.role == "tool"]
    filled = fill(schema, "\n".join([text, *returned]), facts=_facts(request))
    return json.dumps(filled.value, ensure_ascii=False)


def _facts(request: Request) -> Facts:
    """What is known beside what was said, under what it is called."""
    read, brief = _read(request.brief), request.brief
    known = {"answer": read, "response": read, "question": brief.question} if read else {}
    images = [file for file in request.opened if isinstance(file, MeasuredImage)]
    return {**known, **(media_answers.facts(images[0]) if images else {})}


def _report(request: Request) -> str | None:
    """What tools returned, and what is in the files that they returned."""
    if not any(turn.role == "tool" for turn in request.talk.since):
        return None
    opened, asked = request.opened, request.talk.asked
    measures = (
        (media_answers.answer(opened, asked) or media_answers.description(opened, asked)) if opened else ""
    )
    return " ".join(filter(None, [results.report(request.talk), measures]))


def _repeat(request: Request) -> str | None:
    """The question as it is, where it shall be put so that it stands alone."""
    return words.shortened(request.brief.question, limit=2000) if request.brief.standalone else None


def _introduce(request: Request) -> str | None:
    """What this is, where that is asked."""
    return f"I am {NATURE[:1].lower()}{NATURE[1:]}" if _WHO.search(request.brief.question) else None


def _answer_from_files(request: Request) -> str | None:
    """What files answer to a question, or else passages beside them; what the files are, if neither does."""
    if not request.opened:
        return None
    opened, question = request.opened, request.brief.question
    answer = media_answers.answer(opened, question) or _read(request.brief)
    return answer if answer and answer != _UNKNOWN else media_answers.description(opened, question)


def _read_passages(request: Request) -> str | None:
    """What passages say to a question."""
    return None if _GREETING.search(request.brief.question) else _read(request.brief)


def _answer_from_earlier_files(request: Request) -> str | None:
    """What files sent earlier say to a question on them."""
    earlier = files.of_chat(request.chat)
    return media_answers.answer(earlier, request.talk.asked) if earlier else None


def _excuse(request: Request) -> str:
    """What is left to say: what this is not, and what was asked."""
    question = words.shortened(request.brief.question)
    if not question:
        return "You sent no words. I am the offline model of phi4-space: ask on a text, picture or sound."
    if _GREETING.search(question):
        return f"Hello, I am the offline model of phi4-space. You said: “{question}”"
    return (
        "I can't answer that: I am the offline model of phi4-space, with no weights and no knowledge of the"
        f" world. You asked: “{question}”"
    )


IN_WORDS: Sequence[Callable[[Request], str | None]] = (
    _report,
    _repeat,
    _introduce,
    _answer_from_files,
    _read_passages,
    lambda request: memory.recall(request.talk),
    _answer_from_earlier_files,
    lambda request: memory.noted(request.talk),
    _excuse,
)
"""The skills that answer in words, in the order in which they are tried; the last always does."""
SKILLS = (_call, _fill, *IN_WORDS)
"""All skills, likewise."""


def _read(brief: Brief) -> str | None:
    """What passages say to what is asked of them; None where there are none."""
    if not brief.passages:
        return None
    found = search.find(brief.question, brief.passages)
    if found is None:
        return brief.existing or _UNKNOWN
    return _cited(found, brief.passages) if brief.cited else found


def _cited(sentence: str, passages: str) -> str:
    """A sentence with the number of its source behind it."""
    numbers = _SOURCE.findall(passages[: passages.find(sentence)])
    return f"{sentence} [{numbers[-1]}]" if numbers else sentence
