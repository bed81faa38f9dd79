"""Calls among the text of an answer that grows. Knows where a call begins and ends; not what is in it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from uuid import uuid4

from phi4_space._limits import Limits
from phi4_space._prompt.call_block import CONTINUED, LONGEST_UNMARKED, UNCLOSED, CallBlock
from phi4_space._prompt.call_context import MAX_CONTEXT, is_nested
from phi4_space._prompt.call_json import Reading, read_calls
from phi4_space._prompt.call_opening import find_opening
from phi4_space._prompt.call_rest import find_rest
from phi4_space._prompt.thought_tags import find_thought_end, partial_thought_end
from phi4_space._turns import BrokenCall, ToolCall, ToolSpec

_SLICE = 16_384
"""Characters read at once: what is decided is dropped after each slice, so that little has to be moved."""

_PATIENCE = 64
"""More than a slice that is held back is read on once it grew by this part, since to add to it copies it."""

_MOST_TAGS = 8  # around a call
_SEPARATORS = " \t\r\n,;"

AnswerPiece = str | ToolCall | BrokenCall
"""What an answer consists of: text, calls, and calls that cannot be read."""


class CallReader:
    """Separates calls from text in an answer that arrives in chunks.

    It reads every form of `call_opening`, and each shape of `call_json` in it. What is marked, as with
    `<|tool_call|>` or `functools[`, is a call whatever tool it names, and a broken call where it cannot be
    read. A broken call ends with its closing marker, or else before the next opening one or with the answer;
    one of `functools` ends with its JSON.

    Bare JSON is a call only if it has a call's keys, no others, and names an available tool; or if it is
    wrapped as OpenAI does it. Where it begins so and cannot be read, it is a broken call. Otherwise it is
    passed on as text, unchanged. So is bare JSON that is part of other JSON, and all that stands in thoughts,
    such as `<think>`, that have an end.

    Markers and fences around calls go with them, and so does what only separates them: white space, commas.
    A closing token of Phi-4's that closes nothing goes as well.

    Only what may still become a call is held back: up to the end of the answer after a marker, in a thought
    up to its end, otherwise at most `LONGEST_UNMARKED` characters. The result never depends on how the answer
    was cut.
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
        self._arrived: list[str] = []  # and is not read yet
        self._count = 0  # of its characters
        self._held = ""
        self._block: CallBlock | None = None
        self._last: CallBlock | None = None  # the call that the held text follows
        self._ticks = 0  # of the fence around it
        self._tags = 0  # around it that are open
        self._context = ""  # the end of the text that was passed on since the last call
        self._is_endless = False  # a thought was begun that has no end
        self._gaps = _Gaps()

    def feed(self, text: str) -> list[AnswerPiece]:
        """Takes the next chunk of the answer, and returns the pieces that are certain by now, in order."""
        if not self._names:
            return [text] if text else []
        self._arrived.append(text)
        self._count += len(text)
        if len(self._held) > _SLICE and not self._is_due():
            return []
        return self._gaps.close_up(_joined(self._read_arrived()))

    def _is_due(self) -> bool:
        """Whether to read on in much that is held back, as where it may be more than may be held."""
        held, limit = len(self._held), LONGEST_UNMARKED
        return self._count * _PATIENCE >= held or held < limit <= held + self._count

    def _read_arrived(self) -> list[AnswerPiece]:
        text, self._arrived, self._count = "".join(self._arrived), [], 0
        pieces: list[AnswerPiece] = []
        for start in range(0, len(text), _SLICE):
            self._held += text[start : start + _SLICE]
            pieces += self._certain(ended=False)
        return pieces

    def close(self) -> list[AnswerPiece]:
        """Ends the answer, and returns what was still held back."""
        pieces = self._gaps.close_up(_joined([*self._read_arrived(), *self._certain(ended=True)]))
        return _joined([*pieces, self._gaps.end()])

    def _certain(self, *, ended: bool) -> Iterator[AnswerPiece]:
        while self._held:
            if self._block is None and not self._skip_rest(ended=ended):
                return
            if self._block is None:
                yield self._leading_text()
            if self._block is None and ended:
                yield self._release(1)  # of a beginning that no opening came of
                continue
            pieces = None if self._block is None else self._read(self._block, ended=ended)
            if pieces is None:
                return
            yield from pieces

    def _release(self, length: int) -> str:
        """Removes and returns the start of the text that is held back."""
        text, self._held = self._held[:length], self._held[length:]
        self._block = None
        self._context += text
        if len(self._context) > 8 * MAX_CONTEXT:
            self._context = self._context[-MAX_CONTEXT:]
        return text

    def _skip_rest(self, *, ended: bool) -> bool:
        """Drops what still belongs to the last call; whether it is certain by now what does."""
        while self._last is not None and self._held:
            can_continue = self._last.form in CONTINUED and not self._last.error
            rest = find_rest(self._held, ticks=self._ticks, can_continue=can_continue, tags=self._tags)
            if rest is not None and rest.is_partial:
                if not ended:
                    return False
                if not self._last.is_bare or not {*"<`&["}.isdisjoint(self._held):
                    self._release(rest.length)
                self._last = None
            elif rest is None:
                self._last = None
            elif rest.continues:
                self._release(rest.length)
                self._block = CallBlock(self._last.form, 0)
                self._last = None
            else:
                self._release(rest.length)
                self._ticks = 0 if rest.unfences else self._ticks
                self._tags -= rest.closes and self._tags > 0
                self._last = CallBlock("bare", 0)
        return True

    def _leading_text(self) -> str:
        """Removes and returns the text before the next opening; a block begins where that is complete."""
        length, block = find_opening(self._held, self._is_offered)
        texts = [self._release(length)]
        while block is not None and block.is_bare and self._is_nested(block):
            texts.append(self._release(1))
            length, block = find_opening(self._held, self._is_offered)
            texts.append(self._release(length))
        text = "".join(texts)
        self._block = block
        if text.strip(_SEPARATORS):
            self._ticks = self._tags = 0  # whatever was around it, it is text now
        if block is not None:
            self._ticks = block.ticks or self._ticks
            self._tags = min(self._tags + block.tags, _MOST_TAGS)
        return text

    def _is_nested(self, block: CallBlock) -> bool:
        return block.ticks == 0 and is_nested(self._context[-MAX_CONTEXT:])

    def _is_offered(self, spelled: str) -> bool:
        at = bisect_left(self._spellings, spelled)
        return at < len(self._spellings) and self._spellings[at].startswith(spelled)

    def _read(self, block: CallBlock, *, ended: bool) -> list[AnswerPiece] | None:
        """What the block turned out to be; None while that is not certain."""
        if block.form in {"stray", "thought"}:
            return self._think(block, ended=ended) if block.form == "thought" else self._drop(block.start)
        rejected = block.follow(self._held, ended=ended)
        if rejected or (ended and block.end is None):
            return self._give_up(block, rejected or len(self._held))
        if block.end is None:
            return None
        reading = self._parse(block, self._held[block.start : block.end])
        if not reading.error:
            return self._called(block, block.end, reading)
        if block.form not in UNCLOSED:
            block.reject(reading.error)
            return self._read(block, ended=ended)
        is_other = block.is_bare and (reading.is_other or not block.is_certain(self._held, block.end))
        return [self._release(block.end) if is_other else self._broken(block, block.end, reading)]

    def _read_on(self, length: int) -> list[AnswerPiece]:
        """Reads a thought that never ends as any text; its tag is the start of the text held back."""
        if self._is_endless:
            return [self._release(length)]
        self._is_endless = True
        pieces: list[AnswerPiece] = [self._release(length)]
        rest, self._held = self._held, ""
        for start in range(0, len(rest), _SLICE):
            self._held += rest[start : start + _SLICE]
            pieces += self._certain(ended=False)
        return pieces

    def _drop(self, length: int) -> list[AnswerPiece]:
        self._release(length)
        return []

    def _think(self, block: CallBlock, *, ended: bool) -> list[AnswerPiece] | None:
        """What is certain to be text of a thought; None where nothing is.

        From what may be a call on it is held back until the thought ends. If it never does, it was none, or
        the model forgot its end: then it is read as any text.
        """
        end = None if self._is_endless else find_thought_end(self._held, block.seen)
        if end is not None:
            text = self._release(end)
            self._context = ""
            return [text]
        if ended or self._is_endless:
            return self._read_on(block.start)
        block.seen = len(self._held)
        if block.error:
            return None
        length, opening = find_opening(self._held[block.start :], self._is_offered)
        block.error = "a call may have begun" if opening else ""
        length = min(block.start + length, partial_thought_end(self._held, block.start))
        if not length:
            return None
        text = self._release(length)
        self._block = CallBlock("thought", 0, seen=len(self._held), error=block.error)
        return [text]

    def _parse(self, block: CallBlock, text: str) -> Reading:
        only = self._names if block.is_bare else None
        return read_calls(text, tool=block.tool, only=only, limits=self._limits)

    def _give_up(self, block: CallBlock, length: int) -> list[AnswerPiece]:
        """Removes and returns what has no end of its own: a broken call, or text."""
        end = length if block.body_end is None else block.body_end
        if not block.is_certain(self._held, end):
            return [self._release(end)]
        body = self._held[block.start : end]
        if block.is_reopened and not body.strip():
            self._release(length)
            return []
        # Its end may have been mistaken, as where Python's quotes hold a bracket.
        reading = self._parse(block, body)
        if not reading.error:
            return self._called(block, length, reading)
        return [self._broken(block, length, reading)]

    def _called(self, block: CallBlock, length: int, reading: Reading) -> list[AnswerPiece]:
        self._release(length)
        self._last, self._context, self._ticks = block, "", block.ticks or self._ticks
        return [ToolCall(self._new_id(), name, arguments) for name, arguments in reading.calls]

    def _broken(self, block: CallBlock, length: int, reading: Reading) -> BrokenCall:
        block.error = block.error or reading.error
        text = self._release(length)
        self._last, self._context, self._ticks = block, "", block.ticks or self._ticks
        return BrokenCall(text, block.error)


class _Gaps:
    """Leaves out what only separates calls: white space and commas, also in front of the first."""

    def __init__(self) -> None:
        self._gap: list[str] = []
        self._is_open = True
        self._has_calls = False

    def close_up(self, pieces: Iterable[AnswerPiece]) -> list[AnswerPiece]:
        """The pieces without gaps; what may be one is held back."""
        kept: list[AnswerPiece] = []
        for piece in pieces:
            if not isinstance(piece, str):
                self._gap.clear()
                self._is_open = self._has_calls = True
                kept.append(piece)
            elif self._is_open and not piece.strip(_SEPARATORS if self._has_calls else None):
                self._gap.append(piece)
            else:
                kept.append("".join([*self._gap, piece]))
                self._gap.clear()
                self._is_open = False
        return kept

    def end(self) -> str:
        """What was held back, where no calls are beside it."""
        return "" if self._has_calls else "".join(self._gap)


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
