"""The answer as it grows: snapshots in, deltas and tool calls out. Knows text; no wire, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from phi4_space._limits import Limits
from phi4_space._prompt.call_reader import AnswerPiece, CallReader
from phi4_space._prompt.stop import StopReader
from phi4_space._turn.growth import compare, is_same
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

    _texts: list[str]  # joined where it is asked for: to add to a string copies it
    _snapshot: list[str]
    _tool_calls: list[ToolCall]
    _broken_calls: list[BrokenCall]
    _reader: CallReader
    _stops: StopReader[ToolCall | BrokenCall]

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
        self._start_reading()

    @property
    def text(self) -> str:
        """The text so far."""
        return _whole(self._texts)

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

    def read(self, snapshot: str) -> Generator[Sequence[Delta | Rewritten], None, None]:
        """Takes the whole answer as it stands, and yields what is new, in parts that take a moment each.

        Where a Space sends much at once, others get a turn between them. A text of which only indentation
        changed goes on where it was: what was passed on stays, and `settle` puts it right at the end.

        Args:
            snapshot: The text so far; usually the last one with more at its end.
        """
        known = _whole(self._snapshot)
        before, start = "", len(known)
        if not snapshot.startswith(known):
            position = yield from compare(known, snapshot)
            if position is None:
                before = self.text
                self._start_reading()
            else:
                self._is_indented_anew = True
            start = position or 0
        self._snapshot = [snapshot]
        for part in self._feed(snapshot[start:]):
            yield _rewritten(before, part) if before else part
            before = ""

    def append(self, text: str) -> Iterable[Sequence[Delta]]:
        """Takes what is appended to the answer as it stands, and returns what is new, in parts as `read`."""
        self._snapshot.append(text)
        return self._feed(text) if len(text) > _STEP else [self._read(text)]

    def settle(self) -> Iterator[None]:
        """Reads the last snapshot as a whole, at the end, if indentation changed meanwhile.

        Text and calls are then those of that snapshot, provided that it says the same as what was passed on;
        where it does not, as where a stop string begins with a line's indentation, they stay as they are.

        Yields:
            Nothing, after each moment of work.
        """
        if not self._is_indented_anew:
            return
        whole = Answer(self._tools, self._new_call_id, stop=self._stop, limits=self._limits)
        for _ in whole.read(_whole(self._snapshot)):
            yield
        whole.close()
        if whole.stopped_by == self.stopped_by and is_same(whole.text, self.text):
            self._texts = [whole.text]
            self._tool_calls, self._broken_calls = [*whole.tool_calls], [*whole.broken_calls]

    def close(self) -> list[Delta]:
        """Ends the answer, and returns what was still held back."""
        return self._take([*self._stops.feed(self._reader.close()), *self._stops.close()])

    def _start_reading(self) -> None:
        self._texts = []
        self._snapshot = []
        self._is_indented_anew = False
        self._tool_calls = []
        self._broken_calls = []
        self._reader = CallReader(self._tools, new_id=self._new_call_id, limits=self._limits)
        self._stops = StopReader(self._stop)

    def _feed(self, text: str) -> Generator[Sequence[Delta], None, None]:
        for start in range(0, len(text) or 1, _STEP):
            yield self._read(text[start : start + _STEP])

    def _read(self, text: str) -> list[Delta]:
        return self._take(self._stops.feed(self._reader.feed(text)))

    def _take(self, pieces: Sequence[AnswerPiece]) -> list[Delta]:
        texts = []
        for piece in pieces:
            match piece:
                case str():
                    texts.append(piece)
                case ToolCall():
                    self._tool_calls.append(piece)
                case _:
                    self._broken_calls.append(piece)
        text = "".join(texts)
        if not text:
            return []
        self._texts.append(text)
        return [Delta(text)]


def _whole(pieces: list[str]) -> str:
    """The pieces in one, which they are from now on."""
    pieces[:] = ["".join(pieces)]
    return pieces[0]


def _rewritten(before: str, part: Sequence[Delta]) -> list[Delta | Rewritten]:
    """What is new where a text takes the place of the one before."""
    text = "".join(delta.text for delta in part)
    if not text.startswith(before):
        return [Rewritten(text)]
    rest = text[len(before) :]
    return [Delta(rest)] if rest else []
