"""The context that a prompt gives: its passages, and the question on them. Knows layouts, no framework.

Retrieval prompts differ in wording and agree in layout: passages stand between rules, in tags, under a label,
or after a sentence that announces them; the question stands under a label of its own, or is the user's turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from phi4_server.offline import words
from phi4_server.offline.prompt import Conversation

_NOUN = "(?:contexts?|documents?|passages?|sources?|excerpts?|texts?|articles?|notes|information|contents?)"
_POINTING = r"(?:following|below|above|these|this|provided|given|retrieved|here (?:are|is))"
_ANNOUNCED = re.compile(
    rf"\b{_POINTING}\b[^.:\n]{{0,150}}\b{_NOUN}\b[^.:\n]{{0,150}}+(?:[.:]|$)"
    rf"|\b{_NOUN}\b[^.:\n]{{0,150}}\b{_POINTING}\b[^.:\n]{{0,150}}+(?:[.:]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_MENTIONED = re.compile(rf"\b{_NOUN}\b", re.IGNORECASE)
_RULE = re.compile(r"^(?:-{5,}|={5,}|\*{5,}|_{5,}|~{5,})[^\n]*$", re.MULTILINE)
_TAG = re.compile(rf"<({_NOUN})\b[^<>]*>", re.IGNORECASE)
_LABELS = {
    "question": r"(?:(?:original|user|new|latest|follow[- ]?up) )?(?:question|query|input|message)",
    "standalone": r"standalone (?:question|query|message)",
    "passages": rf"(?:(?:new|relevant|retrieved) )?{_NOUN}",
    "existing": r"(?:existing|original|previous) answer",
    "other": r"(?:\w+ )?(?:answer|history)|instructions?",
}
_LABEL = re.compile(
    r"^[ \t]*+<?(?:"
    + "|".join(f"(?P<{name}>{label})" for name, label in _LABELS.items())
    + r")[ \t]*(?::|(?<=\w)>)",
    re.IGNORECASE | re.MULTILINE,
)
_CITED = re.compile(r"\bcit(?:e|ation)\b", re.IGNORECASE)
_ASKS = re.compile(r"[?\uff1f]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a prompt wants done with the passages it gives.

    Attributes:
        question: What is asked of them; where none are given, all that is asked.
        passages: The text to answer from; empty where none is given.
        existing: An answer so far, to be kept where the passages have none.
        cited: Whether the answer shall name the numbers of its sources.
        standalone: Whether the question shall be put so that it stands alone, not answered.
    """

    question: str
    passages: str = ""
    existing: str = ""
    cited: bool = False
    standalone: bool = False


def brief(talk: Conversation) -> Brief:
    """What the conversation's end asks, and the passages that it or the system gives for it."""
    own = _read(talk.asked)
    if own.passages or own.standalone:
        return own
    given = _read(talk.system)
    return replace(given, question=talk.asked) if given.passages or given.standalone else own


def parted(text: str) -> tuple[str, str]:
    """The passages that a text gives, wherever they stand in it, and the rest of it."""
    passages, rest = _cut(text)
    labelled = "" if passages else _labelled(rest).get("passages", "")
    return passages or labelled, rest.replace(labelled, "\n", 1) if labelled else rest


def _read(text: str) -> Brief:
    passages, rest = _cut(text)
    parts = _labelled(rest)
    passages = passages or parts.get("passages", "")
    question = parts.get("question") or (_question(parts[""]) if passages else text)
    if passages and not question:
        before, _, last = passages.rstrip().rpartition("\n")
        passages, question = (before.strip(), last.strip()) if _ASKS.search(last) else (passages, "")
    return Brief(
        question=question,
        passages=passages,
        existing=parts.get("existing", ""),
        cited=bool(_CITED.search(text)),
        standalone="standalone" in text.casefold(),
    )


def _cut(text: str) -> tuple[str, str]:
    """The passages of a text and the rest of it; passages under a label stay in the rest."""
    if opening := _TAG.search(text):
        end = text.casefold().rfind(f"</{opening[1].casefold()}>")
        if end > opening.end():
            return text[
                opening.end() : end
            ].strip(), f"{text[: opening.start()]}\n{text[end + 3 + len(opening[1]) :]}"
    rule = _RULE.search(text)
    if rule and _MENTIONED.search(text, 0, rule.start()):
        closing = _RULE.search(text, rule.end())
        start, end = closing.span() if closing else (len(text), len(text))
        return text[rule.end() : start].strip(), f"{text[: rule.start()]}\n{text[end:]}"
    announced = _ANNOUNCED.search(text)
    if announced is None or any(match["passages"] for match in _LABEL.finditer(text)):
        return "", text
    start = announced.end() if announced[0].endswith(":") else (text + "\n").find("\n", announced.end())
    label = _LABEL.search(text, start)
    end = label.start() if label else len(text)
    return text[start:end].strip(), f"{text[:start]}\n{text[end:]}"


def _labelled(text: str) -> dict[str, str]:
    """What stands under each label; the last one counts. What stands under none is under ""."""
    found = list(_LABEL.finditer(text))
    parts = {"": text[: found[0].start()] if found else text}
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=False):
        if (body := text[match.end() : end].strip()) and match.lastgroup:
            parts[match.lastgroup] = body
    return parts


def _question(around: str) -> str:
    """The question among the words around the passages: the last that ends as one, else what they demand."""
    among = words.sentences(around)
    asked = [sentence for sentence in among if _ASKS.search(sentence)]
    demands = [sentence for sentence in among if not _ANNOUNCED.search(sentence)]
    return (asked or demands or [""])[-1]
