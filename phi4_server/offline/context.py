"""Context: tells the passages in a prompt from the question on them. Knows layouts, no framework.

Retrieval prompts differ in wording and agree in layout: passages stand between rules, in tags, under a label,
or after a sentence that announces them; the question stands under a label of its own, or is the user's turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from phi4_server.offline import lexicon, words
from phi4_server.offline.prompt import Conversation

_NOUN = (
    "(?:contexts?|documents?|passages?|sources?|excerpts?|snippets?|paragraphs?|texts?|articles?|notes"
    "|information|contents?|sections?|chapters?|chunks?)"
)
_POINTING = r"(?:following|below|above|these|this|provided|given|retrieved|here (?:are|is))"
_ANNOUNCED = re.compile(
    rf"\b{_POINTING}\b[^.:\n]{{0,150}}\b{_NOUN}\b[^.:\n]{{0,150}}+(?:[.:]|$)"
    rf"|\b{_NOUN}\b[^.:\n]{{0,150}}\b{_POINTING}\b[^.:\n]{{0,150}}+(?:[.:]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_MENTIONED = re.compile(rf"\b{_NOUN}\b", re.IGNORECASE)
_RULED = 5
"""How many signs make a rule, at least."""
_DRAWN = re.compile(rf"([-=*_~])\1{{{_RULED - 1},}}+")
_INSIDE = re.compile(r"[ \w]*")
_TAG = re.compile(rf"<({_NOUN})\b[^<>]*>", re.IGNORECASE)

_ASKS = re.compile(r"[?\uff1f]$")
_REFINED = re.compile(r"\b(?:existing|original|previous) answer\b", re.IGNORECASE)

_CLOSING = re.compile(r"\b(?:summary|keywords|title|answer)\s*:\W*\Z", re.IGNORECASE)
_DEMANDING = re.compile(rf"(?:{'|'.join(sorted(lexicon.IMPERATIVES))})\b|[^.!?]++\?\Z", re.IGNORECASE)
_BEGIN = re.compile(r"(?<=[.!?])\s+")

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
    r"(?:^(?=[^\n:>]{0,80}+[:>])[ \t]*+<?|(?P<inline>(?<=\bthe )))(?:"
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
    tagged = list(_tagged(text))
    if tagged:
        starts, ends = [0, *(end for *_, end in tagged)], [*(start for start, *_ in tagged), len(text)]
        rest = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        return "\n\n".join(inside for _, inside, _ in tagged), "\n".join(rest)
    start, end, rule = _ruled(text)
    if rule and _MENTIONED.search(text, 0, start):
        inside, _, after = text[end:].partition(f"\n{rule}")
        return inside.strip(), f"{text[:start]}\n{after}"
    announced = _ANNOUNCED.search(text)
    if announced is None or any(match["passages"] for match in _LABEL.finditer(text)):
        return "", text
    return _after(text, announced)


def _tagged(text: str) -> Iterator[tuple[int, str, int]]:
    """What stands in tags such as <context>, with where the tags begin and end."""
    place, unclosed = 0, set[str]()
    while opening := _TAG.search(text, place):
        name = opening[1].casefold()
        closes = re.compile(f"</{name}>", re.IGNORECASE)
        closing = None if name in unclosed else closes.search(text, opening.end())
        if closing:
            yield opening.start(), text[opening.end() : closing.start()].strip(), closing.end()
        else:
            unclosed.add(name)
        place = (closing or opening).end()


def _ruled(text: str) -> tuple[int, int, str]:
    """The first rule, such as "-----" or "----- Text -----": its beginning, its line's end, and its signs."""
    end = -1
    for drawn in _DRAWN.finditer(text):
        if drawn.start() > end:  # of those in a line the first counts
            end = text.find("\n", drawn.end())
            end = len(text) if end < 0 else end
            rest = text[drawn.end() : end].rstrip(" \t")
            inside = rest.rstrip(drawn[1])
            if not rest or (len(rest) - len(inside) >= _RULED and _INSIDE.fullmatch(inside)):
                return drawn.start(), end, drawn[0]
    return 0, 0, ""


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
    rest, demand = _demand(text[: closing.start()]) if closing else ("", "")
    return (rest, demand) if demand else (text, "")


def _demand(text: str) -> tuple[str, str]:
    """A text, and the demand that it ends in: a command or a question in its last line; empty for none."""
    before, parted, line = text.rstrip().rpartition("\n")
    first = [len(line) - len(line.lstrip())] if parted else []
    for start in [*first, *(begin.end() for begin in _BEGIN.finditer(line))]:
        if _DEMANDING.match(line, start):
            return f"{before}\n{line[:start]}".strip(), line[start:]
    return text, ""


def _parted(passages: str) -> tuple[str, str]:
    """Passages that end in a question, or in a demand in a paragraph of its own, without it; and that."""
    text, _, line = passages.rstrip().rpartition("\n")
    last = line.strip()
    demands = text.endswith("\n") and bool(_demand(f"\n{last}")[1])
    return (text.strip(), last) if text.strip() and (demands or _ASKS.search(last)) else (passages, "")


def _before_announcement(text: str) -> str:
    announced = _ANNOUNCED.search(text)
    return text[: text.rfind("\n", 0, announced.start()) + 1].strip() if announced else text
