"""The prompt: what a client's text says, turn by turn. Knows the two prompt styles; knows no skill.

A prompt is one user turn as it is; or a transcript (`System:`, `User:`, `Assistant:`, `Tool:` lines, an
empty `Assistant:` last); or Phi-4's own template (`<|user|>...<|end|><|assistant|>`). Either of the latter
may carry the tools that are offered, earlier calls, results as `NAME -> text`, and marks for files, such as
`[image 1]` or `<|image_1|>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from phi4_server.model import Said
from phi4_server.offline import tools
from phi4_server.offline.tools import Call, Tool

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["image", "audio", "file"]
Mark = tuple[Kind, int]
"""A file by its kind and its number among those of that kind, from 1; a "file" counts among all."""

_LINE = re.compile(r"^(System|User|Assistant|Tool)(?: \([^()\n]*\))?:[ \t]*", re.MULTILINE)
_END = re.compile(r"^Assistant:\s*\Z", re.MULTILINE)
_TOKEN = re.compile(r"<\|(system|user|assistant|tool)\|>")
_MARKS = {
    _LINE: re.compile(r" ?\[(image|audio|file) (\d{1,4})\] ?"),
    _TOKEN: re.compile(r" ?<\|(image|audio)_(\d{1,4})\|> ?"),
}
_RESULT = re.compile(r"(?P<name>\S{1,200})(?: \(call (?P<number>\d{1,3})\))? -> (?P<text>.*)", re.DOTALL)
_NO_OUTPUT = "(no output)"
_STOP = re.compile(r"\.(?=\s)")
_LONGEST = 200_000
"""How many characters a chat holds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        role: Who speaks; "tool" is the result of a call.
        text: The words, without tools, calls and marks.
        calls: What an assistant's turn called.
        answers: Which of the calls made at once a result answers, from 1, where it says so.
        marks: The files that it names.
        around: Where it names any, the words before, between and behind them.
    """

    role: Role
    text: str = ""
    calls: tuple[Call, ...] = ()
    answers: int | None = None
    marks: tuple[Mark, ...] = ()
    around: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that was said so far.

    Attributes:
        turns: Every turn, oldest first.
        tools: The tools that may be called now.
    """

    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()

    @property
    def _last(self) -> int:
        """Where the last user turn stands; -1 where there is none."""
        return max((index for index, turn in enumerate(self.turns) if turn.role == "user"), default=-1)

    @property
    def asked(self) -> str:
        """What the user said last."""
        return self.turns[self._last].text if self._last >= 0 else ""

    def asking(self, text: str) -> Conversation:
        """The same, with other words in the user's last turn."""
        return replace(self, turns=(*self.before, Turn(role="user", text=text), *self.since))

    @property
    def system(self) -> str:
        """What the system turns say together."""
        return "\n\n".join(turn.text for turn in self.turns if turn.role == "system" and turn.text)

    @property
    def before(self) -> tuple[Turn, ...]:
        """The turns before the user's last."""
        return self.turns[: max(self._last, 0)]

    @property
    def since(self) -> tuple[Turn, ...]:
        """The turns after the user's last: calls and their results."""
        return self.turns[self._last + 1 :]

    @property
    def around(self) -> tuple[str, ...]:
        """The words around the files that the user's last turn names."""
        return self.turns[self._last].around if self._last >= 0 else ()

    def naming(self, number: int) -> Conversation:
        """The same, with only one of the files in the user's last turn named, counted from 0."""
        last = self.turns[self._last]
        return replace(self, turns=(*self.before, replace(last, marks=(last.marks[number],)), *self.since))

    @property
    def marks(self) -> tuple[Mark, ...] | None:
        """The files that the user's last turn, or a result after it, names; None where no turn names any."""
        if not any(turn.marks for turn in self.turns):
            return None
        return tuple(mark for turn in self.turns[max(self._last, 0) :] for mark in turn.marks)


def read(chat: Sequence[Said]) -> Conversation:
    """The conversation that a chat's texts tell, with the tools that may be called at its end.

    A prompt that is one plain turn leaves the tools as an earlier prompt offered them.

    Raises:
        ValueError: The texts are too long.
    """
    length = sum(len(said.text) for said in chat)
    if length > _LONGEST:
        raise ValueError(
            f"This chat holds {length:,} characters of text; the rehearsal model reads {_LONGEST:,} at most."
            " Send less, or start a new chat."
        )
    turns: list[Turn] = []
    offers: tuple[Tool, ...] = ()
    for said in chat:
        style = None if said.role == "assistant" else _style(said.text)
        if style is None:
            turns.append(_turn(said.role, said.text, _TOKEN))
            continue
        offers = tuple(tool for found in tools.OFFER.findall(said.text) for tool in tools.offered(found))
        turns += _turns(style, tools.OFFER.sub("", said.text))
    return Conversation(turns=tuple(turns), tools=offers)


def _style(text: str) -> re.Pattern[str] | None:
    """What sets the turns of a prompt apart; None for a prompt that is one turn."""
    if _TOKEN.match(text.lstrip()):
        return _TOKEN
    begun, ended = _LINE.match(text), _END.search(text)
    return _LINE if begun and ended else None


def _turns(style: re.Pattern[str], text: str) -> Iterator[Turn]:
    """The turns of a prompt; the empty one that asks for the answer is no turn."""
    _, *parts = style.split(text)
    spoken = list(zip(parts[::2], parts[1::2], strict=True))
    asks_for_answer = bool(spoken) and spoken[-1][0].casefold() == "assistant" and not spoken[-1][1].strip()
    for role, said in spoken[: -1 if asks_for_answer else None]:
        yield _turn(cast("Role", role.casefold()), said.partition("<|end|>")[0].strip(), style)


def _turn(role: Role, text: str, style: re.Pattern[str]) -> Turn:
    calls = tools.called(text) if role == "assistant" else ()
    # a system turn may show how to call; what it says of that is no text of its own
    bare = _without_examples(text) if role == "system" else tools.uncalled(text) if calls else text
    result = _RESULT.fullmatch(text) if role == "tool" else None
    if result:
        bare = result["text"]
    around = tuple(_MARKS[style].split(bare)[::3])
    words = " ".join(around).strip()
    return Turn(
        role=role,
        text="" if words == _NO_OUTPUT else words,
        calls=calls,
        answers=int(result["number"]) if result and result["number"] else None,
        marks=tuple((cast("Kind", kind), int(number)) for kind, number in _MARKS[style].findall(bare)),
        around=around if around[1:] else (),
    )


def _without_examples(text: str) -> str:
    """A system turn without the sentences that show how to call, up to the full stop after the marks."""
    return "\n".join(_without_example(line) for line in text.split("\n")) if tools.CALLED in text else text


def _without_example(line: str) -> str:
    opening = line.rfind(tools.CALL, 0, max(line.rfind(tools.CALLED), 0))
    if opening < 0:
        return line
    stop = _STOP.search(line, line.find(tools.CALLED, opening))
    return line[stop.end() :] if stop else ""
