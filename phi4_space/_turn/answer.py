"""The answer as it grows: snapshots in, deltas and tool calls out. Knows text; no wire, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from phi4_space._limits import Limits
from phi4_space._prompt.call_reader import AnswerPiece, CallReader
from phi4_space._prompt.stop import StopReader
from phi4_space._turns import BrokenCall, Delta, Rewritten, ToolCall

_STEP = 16_384
"""Characters that are read in a moment."""


class Answer:
    """One answer.

    Args:
        tools: The names of the tools on offer; without any, text is never held back.
        new_call_id: Makes the id of a tool call.
        stop: Words before which the text ends; they count in text alone, not in what is a tool call.
        limits: What the JSON of a call may hold.
    """

    def __init__(
        self,
        tools: Sequence[str],
        new_call_id: Callable[[], str],
        *,
        stop: Sequence[str] = (),
        limits: Limits = Limits(),
    ) -> None:
        self._tools = tools
        self._new_call_id = new_call_id
        self._stop = stop
        self._limits = limits
        self._snapshot = ""
        self._start_reading()

    @property
    def stopped_by(self) -> str | None:
        """The word that ended it, once one did; what grows behind it is not read."""
        return self._stops.stopped_by

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls so far."""
        return tuple(self._tool_calls)

    @property
    def broken_calls(self) -> tuple[BrokenCall, ...]:
        """What was to be a call so far, and cannot be read as one."""
        return tuple(self._broken_calls)

    def steps(self, snapshot: str) -> Iterator[str]:
        """Cuts a snapshot into those that would have come before it, had the answer grown in smaller pieces.

        To read one takes a moment. Where a Space sends much at once, others get a turn between them.
        """
        known = len(self._snapshot) if snapshot.startswith(self._snapshot) else 0
        for end in range(known + _STEP, len(snapshot), _STEP):
            yield snapshot[:end]
        yield snapshot

    def read(self, snapshot: str) -> list[Delta | Rewritten]:
        """Takes the whole answer as it stands, and returns what is new.

        Args:
            snapshot: The text so far; usually the last one with more at its end.
        """
        before = self.text
        if not snapshot.startswith(self._snapshot):
            self._start_reading()
        new_text = snapshot[len(self._snapshot) :]
        self._take(self._stops.feed(self._reader.feed(new_text)))
        self._snapshot = snapshot
        return self._changes(before)

    def close(self) -> list[Delta | Rewritten]:
        """Ends the answer, and returns what was still held back."""
        before = self.text
        self._take([*self._stops.feed(self._reader.close()), *self._stops.close()])
        return self._changes(before)

    def _start_reading(self) -> None:
        self.text = ""
        self._snapshot = ""
        self._tool_calls: list[ToolCall] = []
        self._broken_calls: list[BrokenCall] = []
        self._reader = CallReader(self._tools, new_id=self._new_call_id, limits=self._limits)
        self._stops = StopReader[ToolCall | BrokenCall](self._stop)

    def _take(self, pieces: Sequence[AnswerPiece]) -> None:
        texts = [self.text]
        for piece in pieces:
            match piece:
                case str():
                    texts.append(piece)
                case ToolCall():
                    self._tool_calls.append(piece)
                case _:
                    self._broken_calls.append(piece)
        self.text = "".join(texts)

    def _changes(self, before: str) -> list[Delta | Rewritten]:
        if not self.text.startswith(before):
            return [Rewritten(self.text)]
        return [Delta(self.text[len(before) :])] if len(self.text) > len(before) else []
