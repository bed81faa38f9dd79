"""Gradio's queue as values: JSON in, events out. Knows no sockets and no Phi-4.

The shapes were captured on Gradio 5.20.1, 5.50.0 and 6.31.0; fields that only some versions send are
optional, fields nobody here needs are ignored, and so are messages of kinds that do not exist yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from phi4_space._errors import LimitExceeded, Phi4Error, StreamLost, TurnCancelled, UnexpectedAnswer
from phi4_space._gradio.diffs import Outputs
from phi4_space._json import parse
from phi4_space._limits import Limits
from phi4_space._net.error_mapping import from_handler, label, strip_markup
from phi4_space._turns import Notice, Progress, Queued, Started


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The handler's outputs as they stand, in full."""

    data: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """The handler's outputs, final."""

    data: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler failed.

    Attributes:
        text: The Space's message, or None where it hides it.
        title: Its title, if it has one.
    """

    text: str | None
    title: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody cancelled the job."""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The server does not know the session, or lost it."""

    text: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The server is alive and has nothing to say."""


WireEvent = (
    Queued | Started | Progress | Notice | Snapshot | Finished | Failed | Cancelled | SessionLost | Heartbeat
)


_LEVELS = frozenset({"info", "warning", "success", "error"})


class _Part(BaseModel):
    # Errors hold none of what was sent, which may be of any length.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Message(_Part):
    event_id: str | None = None


class _Output(_Part):
    data: list[Any] | None = None
    error: str | None = None
    title: str | None = None


class _Estimation(_Message):
    msg: Literal["estimation"]
    rank: int
    queue_size: int
    rank_eta: float | None = None


class _ProcessStarts(_Message):
    msg: Literal["process_starts"]
    eta: float | None = None


class _ProgressUnit(_Part):
    index: float | None = None
    length: float | None = None
    unit: str | None = None
    progress: float | None = None
    desc: str | None = None


class _Progress(_Message):
    msg: Literal["progress"]
    progress_data: Annotated[list[_ProgressUnit], FailFast()] = []


class _Log(_Message):
    msg: Literal["log"]
    log: str
    level: str = "info"
    title: str | None = None
    visible: bool = True


class _Generating(_Message):
    msg: Literal["process_generating"]
    output: _Output
    success: bool = True


class _Completed(_Message):
    msg: Literal["process_completed"]
    output: _Output
    success: bool = True
    title: str | None = None


class _UnexpectedError(_Message):
    msg: Literal["unexpected_error"]
    message: str | None = None


class _Heartbeat(_Message):
    msg: Literal["heartbeat"]


_Known = Annotated[
    _Estimation
    | _ProcessStarts
    | _Progress
    | _Log
    | _Generating
    | _Completed
    | _UnexpectedError
    | _Heartbeat,
    Field(discriminator="msg"),
]
_ADAPTER: TypeAdapter[_Known] = TypeAdapter(_Known, config=ConfigDict(hide_input_in_errors=True))


class QueueReader:
    """Reads one job's messages in the order in which the server sends them.

    Args:
        event_id: The job; messages of other jobs on the same session are passed over.
        limits: What a message, and the outputs that messages edit, may hold.
    """

    def __init__(self, event_id: str, limits: Limits = Limits()) -> None:
        self._event_id = event_id
        self._limits = limits
        self._outputs: Outputs | None = None
        self._blind = False

    def read(self, line: str | bytes) -> list[WireEvent]:
        """Turns one message into events, often one, sometimes none.

        Args:
            line: The message's JSON.

        Raises:
            UnexpectedAnswer: It is no JSON, or not of a shape that Gradio sends.
            LimitExceeded: It goes beyond the limits.
        """
        try:
            message = _ADAPTER.validate_python(parse(line, self._limits))
        except ValidationError as exc:
            if exc.errors()[0]["type"] == "union_tag_invalid":
                return []
            raise UnexpectedAnswer(
                f"A queue message is not as Gradio writes it: {strip_markup(str(exc))}"
            ) from exc
        except ValueError as exc:
            raise UnexpectedAnswer(f"A queue message is not as Gradio writes it: {exc}") from exc
        if message.event_id not in {None, self._event_id}:
            return []
        return self._to_events(message)

    def _to_events(self, message: _Known) -> list[WireEvent]:
        match message:
            case _Generating() | _Completed():
                return [self._fold(message)]
            case _Progress():
                return [_progress(unit) for unit in message.progress_data[-1:]]
            case _Log():
                return [_notice(message)] if message.visible else []
            case _:
                return [_simple(message)]

    def _fold(self, message: _Generating | _Completed) -> WireEvent:
        output = message.output
        if not message.success:
            title = output.title or (message.title if isinstance(message, _Completed) else None)
            return Failed(None if output.error is None else strip_markup(output.error), label(title))
        if output.data is None:
            return Cancelled()
        if isinstance(message, _Completed):
            return Finished(output.data)
        return self._snapshot(output.data)

    def _snapshot(self, data: list[Any]) -> WireEvent:
        if self._blind:
            return Heartbeat()
        if self._outputs is None:
            self._outputs = Outputs(data, self._limits)
            return Snapshot(data)
        try:
            return Snapshot(self._outputs.edit(data))
        except LimitExceeded:
            raise
        except UnexpectedAnswer:
            # Gradio 6.31's own diff is wrong where nested lists shrink. The end brings all of it in full.
            self._blind = True
            return Heartbeat()


def _simple(message: _Estimation | _ProcessStarts | _UnexpectedError | _Heartbeat) -> WireEvent:
    match message:
        case _Estimation():
            return Queued(message.rank, message.queue_size, message.rank_eta)
        case _ProcessStarts():
            return Started(message.eta)
        case _UnexpectedError():
            return SessionLost(strip_markup(message.message or "no reason given"))
    return Heartbeat()


def _progress(unit: _ProgressUnit) -> Progress:
    return Progress(unit.index, unit.length, label(unit.unit) or "steps", unit.progress, label(unit.desc))


def _notice(message: _Log) -> Notice:
    level = message.level if message.level in _LEVELS else "info"
    return Notice(strip_markup(message.log), level, label(message.title))


def failure_of(event: WireEvent) -> Phi4Error | None:
    """The error of an event that ends a job badly; None for any other."""
    match event:
        case Failed(text, title):
            return from_handler(text, title)
        case Cancelled():
            return TurnCancelled("The turn was cancelled on the Space")
        case SessionLost(text):
            return StreamLost(f"The Space does not know the session: {text}")
        case _:
            return None


def call_body(
    fn_index: int, data: Sequence[Any], session_hash: str, trigger_id: int | None
) -> Mapping[str, Any]:
    """The body of `run/predict` and `queue/join`."""
    return {
        "data": list(data),
        "event_data": None,
        "fn_index": fn_index,
        "trigger_id": trigger_id,
        "session_hash": session_hash,
    }


def cancel_body(fn_index: int, session_hash: str, event_id: str) -> Mapping[str, Any]:
    """The body of `cancel`; the server wants all three."""
    return {"fn_index": fn_index, "session_hash": session_hash, "event_id": event_id}


def file_data(path: str, *, name: str, mime_type: str, size: int) -> Mapping[str, Any]:
    """An uploaded file as handlers take it. Without `meta` the server takes it for a dict of the user's."""
    return {
        "path": path,
        "orig_name": name,
        "mime_type": mime_type,
        "size": size,
        "meta": {"_type": "gradio.FileData"},
    }
