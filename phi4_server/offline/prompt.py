"""The prompt: what a client's text says, turn by turn. Knows the two prompt styles; knows no skill.

A prompt is one user turn as it is; or a transcript (`System:`, `User:`, `Assistant:`, `Tool:` lines, an
empty `Assistant:` last); or Phi-4's own template (`<|user|>...<|end|><|assistant|>`). Either of the latter
may carry the tools that are offered, earlier calls, results as `NAME -> text`, and marks for files, such as
`[image 1]` or `<|image_1|>`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline import tools
from phi4_server.offline.tools import Call, Tool

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["image", "audio", "file"]
Mark = tuple[Kind, int]
"""A file by its kind and its number among those of that kind, from 1; a "file" counts among all."""

_LINE = re.compile(r"^(System|User|Assistant|Tool)(?: \([^()\n]*\))?:[ \t]*", re.MULTILINE)
_END = re.compile(r"^Assistant:\s*\Z", re.MULTILINE)
_TOKEN = re.compile(r"<\|(system|user|assistant|tool)\|>")
_MARK = re.compile(r" ?(?:\[(image|audio|file) (\d{1,4})\]|<\|(image|audio)_(\d{1,4})\|>) ?")
_RESULT = re.compile(r"(?P<name>\S{1,200})(?: \(call (?P<number>\d{1,3})\))? -> (?P<text>.*)", re.DOTALL)
_NO_OUTPUT = "(no output)"
_MAX_TEXT = 200_000
"""How many characters a chat holds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation; one of a tool is the result of a call.

    Attributes:
        text: The words, without tools, calls and marks.
        calls: What an assistant's turn called.
        answers: Which of the calls made at once a result answers, from 1, where it says so.
        marks: The files that it names.
    """

    role: Role
    text: str = ""
    calls: tuple[Call, ...] = ()
    answers: int | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that was said so far: every turn, oldest first, and the tools that may be called now."""

    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()

    @property
    def _last(self) -> int:
        """Where the last user turn stands; -1 where there is none."""
        return max((index for index, turn in enumerate(self.turns) if turn.role == "user"), default=-1)

    @property
    def last(self) -> Turn:
        """The user's last turn; an empty one where there is none."""
        return self.turns[self._last] if self._last >= 0 else Turn(role="user")

    @property
    def asked(self) -> str:
        """What the user said last."""
        return self.last.text

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
    def marks(self) -> tuple[Mark, ...] | None:
        """The files that the user's last turn, or a result after it, names; None where no turn names any."""
        named = any(turn.marks for turn in self.turns)
        return tuple(mark for turn in (self.last, *self.since) for mark in turn.marks) if named else None


def read(chat: Sequence[Message]) -> Conversation:
    """The conversation that a chat's texts tell, with the tools that may be called at its end.

    A prompt that is one plain turn leaves the tools as an earlier prompt offered them.

    Raises:
        ValueError: The texts are too long.
    """
    length = sum(len(message.text) for message in chat)
    if length > _MAX_TEXT:
        raise ValueError(
            f"This chat holds {length:,} characters of text; the offline model reads {_MAX_TEXT:,} at most."
            " Send less, or start a new chat."
        )
    turns: list[Turn] = []
    offers: tuple[Tool, ...] = ()
    counts: Counter[str] = Counter()
    for message in chat:
        text = message.text if message.is_prompt else _marked(message, counts)
        style = _style(text) if message.is_prompt and message.role != "assistant" else None
        if style or message.role == "system":
            offers = tuple(tool for offer in tools.OFFER.findall(text) for tool in tools.offered(offer))
            text = tools.OFFER.sub("", text)
        turns += _turns(style, text) if style else [_turn(message.role, text)]
    return Conversation(turns=tuple(turns), tools=offers)


def _marked(message: Message, counts: Counter[str]) -> str:
    """A message's text with a mark such as `[image 1]` for each of its files, counted on by kind."""
    parts = []
    for part in message.parts:
        if isinstance(part, Path):
            kind, _ = container(part)
            counts[kind] += 1
            part = f" [{kind} {counts[kind]}] "  # noqa: PLW2901 - the mark stands for it
        parts.append(part)
    return "".join(parts)


def _style(text: str) -> re.Pattern[str] | None:
    """What sets the turns of a prompt apart; None for a prompt that is one turn."""
    if _TOKEN.match(text.lstrip()):
        return _TOKEN
    return _LINE if _LINE.match(text) and _END.search(text) else None


def _turns(style: re.Pattern[str], text: str) -> Iterator[Turn]:
    """The turns of a prompt; the empty one that asks for the answer is no turn."""
    _, *parts = style.split(text)
    spoken = [
        (cast("Role", role.casefold()), text.partition("<|end|>")[0].strip())
        for role, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    yield from (_turn(*turn) for turn in (spoken[:-1] if spoken[-1:] == [("assistant", "")] else spoken))


def _turn(role: Role, text: str) -> Turn:
    bare, calls = tools.parted(text) if role == "assistant" else (text, ())
    result = _RESULT.fullmatch(text) if role == "tool" else None
    bare = result["text"] if result else bare
    words = " ".join(_MARK.split(bare)[::5]).strip()
    return Turn(
        role=role,
        text="" if words == _NO_OUTPUT else words,
        calls=calls,
        answers=int(result["number"]) if result and result["number"] else None,
        marks=tuple(
            (cast("Kind", mark[1] or mark[3]), int(mark[2] or mark[4])) for mark in _MARK.finditer(bare)
        ),
    )
