"""A message that may be a whole prompt, read as its turns. Knows the styles of clients; no token's id.

A client of the public contract may send several turns as one text: in Phi-4's own template
(`<|user|>...<|end|><|assistant|>`), or as a transcript (`User: ...` and an empty `Assistant:` last). Either
may mark where its files stand, as `<|image_1|>` or `[image 1]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from phi4_server.media.formats import container
from phi4_server.model import Message, Role

_TOKEN = re.compile(r"\s*<\|(system|user|assistant|tool|tool_response)\|>")
_LINE = re.compile(r"^(System|User|Assistant|Tool)(?: \([^()\n]*\))?:[ \t]*", re.MULTILINE)
_LAST_LINE = re.compile(r"^Assistant:\s*\Z", re.MULTILINE)
_END, _ASSISTANT = "<|end|>", "<|assistant|>"
_MARK = re.compile(r" ?(?:\[(image|audio|file) (\d{1,4})\]|<\|(image|audio)_(\d{1,4})\|>) ?")


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a chat: who wrote it, and its texts and files in order."""

    role: Role
    parts: tuple[str | Path, ...]


def to_turns(message: Message) -> tuple[Turn, ...]:
    """The turns that a message holds: one, unless a client wrote a whole prompt as its text.

    Files stand where the message, or a mark in a prompt, says; files without a mark before the last words of
    the user. A mark without a file, and the second one of the same file, are words.

    Raises:
        ValueError: A file is neither an image nor audio; the text names it.
    """
    if not message.is_prompt or message.role == "assistant" or message.offsets:
        return (Turn(message.role, message.parts),)
    written = [*_written(message.text)] or [(message.role, message.text)]
    files = _Files(message.files)
    turns = [Turn(role, (*files.placed(text),)) for role, text in written]
    return (*_with_rest(turns, files.rest),)


def _written(text: str) -> Iterator[tuple[Role, str]]:
    """The turns of a whole prompt, without the empty one that asks for the answer; none if it is not one."""
    bare = text.strip()
    if _TOKEN.match(bare) and bare.endswith((_END, _ASSISTANT)):
        turns = _from_template(bare)
    elif _LINE.match(text) and _LAST_LINE.search(text):
        _, *parts = _LINE.split(text)
        turns = [(_role(role.casefold()), words.strip()) for role, words in _pairs(parts)]
    else:
        return
    yield from turns[:-1] if turns[-1] == ("assistant", "") else turns


def _pairs(parts: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(parts[::2], parts[1::2], strict=True)


def _from_template(text: str) -> list[tuple[Role, str]]:
    turns: list[tuple[Role, list[str]]] = []
    for part in text.split(_END):
        if token := _TOKEN.match(part):
            turns.append((_role(token[1]), [part[token.end() :]]))
        elif part.strip():  # the token before it ended no turn: it was one of the words
            turns[-1][1].append(part)
    return [(role, _END.join(parts).strip()) for role, parts in turns]


def _role(name: str) -> Role:
    return "tool" if name == "tool_response" else cast("Role", name)


class _Files:
    """A message's files, each of which can be placed once."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._by_mark = {("file", number): index for index, number in enumerate(range(1, len(files) + 1))}
        for kind in ("image", "audio") if files else ():
            same = [index for index, file in enumerate(files) if container(file)[0] == kind]
            self._by_mark |= {(kind, number): index for number, index in enumerate(same, start=1)}
        self._placed: set[int] = set()

    @property
    def rest(self) -> tuple[Path, ...]:
        """Those that were not placed."""
        return tuple(file for index, file in enumerate(self._files) if index not in self._placed)

    def placed(self, text: str) -> Iterator[str | Path]:
        """A text with the files that it marks."""
        end = 0
        for mark in _MARK.finditer(text):
            index = self._by_mark.get((mark[1] or mark[3], int(mark[2] or mark[4])))
            if index is not None and index not in self._placed:
                self._placed.add(index)
                yield from filter(None, (text[end : mark.start()], self._files[index]))
                end = mark.end()
        if text[end:] or not end:
            yield text[end:]


def _with_rest(turns: list[Turn], rest: tuple[Path, ...]) -> list[Turn]:
    users = [index for index, turn in enumerate(turns) if turn.role == "user"]
    at = users[-1] if users else 0
    return [
        replace(turn, parts=(*rest, *turn.parts)) if rest and index == at else turn
        for index, turn in enumerate(turns)
    ]
