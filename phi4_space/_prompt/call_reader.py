"""Calls among the text of an answer that grows. Knows where a call begins and ends; not what is in it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from uuid import uuid4

from phi4_space._limits import Limits
from phi4_space._prompt.tool_calls import CallBlock, find_opening, read_calls
from phi4_space._turns import BrokenCall, ToolCall, ToolSpec

_SLICE = 16_384
"""Characters read at once: what is decided is dropped after each slice, so that little has to be moved."""

AnswerPiece = str | ToolCall | BrokenCall
"""What an answer consists of: text, calls, and calls that cannot be read."""


class CallReader:
    """Separates calls from text in an answer that arrives in chunks.

    It reads every form in which Phi-4 writes calls: marked by `<|tool_call|>`, whose closing marker may be
    missing; `functools[...]`; and bare JSON, which may stand in a Markdown fence. The JSON is a list or one
    object, with `arguments` or `parameters`, which may be a JSON string.

    The first two forms are calls whatever tool they name, and broken calls where they cannot be read. A
    broken call ends with its closing marker, or else before the next opening one or with the answer; one of
    `functools` ends with its JSON. Bare JSON is a call only if it has exactly a call's two keys and names an
    available tool; otherwise it is passed on as text, unchanged.

    Only what may still become a call is held back: up to the end of the answer after a marker, otherwise at
    most `LONGEST_UNMARKED` characters. The result never depends on how the answer was cut.
    """

    def __init__(
        self,
        tools: Iterable[ToolSpec | str],
        *,
        new_id: Callable[[], str] = lambda: f"call_{uuid4().hex}",
        limits: Limits = Limits(),
    ) -> None:
        """Takes the tools whose calls to find.

        Args:
            tools: The available tools, or their names. Without any, everything is text and nothing is held
                back.
            new_id: Makes the id of each call.
            limits: How large and how deeply nested a call's JSON may be; beyond that it is not a call.
        """
        self._names = frozenset(tool if isinstance(tool, str) else tool.name for tool in tools)
        self._spellings = sorted(
            json.dumps(name, ensure_ascii=escaped)[1:] for name in self._names for escaped in (False, True)
        )
        self._new_id = new_id
        self._limits = limits
        self._held = ""
        self._block: CallBlock | None = None

    def feed(self, text: str) -> list[AnswerPiece]:
        """Takes the next chunk of the answer, and returns the pieces that are certain by now, in order."""
        pieces: list[AnswerPiece] = []
        for start in range(0, len(text), _SLICE):
            self._held += text[start : start + _SLICE]
            pieces += self._certain(ended=False)
        return _joined(pieces)

    def close(self) -> list[AnswerPiece]:
        """Ends the answer, and returns what was still held back."""
        return _joined([*self._certain(ended=True), self._release(len(self._held))])

    def _certain(self, *, ended: bool) -> Iterator[AnswerPiece]:
        while self._held:
            if self._block is None:
                yield self._leading_text()
            pieces = self._block and self._read(self._block, ended=ended)
            if not pieces:
                return
            yield from pieces

    def _release(self, length: int) -> str:
        """Removes and returns the start of the text that is held back."""
        text, self._held = self._held[:length], self._held[length:]
        self._block = None
        return text

    def _leading_text(self) -> str:
        """Removes and returns the text before the next opening; a block begins where that is complete."""
        if not self._names:
            return self._release(len(self._held))
        length, block = find_opening(self._held, self._is_offered)
        text = self._release(length)
        self._block = block
        return text

    def _is_offered(self, spelled: str) -> bool:
        at = bisect_left(self._spellings, spelled)
        return at < len(self._spellings) and self._spellings[at].startswith(spelled)

    def _read(self, block: CallBlock, *, ended: bool) -> list[AnswerPiece] | None:
        """What the block turned out to be; None while that is not certain."""
        rejected = block.follow(self._held)
        if rejected or (ended and block.end is None):
            return [self._give_up(block, rejected or len(self._held))]
        closing = block.closing(self._held)
        if block.end is None or (closing and not closing.lastgroup and not ended):
            return None
        if block.form == "fenced" and not closing:
            # The fence holds more than one call: pass the fence on, and read its JSON as if it were bare.
            return [self._release(block.start)]
        end = closing.end() if closing else block.end
        text = self._held[block.start : block.end]
        calls, error = read_calls(text, only=self._names if block.is_bare else None, limits=self._limits)
        if not error:
            self._release(end)
            return [ToolCall(self._new_id(), name, arguments) for name, arguments in calls]
        block.reject(error)
        if block.form == "marked" and not closing:
            return self._read(block, ended=ended)
        return [self._give_up(block, end)]

    def _give_up(self, block: CallBlock, length: int) -> str | BrokenCall:
        """Removes and returns what cannot be read: a broken call, or text if only JSON suggested a call."""
        text = self._release(length)
        if block.is_bare:
            return text
        return BrokenCall(text, block.error or read_calls(text[block.start :], limits=self._limits)[1])


def _joined(pieces: Iterable[AnswerPiece]) -> list[AnswerPiece]:
    """The pieces, with adjacent texts joined and empty ones left out."""
    joined: list[AnswerPiece] = []
    texts: list[str] = []
    for piece in (*pieces, None):
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if text := "".join(texts):
            joined.append(text)
        texts.clear()
        if piece is not None:
            joined.append(piece)
    return joined
