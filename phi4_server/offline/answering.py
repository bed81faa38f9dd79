"""Answering: chooses which skill answers a chat. Knows the skills, not how any of them works."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from phi4_server.model import Said
from phi4_server.offline import (
    calling,
    captioning,
    context,
    effort,
    formatting,
    gleaning,
    hearing,
    pointing,
    prompt,
    reacting,
    reading,
    receiving,
    remembering,
    reporting,
    seeing,
    tools,
    words,
)
from phi4_server.offline.context import Brief
from phi4_server.offline.filling import fill
from phi4_server.offline.formatting import Form
from phi4_server.offline.hearing import EAR
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.receiving import Received
from phi4_server.offline.scene import Value
from phi4_server.offline.seeing import SIGHT

NATURE = (
    "The rehearsal model of phi4-space: not Phi-4, without weights and deterministic. It answers from the"
    " text, pictures and sounds it is given, calls tools and fills in JSON, all by rule."
)
"""What this model is and is not, in a sentence or two."""

_LONGEST = 100_000
"""How many characters an answer has at most."""
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
_SHOWN = re.compile(rf"\b(?:{SIGHT.nouns}|{EAR.nouns}|it|its|this|that|file)\b", re.IGNORECASE)


def reply(chat: Sequence[Said]) -> str:
    """The answer to a chat's last entry, whole.

    Raises:
        ValueError: A file of it is no picture or sound, or is broken; or its texts are too long, nested too
            deep, or ask for too much work.
    """
    try:
        with effort.limited():
            answer = _reply(chat)
    except RecursionError:
        raise ValueError("The JSON in this chat is nested too deep for the rehearsal model.") from None
    if len(answer) > _LONGEST:
        raise ValueError(
            f"The answer would have {len(answer):,} characters; the rehearsal model gives {_LONGEST:,} at"
            " most. Ask for less."
        )
    return answer


def _reply(chat: Sequence[Said]) -> str:
    talk = prompt.read(chat)
    shown = receiving.shown(chat, captioning.pointed(talk))
    acting = reacting.read(talk)
    if acting is not None:
        calls = calling.wanted(acting.talk).calls
        return acting.called(calls) if calls else acting.answered(_said(chat, acting.talk, shown))
    wanted = calling.wanted(talk)
    if wanted.calls:
        return tools.written(wanted.calls)
    if form := formatting.form(talk):
        return json.dumps(_formed(form, chat, talk, shown), ensure_ascii=False)
    if wanted.lacks:
        tool, missing = wanted.lacks
        named = words.listed([words.spelled(name) for name in missing])
        return f"Please tell me the {named}: {tool.name} needs it."
    return _said(chat, talk, shown)


def _formed(form: Form, chat: Sequence[Said], talk: Conversation, shown: Received) -> object:
    """The answer as a JSON value, from what was asked and returned, or else from all that was said."""
    if form.schema is None:
        return {"answer": _said(chat, talk.asking(form.text), shown)}
    results = [reporting.plain(turn.text) for turn in talk.since if turn.role == "tool"]
    filled = fill(form.schema, "\n".join([form.text, *results]), facts=_facts(talk, shown))
    if not filled.found:
        said = [turn.text for turn in talk.before if turn.role == "user"]
        filled = fill(form.schema, "\n".join([*said, form.text]))
    return filled.value


def _facts(talk: Conversation, shown: Received) -> dict[str, Value]:
    """What is known beside what was said, under what it is called."""
    brief = context.brief(talk)
    read = reading.answer(brief)
    known: dict[str, Value] = {"answer": read, "response": read, "question": brief.question} if read else {}
    for each in shown.pictures[:1]:
        known |= seeing.facts(each)
    for heard in shown.sounds[:1]:
        known |= hearing.facts(heard)
    return known


def _said(chat: Sequence[Said], talk: Conversation, shown: Received) -> str:
    """The answer in words, by the first skill that has one."""
    if any(turn.role == "tool" for turn in talk.since):
        seen = _sensed(shown, talk.asked) or _described(shown, talk.asked)
        return " ".join(filter(None, [reporting.report(talk), seen]))
    brief = context.brief(talk)
    if brief.standalone:
        return reading.standalone(brief, talk) or _excuse("")
    if _WHO.search(brief.question):
        return f"I am {words.lowered(NATURE)}"
    if shown:
        return _on_files(_in_view(shown, chat, brief.question), brief)
    if brief.passages and not _GREETING.search(brief.question):
        return _on_passages(brief, talk)
    return (
        remembering.recall(talk)
        or _on_earlier(chat, talk)
        or remembering.noted(talk)
        or _excuse(brief.question)
    )


def _on_passages(brief: Brief, talk: Conversation) -> str:
    """What passages say to a question, or else what the user said before."""
    read = reading.answer(brief) or reading.UNKNOWN
    recalled = remembering.recall(talk.asking(brief.question), among_users=True)
    return recalled if recalled and read == reading.UNKNOWN else read


def _in_view(shown: Received, chat: Sequence[Said], asked: str) -> Received:
    """The files that a question's numbers count: those shown, or all ever sent where they lack a number."""
    lack = [
        pointing.absent(asked, nouns=sense.nouns, count=count) is not None
        for sense, count in ((SIGHT, len(shown.pictures)), (EAR, len(shown.sounds)))
        if count
    ]
    return receiving.every(chat) if any(lack) else shown


def _on_files(shown: Received, brief: Brief) -> str:
    """What files say to a question, and what a text beside them says; what they are where neither answers."""
    read = reading.answer(brief)
    told = list(filter(None, [_sensed(shown, brief.question), read if read != reading.UNKNOWN else None]))
    return " ".join(told) if told else _described(shown, brief.question)


def _sensed(shown: Received, asked: str) -> str | None:
    seen = SIGHT.answer(shown.pictures, asked) if shown.pictures else None
    heard = EAR.answer(shown.sounds, asked) if shown.sounds else None
    return " ".join(filter(None, [seen, heard])) or None


def _described(shown: Received, asked: str) -> str:
    told = [SIGHT.description(shown.pictures, asked)] if shown.pictures else []
    return " ".join([*told, *([EAR.description(shown.sounds, asked)] if shown.sounds else [])])


def _on_earlier(chat: Sequence[Said], talk: Conversation) -> str | None:
    """What files sent earlier say to a question on them; the latest, where no number says otherwise."""
    sent = [said.files for said in chat if said.files]
    if not sent:
        return None
    named = any(find.sort == "name" for find in gleaning.glean(talk.asked))
    if named and not _SHOWN.search(talk.asked):
        return None
    return _sensed(_in_view(receiving.opened(sent[-1]), chat, talk.asked), talk.asked)


def _excuse(asked: str) -> str:
    """What is left to say: what this is not, and what was asked."""
    said = words.shortened(asked)
    if not said:
        return "You sent no words. I am the rehearsal model of phi4-space: ask on a text, picture or sound."
    if _GREETING.search(said):
        return f"Hello, I am the rehearsal model of phi4-space. You said: “{said}”"
    return (
        "I can't answer that: I am the rehearsal model of phi4-space, with no weights and no knowledge of the"
        f" world. You asked: “{said}”"
    )
