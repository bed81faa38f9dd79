"""A contract: what one kind of Space is called with, and what it returns. Knows no sockets, no turns.

A new kind of Space is a new room that fulfils `Contract`, and a line in `choice`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from phi4_space._gradio.config import Endpoint
from phi4_space._status import Takes
from phi4_space._turns import ReplyFile, Thought, Usage


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the Space's functions.

    Attributes:
        fn_index: The function's number.
        data: Its inputs, in order.
        trigger_id: The page's component that would make the call, if one would.
        must_join: Whether it cannot be made but by the queue.
    """

    fn_index: int
    data: list[Any]
    trigger_id: int | None = None
    must_join: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """What one turn submits.

    Attributes:
        text: The prompt.
        files: Uploaded files, as handlers take them.
        history: The chat so far, as `Contract.read` returned it last; None on a new session.
        body: The turns with their roles, as JSON; None where all there is is the prompt.
        options: As `Contract.ask` gets them.
    """

    text: str
    files: Sequence[Mapping[str, Any]] = ()
    history: Any = None
    body: Mapping[str, Any] | None = None
    options: Mapping[str, object] = field(default_factory=dict)


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
        is_whole: Whether that is all that the Space shows.
        end: Where in the outputs the text ends: the output's number, then the keys and indexes down to it.
            What is appended there is appended to the text, and changes nothing else. None where it might, so
            that the outputs have to be read again as a whole.
    """

    text: str | None
    history: Any = None
    usage: Usage | None = None
    finish_reason: str | None = None
    stopped_by: str | None = None
    model: str | None = None
    thoughts: tuple[Thought, ...] = ()
    files: tuple[ReplyFile, ...] = ()
    is_whole: bool = True
    end: tuple[str | int, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks of a Space's contract.

    Attributes:
        space: "owner/name" or URL of the Space.
        endpoint: A function that has to belong to the contract, by its api_name; None where any will do.
    """

    space: str
    endpoint: str | None = None

    def may_use(self, *endpoints: Endpoint) -> bool:
        """Whether functions may be called: those that are kept from programs only where they are named."""
        return not any(one.is_private for one in endpoints) or any(
            one.name == self.endpoint for one in endpoints if one.name
        )


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

    def with_extra(self, values: Mapping[str, object]) -> Contract:
        """The same, with values for additional inputs in place of those that the page begins with.

        Args:
            values: The values, by the inputs' exact labels.

        Raises:
            InvalidOption: There is no such input, or not with this value.
        """

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
            options: The sampling options that are set, only such as `takes` names; and as "system" the text
                for its place, where it has one.
        """

    def read(self, outputs: Sequence[Any]) -> Reading:
        """Reads a job's outputs, as they stand or final.

        Raises:
            UnexpectedAnswer: They are not those of this contract.
        """
