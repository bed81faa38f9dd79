"""Calling: which tools a conversation wants called next, and with what. Knows no markup.

What the user asks is parted into steps, one call each; how many calls were made since tells which are left.
Steps that need no result of an earlier one are called together; one that does waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from phi4_server.offline import choosing, context, handing, reporting, words
from phi4_server.offline.choosing import Choice
from phi4_server.offline.filling import Filled, fill
from phi4_server.offline.gleaning import Spans, glean
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.tools import Call, Tool

_FORCED = re.compile(
    r"\b(?:you )?must (?:call|use) (?:the )?(?:tool|function)\s+[`\"'«]?([\w.-]*\w)", re.IGNORECASE
)
_ANY = re.compile(
    r"\bmust (?:call|use) (?:at least one|an?y?|one)(?: of the)? (?:tool|function)s?\b", re.IGNORECASE
)
_NONE = re.compile(
    r"\b(?:do not|don't|must not|never) (?:call|use) (?:an?y? |the )?(?:tool|function)s?\b", re.IGNORECASE
)
_PART = re.compile(
    r"(?<=[.!?;])\s+|\n+|[,;]?\s{1,9}(?:and then|and also|then|and|also|as well as|after that,?)\s+|,\s+",
    re.IGNORECASE,
)
_RESULT = re.compile(
    r"\b(?:the|that|this|its|their)\s+(?:result|answer|output|outcome|sum|product|total|difference|quotient"
    r"|number|value)\b|\b(?:it|its|that|them|this)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_THERE = re.compile(r"\b(?:there|same)\b", re.IGNORECASE)
_FEW = 4
_MOST = 40
"""Into how many parts a text is parted, and how many of the tools that fit it are tried."""
_BEFORE = 2000
"""How much of what stands before a step counts."""
_WHOLE = frozenset({"quoted", "said", "name", "date", "url"})


@dataclass(frozen=True, slots=True)
class Step:
    """One call that a text wants.

    Attributes:
        tool: The tool.
        text: What is asked of it.
        before: What stands before that.
        filled: Its arguments, as far as its own text tells them.
    """

    tool: Tool
    text: str
    before: str
    filled: Filled

    @classmethod
    def of(cls, tool: Tool, text: str, *, before: str = "") -> Step:
        """A step, filled from its text; where that says "there", from what stands before too."""
        filled = _fill(tool, text)
        if filled.missing and before and _THERE.search(text):
            fuller = _fill(tool, f"{before} {text}")
            filled = filled if fuller.missing else fuller
        return cls(tool, text, before, filled)

    @property
    def waits(self) -> bool:
        """Whether it lacks something that the result before it may be."""
        return bool(self.filled.missing) and bool(self.before)

    def call(self, result: str) -> Call:
        """The call, with what it lacks taken from the last result."""
        if not (self.waits and result):
            return Call(self.tool.name, self.filled.value)
        told = _new(result, self.before)
        text, count = _RESULT.subn(lambda _: told, self.text, count=1)
        return Call(self.tool.name, _fill(self.tool, text if count else f"{told} {self.text}").value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done with the tools.

    Attributes:
        calls: The calls to be made now.
        lacks: A tool that is wanted, with the names of what nobody told it; only where no call is made.
    """

    calls: tuple[Call, ...] = ()
    lacks: tuple[Tool, tuple[str, ...]] | None = None


def wanted(talk: Conversation) -> Wanted:
    """What the conversation's end wants of its tools; nothing where it wants none."""
    asked, orders = _ordered(talk)
    forced = frozenset(_FORCED.findall(orders))
    offered = tuple(map(handing.choosing, talk.tools))
    named = tuple(tool for tool in offered if tool.name in forced)
    if not offered or _NONE.search(orders):
        return Wanted()
    results = [turn.text for turn in talk.since if turn.role == "tool" and not handing.is_over(turn.text)]
    has_failed = bool(results) and reporting.failed(results[-1])
    must = bool(named or _ANY.search(orders))
    steps = [] if has_failed else _plan(asked, named or offered, sure=len(named) == 1, must=must)
    left, has_begun = _left(steps, talk)
    calls = tuple(_next(left, results[-1] if results else ""))
    if must and not calls:
        return Wanted((_demanded("\n".join([asked, *results]), named or offered, talk),))
    if calls and not has_begun and not must and left[0].filled.missing:
        return Wanted(lacks=(left[0].tool, left[0].filled.missing))
    return Wanted(calls)


def _left(steps: Sequence[Step], talk: Conversation) -> tuple[Sequence[Step], bool]:
    """The steps that are left to do, and whether any was done since the user's last turn.

    Whoever took over the request does what is left of it by their own tools, and hands it on no further.
    """
    place = handing.taken_over(talk.since)
    before, since = talk.since[:place], talk.since[place:]
    called = {call.name for turn in before for call in turn.calls}
    own = [step for step in steps if step.tool.name not in called]
    done = sum(len(turn.calls) for turn in since) or sum(turn.role == "tool" for turn in since)
    return own[done:], bool(done)


def _ordered(talk: Conversation) -> tuple[str, str]:
    """What the user asked, and the orders on calling; a last turn that only orders counts among these."""
    said = [turn.text for turn in talk.turns if turn.role == "user"]
    passages, rest = context.parted(talk.system)
    # where nothing tells the passages' end, an order may stand behind them
    orders = talk.system if talk.system.endswith(passages) else rest
    while len(said) > 1 and (_FORCED.match(said[-1]) or _ANY.match(said[-1])):
        orders += "\n" + said.pop()
    brief = context.brief(talk.asking(said[-1] if said else ""))
    return brief.question, orders


def _next(steps: Sequence[Step], result: str) -> Iterator[Call]:
    for place, step in enumerate(steps):
        if place and step.waits:
            return
        yield step.call(result)


def _demanded(text: str, among: Sequence[Tool], talk: Conversation) -> Call:
    """The call that fits best where one must be made: of a tool not called yet, if there is one."""
    called = [call.name for turn in talk.since for call in turn.calls]
    before = frozenset(called)
    fresh = [tool for tool in among if tool.name not in before] or [
        tool for tool in among if tool.name in called[-1:]
    ]
    fits = enumerate(Choice(fresh or among).fits(text))
    best = sorted(fits, key=lambda item: -item[1][0])[:_MOST]
    _, _, tool = max((fit - len(_fill(tool, text).missing), -place, tool) for place, (fit, tool) in best)
    return Call(tool.name, _fill(tool, text).value)


def _plan(text: str, offered: Sequence[Tool], *, sure: bool, must: bool) -> list[Step]:
    """The steps that a text wants, in its order; where it is sure which tool it wants, at least one.

    Where a call must be made, a tool for which the text has everything goes before one that fits better.
    """
    choice = Choice(offered)
    steps: list[Step] = []
    begun = 0
    for start, end in _parts(text):
        part = text[start:end]
        before = text[max(start - _BEFORE, 0) : start] if steps else ""
        fitting = [Step.of(tool, part, before=before) for tool in choice.wanted(part)[:_MOST]]
        if must:
            fitting.sort(key=lambda step: bool(step.filled.missing))
        step = _step(fitting, part, steps[-1] if steps else None)
        if sure and not steps:
            step = Step.of(offered[0], part)
        if step is None and steps:
            steps[-1] = Step.of(steps[-1].tool, text[begun:end], before=steps[-1].before)
        elif step is not None:
            begun = start if steps else 0
            steps.append(step if steps else Step.of(step.tool, text[:end]))
    return _distinct(steps)


def _step(fitting: Sequence[Step], part: str, last: Step | None) -> Step | None:
    """The step that a part of the text begins, of those that fit it; None where it only goes on."""
    for step in fitting:
        if last is None or step.tool is not last.tool or not step.filled.missing:
            return step
    if last is None or last.filled.missing or not _stands_alone(part):
        return None
    # what the last step still has a place for belongs to it
    again, fuller = Step.of(last.tool, part), _fill(last.tool, f"{last.text} {part}")
    is_new = again.filled.found and not again.filled.missing and fuller.found <= last.filled.found
    return again if is_new else None


def _stands_alone(part: str) -> bool:
    """Whether a part is no more than another value of the same kind, as in "... and in Rome"."""
    said = words.tokens(part)
    return len(said) <= _FEW and bool(glean(f"… {part}"))


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text between its first conjunctions, quotations kept whole."""
    quoted = Spans(find for find in glean(text) if find.sort in _WHOLE)
    start = 0
    for match in islice(_PART.finditer(text), _MOST):
        if not quoted.hold(match.start() - 1, match.start() + 1):
            yield start, match.start()
            start = match.end()
    yield start, len(text)


def _distinct(steps: list[Step]) -> list[Step]:
    kept: list[Step] = []
    for step in steps:
        if not any(step.tool is other.tool and step.filled.value == other.filled.value for other in kept):
            kept.append(step)
    return kept


def _fill(tool: Tool, text: str) -> Filled:
    schema = {"type": "object", **tool.parameters}
    return fill(schema, text, but=choosing.named(tool))


def _new(result: str, asked: str) -> str:
    """A result without the words that were there before: of a sentence, what it adds."""
    plain = reporting.plain(result)
    known = frozenset(words.tokens(asked))
    if len(words.tokens(plain)) <= _FEW:
        return plain
    return _WORD.sub(lambda match: "" if match[0].casefold() in known else match[0], plain)
