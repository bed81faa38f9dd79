"""Context: tells the passages in a prompt from the question on them. Knows layouts, no framework.

Retrieval prompts differ in wording and agree in layout: passages stand between rules, in tags, under a label,
or after a sentence that announces them; the question stands under a label of its own, or is the user's turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from phi4_server.offline import lexicon, words
from phi4_server.offline.prompt import Conversation

_NOUN = (
    "(?:contexts?|documents?|passages?|sources?|excerpts?|snippets?|paragraphs?|texts?|articles?|notes"
    "|information|contents?|sections?|chapters?|chunks?)"
)
_POINTING = r"(?:following|below|above|these|this|provided|given|retrieved|here (?:are|is))"
_ANNOUNCED = re.compile(
    rf"\b{_POINTING}\b[^.:\n]{{0,150}}\b{_NOUN}\b[^.:\n]{{0,150}}(?:[.:]|$)|\b{_NOUN}\b[^.:\n]{{0,150}}\b{_POINTING}\b[^.:\n]{{0,150}}(?:[.:]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_RULE = re.compile(r"(?P<rule>([-=*_~])\2{4,})(?:[ \w]*\2{5,})?[ \t]*$", re.MULTILINE)
_TAGGED = re.compile(rf"<({_NOUN})\b[^<>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)

_ASKS = re.compile(r"[?\uff1f]$")
_REFINED = re.compile(r"\b(?:existing|original|previous) answer\b", re.IGNORECASE)

_CLOSING = re.compile(r"\b(?:summary|keywords|title|answer)\s*:\W*\Z", re.IGNORECASE)
_DEMAND = re.compile(
    rf"(?:(?<=[.!?])\s+|\n\s*)((?:{'|'.join(sorted(lexicon.IMPERATIVES))})\b[^\n]*?|[^\n.!?]+\?)\s*\Z",
    re.IGNORECASE,
)

_LABELS = {
    "existing": r"(?:we have provided an? )?(?:existing|original|previous) answer",
    "standalone": r"standalone (?:question|query|message)",
    "question": r"(?:(?:original|user|new|latest|follow[- ]?up) )?(?:question|query|input|message|task)",
    "passages": rf"(?:(?:new|relevant|retrieved) )?{_NOUN}",
    "history": r"(?:chat|conversation|dialogue) history|conversation",
    "answer": r"(?:\w+ )?(?:answer|summary|response|keywords)",
    "instruction": r"instructions?",
}
_LABEL = re.compile(
    r"(?:^[ \t]*<?|(?P<inline>(?<=\bthe )))(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _LABELS.items())
    + r")(?: is as follows)?[ \t]*(?::|(?<=\w)>)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a prompt wants done with the passages it gives.

    Attributes:
        question: What is asked of them; where none are given, all that is asked.
        passages: The text to answer from; empty where none is given.
        existing: An answer so far, to be kept where the passages do not better it.
        history: What was said before, as the prompt quotes it.
        instruction: All the rest that the prompt says.
        standalone: Whether the question shall be put so that it stands alone, not answered.
    """

    question: str
    passages: str = ""
    existing: str = ""
    history: str = ""
    instruction: str = ""
    standalone: bool = False


def brief(talk: Conversation) -> Brief:
    """What the conversation's end asks, and the passages that it or the system gives for it."""
    own = _read(talk.asked)
    if own.passages or own.standalone:
        return _refining(own, talk)
    given = _read(talk.system)
    return replace(given, question=talk.asked) if given.passages or given.standalone else own


def _refining(own: Brief, talk: Conversation) -> Brief:
    """The brief, with question and answer taken from the turns before where it only says to refine them."""
    said = {turn.role: turn.text for turn in talk.before}
    if own.existing or "assistant" not in said or not _REFINED.search(own.instruction):
        return own
    return replace(own, question=said.get("user", own.question), existing=said["assistant"])


def parted(text: str) -> tuple[str, str]:
    """The passages that a text gives, wherever they stand in it, and the rest of it."""
    passages, rest = _cut(text)
    labelled = "" if passages else _labelled(rest).get("passages", "")
    return passages or labelled, rest.replace(labelled, "\n", 1) if labelled else rest


def _read(text: str) -> Brief:
    passages, rest = _cut(text)
    parts = _labelled(rest)
    around = parts.get("", rest)
    given = passages or parts.get("passages", "")
    inside, demand = _closed(given or text)
    passages = inside if given or demand else ""
    question = parts.get("question") or demand or (_question(around) if passages else text)
    if passages and not question:
        passages, question = _parted(passages)
    return Brief(
        question=question,
        passages=passages,
        existing=_before_announcement(parts.get("existing", "")),
        history=parts.get("history", ""),
        instruction=" ".join(filter(None, [around, parts.get("instruction", "")])),
        standalone="standalone" in text.casefold(),
    )


def _cut(text: str) -> tuple[str, str]:
    """The passages of a text and the rest of it; passages under a label stay in the rest."""
    tagged = [match[2].strip() for match in _TAGGED.finditer(text)] if "</" in text else []
    if tagged:
        return "\n\n".join(tagged), _TAGGED.sub("\n", text)
    rule = _RULE.search(text)
    if rule and re.search(rf"\b{_NOUN}\b", text[: rule.start()], re.IGNORECASE):
        inside, _, after = text[rule.end() :].partition("\n" + rule["rule"])
        return inside.strip(), f"{text[: rule.start()]}\n{after}"
    announced = _ANNOUNCED.search(text)
    if announced is None or any(match["passages"] for match in _LABEL.finditer(text)):
        return "", text
    return _after(text, announced)


def _after(text: str, announced: re.Match[str]) -> tuple[str, str]:
    """The passages after the sentence that announces them, up to the next label, and the rest."""
    start = announced.end()
    if not announced[0].endswith(":"):
        start = (text + "\n").find("\n", start)
    label = _LABEL.search(text, start)
    end = label.start() if label else len(text)
    return text[start:end].strip(), f"{text[:start]}\n{text[end:]}"


def _labelled(text: str) -> dict[str, str]:
    """What stands under each label; the last one counts. What stands under none is under ""."""
    found = list(_LABEL.finditer(text))
    parts = {"": text[: found[0].start()] if found else text}
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=False):
        body = text[match.end() : end].strip()
        if body and match.lastgroup:
            parts[match.lastgroup] = body.strip("'\"") if match["inline"] is not None else body
    return parts


def _question(around: str) -> str:
    """The question among the words around the passages: the last that ends as one, else what they demand."""
    said = words.sentences(around)
    asked = [sentence for sentence in said if _ASKS.search(sentence)]
    demands = [sentence for sentence in said if not _ANNOUNCED.search(sentence)]
    return (asked or demands or [""])[-1]


def _closed(text: str) -> tuple[str, str]:
    """A text that ends in what it demands and in a label for that, without both, and the demand."""
    closing = _CLOSING.search(text)
    demand = _DEMAND.search(text, 0, closing.start()) if closing else None
    return (text[: demand.start()].strip(), demand[1]) if demand else (text, "")


def _parted(passages: str) -> tuple[str, str]:
    """Passages that end in a question, or in a demand in a paragraph of its own, without it; and that."""
    text, _, line = passages.rstrip().rpartition("\n")
    last = line.strip()
    demands = text.endswith("\n") and bool(_DEMAND.search(f"\n{last}"))
    return (text.strip(), last) if text.strip() and (demands or _ASKS.search(last)) else (passages, "")


def _before_announcement(text: str) -> str:
    announced = _ANNOUNCED.search(text)
    return text[: text.rfind("\n", 0, announced.start()) + 1].strip() if announced else text
