"""Which tools a conversation wants called next, and with what. Knows no markup.

What the user asks is parted into steps, one call each; how many calls were made since tells which are left.
Steps that need no result of an earlier one are called together; one that does waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from phi4_server.offline import agents, context, results, values, words
from phi4_server.offline.fill import Filled, fill
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.tools import Call, Tool

_TOOL = "(?:tool|function)"
_FORCED = re.compile(rf"\bmust (?:call|use) (?:the )?{_TOOL}\s+[`\"'«]?([\w.-]*\w)", re.IGNORECASE)
_ANY = re.compile(rf"\bmust (?:call|use) (?:at least one|an?y?|one)(?: of the)? {_TOOL}s?\b", re.IGNORECASE)
_NONE = re.compile(rf"\b(?:do not|don't|never) (?:call|use) (?:an?y? |the )?{_TOOL}s?\b", re.IGNORECASE)
_PART = re.compile(
    r"(?<=[.!?;])\s+|\n+|[,;]?\s{1,9}(?:and then|and also|then|and|also)\s+|,\s+", re.IGNORECASE
)
_FEW = 4
_MAX_TEXT, _MAX_PARTS, _MAX_TOOLS = 10_000, 10, 200
"""How much of a text is parted, into how many parts; and of how many tools one is chosen."""
_NAME, _DESCRIPTION = 3.0, 1.0
_ENOUGH = 2.0
"""What a tool's terms weigh in a text, and how much they must weigh together."""


def wanted(talk: Conversation) -> list[Call]:
    """The calls that the conversation's end wants made now."""
    asked, orders = _ordered(talk)
    offered = [_Weighed(agents.choosing(tool)) for tool in talk.tools[:_MAX_TOOLS]]
    if not offered or _NONE.search(orders):
        return []
    forced = frozenset(_FORCED.findall(orders))
    named = [each for each in offered if each.tool.name in forced]
    must = bool(named or _ANY.search(orders))
    returned = [
        turn.text for turn in talk.since if turn.role == "tool" and not agents.is_handed_over(turn.text)
    ]
    failed = bool(returned) and results.failed(returned[-1])
    steps = [] if failed else _left(_plan(asked, named or offered), talk)
    calls = list(_next(steps, results.plain(returned[-1])[:_MAX_TEXT] if returned else "", must=must))
    return [_demanded("\n".join([asked, *returned]), named or offered, talk)] if must and not calls else calls


def _ordered(talk: Conversation) -> tuple[str, str]:
    """What the user asked, and the orders on calling; a last turn that only orders counts among these."""
    messages = [turn.text for turn in talk.turns if turn.role == "user"]
    passages, rest = context.parted(talk.system)
    # where nothing tells the passages' end, an order may stand behind them
    orders = talk.system if talk.system.endswith(passages) else rest
    while len(messages) > 1 and (_FORCED.search(messages[-1]) or _ANY.search(messages[-1])):
        orders += "\n" + messages.pop()
    return context.brief(talk.asking(messages[-1] if messages else "")).question[:_MAX_TEXT], orders


def _left(steps: Sequence[_Step], talk: Conversation) -> Sequence[_Step]:
    """The steps that are left to do.

    Whoever took over the request does what is left of it by their own tools, and hands it over no further.
    """
    place = agents.turns_before_handover(talk.since)
    before, since = talk.since[:place], talk.since[place:]
    called = {call.name for turn in before for call in turn.calls}
    done = sum(len(turn.calls) for turn in since) or sum(turn.role == "tool" for turn in since)
    return [step for step in steps if step.tool.name not in called][done:]


def _next(steps: Sequence[_Step], result: str, *, must: bool) -> Iterator[Call]:
    """The calls up to a step that lacks something; only for the first is the last result there."""
    for place, step in enumerate(steps):
        if step.filled.missing and not must and (place or not result):
            return
        yield step.call(result)


def _demanded(text: str, among: Sequence[_Weighed], talk: Conversation) -> Call:
    """The call that fits best where one must be made: of a tool not called yet, if there is one."""
    called = [call.name for turn in talk.since for call in turn.calls]
    tool, _ = _fitting(text, [each for each in among if each.tool.name not in called] or among)
    return Call(tool.name, _fill(tool, text).value)


# --- steps -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """One call that a text wants: the tool, what is asked of it, and its arguments."""

    tool: Tool
    text: str
    filled: Filled

    @classmethod
    def of(cls, tool: Tool, text: str) -> _Step:
        """A step, filled from its text."""
        return cls(tool, text, _fill(tool, text))

    def call(self, result: str = "") -> Call:
        """The call, with what it lacks taken from an earlier result."""
        filled = _fill(self.tool, f"{result} {self.text}") if self.filled.missing and result else self.filled
        return Call(self.tool.name, filled.value)


def _plan(text: str, offered: Sequence[_Weighed]) -> list[_Step]:
    """The steps that a text wants, in its order."""
    steps: list[_Step] = []
    begun = 0
    for start, end in _parts(text):
        part = text[start:end]
        tool, fits = _fitting(part, offered)
        step = _step(tool if fits else None, part, steps[-1] if steps else None)
        if step is None and steps:
            steps[-1] = _Step.of(steps[-1].tool, text[begun:end])
        elif step is not None:
            begun = start if steps else 0
            steps.append(step if steps else _Step.of(step.tool, text[:end]))
    # nothing is asked twice
    distinct = {(step.tool.name, repr(step.filled.value)): step for step in reversed(steps)}
    return [*reversed(distinct.values())]


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text between its first conjunctions, names and quotations kept whole."""
    whole = [found for found in values.find(text) if found.sort in {"quoted", "name"}]
    start = 0
    for match in islice(_PART.finditer(text), _MAX_PARTS):
        if not any(found.start < match.start() < found.end for found in whole):
            yield start, match.start()
            start = match.end()
    yield start, len(text)


def _step(tool: Tool | None, part: str, last: _Step | None) -> _Step | None:
    """The step that a part of the text begins, with the tool that fits it; None where it only goes on."""
    if tool is not None:
        step = _Step.of(tool, part)
        if last is None or tool is not last.tool or not step.filled.missing:
            return step
    # another value of the same kind, as in "... and in Rome", asks for the same again
    is_value = len(words.tokens(part)) <= _FEW and bool(values.find(f"… {part}"))
    if last is None or last.filled.missing or not is_value:
        return None
    again, fuller = _Step.of(last.tool, part), _fill(last.tool, f"{last.text} {part}")
    is_new = again.filled.found and not again.filled.missing and fuller.found <= last.filled.found
    return again if is_new else None


def _fill(tool: Tool, text: str) -> Filled:
    filled = fill(tool.parameters, text, but=_stems(tool))
    # Parameters that are no valid schema allow anything, and arguments are an object.
    return filled if isinstance(filled.value, dict) else replace(filled, value={})


# --- how well a tool fits --------------------------------------------------------------------------------


class _Weighed:
    """A tool, with what its terms weigh."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        described = set(words.terms(tool.description)) - {words.stem(word) for word in words.COMMANDS}
        self._stems = _stems(tool)
        self._weights = dict.fromkeys(described, _DESCRIPTION) | dict.fromkeys(self._stems, _NAME)

    def fit(self, terms: frozenset[str]) -> float:
        """What its terms in a text weigh; a little more, the more of its name is there. 0 for too few."""
        fit = sum(self._weights[term] for term in self._weights.keys() & terms)
        return fit + len(self._stems & terms) / (len(self._stems) or 1) if fit >= _ENOUGH else 0.0


def _fitting(text: str, offered: Sequence[_Weighed]) -> tuple[Tool, bool]:
    """The tool that fits a text best, and whether it does: not where the text speaks of other things."""
    terms = frozenset(words.terms(text))
    best = max(offered, key=lambda each: each.fit(terms))
    return best.tool, best.fit(terms) > 0


def _stems(tool: Tool) -> frozenset[str]:
    """The stems of a tool's name that say what it is for; "get" and the like do not, if there are others."""
    spelled = [word for word in words.tokens(words.spelled(tool.name)) if word not in words.STOP_WORDS]
    telling = [word for word in spelled if word not in words.COMMANDS] or spelled
    return frozenset(map(words.stem, telling))
