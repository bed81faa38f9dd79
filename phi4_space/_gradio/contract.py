"""A contract: what one kind of Space is called with, and what it returns. Knows no sockets, no turns.

A new kind of Space is a new room that fulfils `Contract`, and a line in `choice`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from phi4_space._sampling import Bounds
from phi4_space._turns import ReplyFile, Thought, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What a Space takes in one turn.

    Attributes:
        max_files: How many files, None for no limit.
        options: The sampling options that it honours, and what each may be.
        roles: Whether it takes turns with their roles, so that no prompt has to be made of them.
        loading: What its model still does before it answers a turn; None where it is ready, or does not say.
    """

    max_files: int | None = None
    options: Mapping[str, Bounds] = field(default_factory=dict)
    roles: bool = False
    loading: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the Space's functions.

    Attributes:
        fn_index: The function's number.
        data: Its inputs, in order.
        trigger_id: The page's component that would make the call, if one would.
    """

    fn_index: int
    data: list[Any]
    trigger_id: int | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What one turn submits.

    Attributes:
        text: The prompt.
        files: Uploaded files, as handlers take them.
        history: The chat so far, as `Contract.read` returned it last; None on a new session.
        body: The turns with their roles, as JSON; None where all there is is the prompt.
    """

    text: str
    files: Sequence[Mapping[str, Any]] = ()
    history: Any = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a job's outputs hold.

    Attributes:
        text: The answer; None while there is none.
        history: What the contract wants back with the next turn, as JSON; empty or None where the Space
            remembers nothing, so that the next turn has to say everything again.
        usage: The tokens, where the Space counts them; known at the end, as are the next three.
        finish_reason: Why the answer ended, in OpenAI's words, such as "stop" or "length".
        stopped_by: The stop string before which it ended.
        model: What the model calls itself.
        thoughts: What was thought before it, whole as it stands, in order.
        files: The files that it holds, in order.
    """

    text: str | None
    history: Any = None
    usage: Usage | None = None
    finish_reason: str | None = None
    stopped_by: str | None = None
    model: str | None = None
    thoughts: tuple[Thought, ...] = ()
    files: tuple[ReplyFile, ...] = ()


class Contract(Protocol):
    """One kind of Space. What it hands out as `pending` and `history` is nobody else's business."""

    @property
    def takes(self) -> Takes:
        """What the Space takes."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the functions that are called."""

    @property
    def fn_index(self) -> int:
        """The number of the function whose job waits in the queue, by which it is cancelled."""

    def first(self, submission: Submission) -> Call | None:
        """The call that files the turn before the queue is joined; None where there is no such step."""

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> Any:
        """The turn as `ask` takes it, which may happen more than once.

        Args:
            submission: What the turn submits.
            outputs: What `first` returned; None where there is no such step.

        Raises:
            UnexpectedAnswer: The outputs are not those of this contract.
        """

    def ask(self, pending: Any, options: Mapping[str, object]) -> Call:
        """The call that joins the queue.

        Args:
            pending: What `pending` returned, unchanged.
            options: The sampling options that are set; only such as `takes` names.
        """

    def read(self, outputs: Sequence[Any]) -> Reading:
        """Reads a job's outputs, as they stand or final.

        Raises:
            UnexpectedAnswer: They are not those of this contract.
        """
