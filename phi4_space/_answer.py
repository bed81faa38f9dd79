"""The answer as it grows: snapshots in, deltas and tool calls out. Knows text; no wire, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phi4_space._tools import CallReader
from phi4_space._turns import Delta, Rewritten, ToolCall


class Answer:
    """One answer.

    Args:
        tools: The names of the tools on offer; without any, text is never held back.
        new_call_id: Makes the id of a tool call.
    """

    def __init__(self, tools: Sequence[str], new_call_id: Callable[[], str]) -> None:
        self._tools = tools
        self._new_call_id = new_call_id
        self._snapshot = ""
        self._start_reading()

    def read(self, snapshot: str) -> list[Delta | Rewritten]:
        """Takes the whole answer as it stands and tells what is new.

        Args:
            snapshot: The text so far; usually the last one with more at its end.
        """
        before = self.text
        if snapshot.startswith(self._snapshot):
            self._take(self._reader.feed(snapshot[len(self._snapshot) :]))
        else:
            self._start_reading()
            self._take(self._reader.feed(snapshot))
        self._snapshot = snapshot
        return self._news(before)

    def close(self) -> list[Delta | Rewritten]:
        """Ends the answer and tells what was still held back."""
        before = self.text
        self._take(self._reader.close())
        return self._news(before)

    def _start_reading(self) -> None:
        self.text = ""
        self.tool_calls: tuple[ToolCall, ...] = ()
        self._reader = CallReader(self._tools, new_id=self._new_call_id)

    def _take(self, pieces: Sequence[str | ToolCall]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self.text += piece
            else:
                self.tool_calls += (piece,)

    def _news(self, before: str) -> list[Delta | Rewritten]:
        if not self.text.startswith(before):
            return [Rewritten(self.text)]
        return [Delta(self.text[len(before) :])] if self.text != before else []
