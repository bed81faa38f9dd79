"""One job's events, as a caller gets them. Knows the contract's outputs and the answer; no requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._gradio.contract import Contract, Reading
from phi4_space._gradio.diffs import Growth
from phi4_space._gradio.queue import Finished, Snapshot, WireEvent, failure_of
from phi4_space._limits import Limits
from phi4_space._turn.answer import Answer
from phi4_space._turn.budget import TurnBudget
from phi4_space._turn.thoughts import Thoughts
from phi4_space._turns import Event, Notice, Progress, Queued, ReplyFile, Started

_UNREAD = "a component whose content Gradio does not send to programs"


class JobReader:
    """Reads the events of one job.

    Args:
        contract: Says what the job's outputs hold.
        answer: Takes the answer as it grows.
        budget: The turn's.
        limits: How long the answer may be.
        thoughts: Takes its thoughts as they grow.

    Attributes:
        end: What the job's outputs held at its end; nothing before.
        files: The files that they held last.
    """

    def __init__(
        self, contract: Contract, answer: Answer, budget: TurnBudget, limits: Limits, thoughts: Thoughts
    ) -> None:
        self.end = Reading(None)
        self.files: tuple[ReplyFile, ...] = ()
        self._contract = contract
        self._answer = answer
        self._thoughts = thoughts
        self._budget = budget
        self._limits = limits
        self._end: list[str | int] | None = None  # of the text, in the outputs
        self._size = 0  # of the answer, in characters

    def read(self, event: WireEvent | Growth) -> Iterator[Sequence[Event]]:
        """What an event means to the caller, in parts that take a moment each.

        Raises:
            Phi4Error: The job failed, or its answer cannot be read.
        """
        match event:
            case Growth():
                yield from self._continue(event)
            case Queued() | Started():
                self._budget.mark("queued" if isinstance(event, Queued) else "started")
                yield [event]
            case Progress() | Notice():
                self._budget.count_notice()
                yield [event]
            case Snapshot(outputs):
                yield from self._grow(self._contract.read(outputs))
            case Finished(outputs):
                yield from self._finish(self._contract.read(outputs))
            case _:
                if (failure := failure_of(event)) is not None:
                    raise failure
                yield []  # a heartbeat

    def _continue(self, growth: Growth) -> Iterator[Sequence[Event]]:
        if growth.place != self._end:
            yield from self._grow(self._contract.read(growth.whole()))
            return
        self._count(self._size + len(growth.text))
        for events in self._answer.append(growth.text):
            if events:
                self._budget.mark("first_text")
            yield events

    def _grow(self, reading: Reading) -> Iterator[Sequence[Event]]:
        text, thoughts = reading.text or "", reading.thoughts
        self._count(len(text) + sum(len(one.text) + len(one.title or "") for one in thoughts))
        self._end = None if reading.end is None else [*reading.end]
        self.files = reading.files
        yield self._thoughts.read(thoughts)
        for events in self._answer.read(text):
            if events:
                self._budget.mark("first_text")
            yield events

    def _count(self, size: int) -> None:
        if size > self._limits.answer:
            what = f"The answer has more than {self._limits.answer} characters"
            raise LimitExceeded(what, which="answer", limit=self._limits.answer)
        self._size = size

    def _finish(self, reading: Reading) -> Iterator[Sequence[Event]]:
        if reading.text is None and not reading.files:
            raise _no_answer() if reading.is_whole else _unreadable()
        yield from self._grow(reading)
        self.end = reading
        if not reading.is_whole:
            yield [Notice(f"The answer holds {_UNREAD}: look at the Space's page", "warning")]
        yield self._answer.close()


def _no_answer() -> UnexpectedAnswer:
    return UnexpectedAnswer(
        "The Space ended the turn without an answer: no words and no files behind the question",
        advice="Look at the Space's page whether it answers there; another question may help.",
    )


def _unreadable() -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The Space's answer is {_UNREAD}",
        advice="Look at the Space's page. Its author can answer with a file by its path: see docs/spaces.md.",
    )
