"""The answer as it grows: snapshots in, deltas and tool calls out. Knows text; no wire, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phi4_space._stopping import StopReader
from phi4_space._tools import CallReader, Piece
from phi4_space._turns import BrokenCall, Delta, Rewritten, ToolCall


class Answer:
    """One answer.

    Args:
        tools: The names of the tools on offer; without any, text is never held back.
        new_call_id: Makes the id of a tool call.
        stop: Words before which the text ends; they count in text alone, not in what is a tool call.
    """

    def __init__(
        self, tools: Sequence[str], new_call_id: Callable[[], str], *, stop: Sequence[str] = ()
    ) -> None:
        self._tools = tools
        self._new_call_id = new_call_id
        self._stop = stop
        self._snapshot = ""
        self._start_reading()

    @property
    def stopped_by(self) -> str | None:
        """The word that ended it, once one did; what grows behind it is not heard."""
        return self._stops.stopped_by

    def read(self, snapshot: str) -> list[Delta | Rewritten]:
        """Takes the whole answer as it stands and tells what is new.

        Args:
            snapshot: The text so far; usually the last one with more at its end.
        """
        before = self.text
        if snapshot.startswith(self._snapshot):
            news = snapshot[len(self._snapshot) :]
        else:
            self._start_reading()
            news = snapshot
        self._take(self._stops.feed(self._reader.feed(news)))
        self._snapshot = snapshot
        return self._news(before)

    def close(self) -> list[Delta | Rewritten]:
        """Ends the answer and tells what was still held back."""
        before = self.text
        self._take(self._stops.feed(self._reader.close()))
        self._take(self._stops.close())
        return self._news(before)

    def _start_reading(self) -> None:
        self.text = ""
        self.tool_calls: tuple[ToolCall, ...] = ()
        self.broken_calls: tuple[BrokenCall, ...] = ()
        self._reader = CallReader(self._tools, new_id=self._new_call_id)
        self._stops = StopReader[ToolCall | BrokenCall](self._stop)

    def _take(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            match piece:
                case str():
                    self.text += piece
                case ToolCall():
                    self.tool_calls += (piece,)
                case _:
                    self.broken_calls += (piece,)

    def _news(self, before: str) -> list[Delta | Rewritten]:
        if not self.text.startswith(before):
            return [Rewritten(self.text)]
        return [Delta(self.text[len(before) :])] if self.text != before else []
