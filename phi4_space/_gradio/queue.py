"""Gradio's queue as values: JSON in, events out. Knows no sockets and no Phi-4.

The shapes were captured on Gradio 5.20.1, 5.50.0 and 6.31.0; fields that only some versions send are
optional, fields nobody here needs are ignored, and so are messages of kinds that do not exist yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi4_space._errors import LimitExceeded, Phi4Error, StreamLost, TurnCancelled, UnexpectedAnswer
from phi4_space._fields import MisshapenError, field
from phi4_space._gradio.diffs import Growth, Outputs
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
_NUMBER = (int, float)


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
        return [
            Snapshot(event.whole()) if isinstance(event, Growth) else event for event in self.follow(line)
        ]

    def follow(self, line: str | bytes) -> Sequence[WireEvent | Growth]:
        """The same, but text that is appended comes as that alone, so that it need not be found again."""
        try:
            message: Any = parse(line, self._limits)
        except ValueError as exc:
            raise _misshapen(str(exc)) from exc
        match message:
            case {"msg": "process_generating", "success": True, "output": {"data": list(data)}} if (
                message.get("event_id") == self._event_id
            ):
                return (self._snapshot(data),)  # most messages of a stream
            case {"msg": str(kind)}:
                try:
                    return self._to_events(kind, message) if self._is_own(message) else ()
                except MisshapenError as exc:
                    raise _misshapen(str(exc)) from exc
            case _:
                raise _misshapen("it has no kind")

    def _is_own(self, message: dict[str, Any]) -> bool:
        return _text(message, "event_id") in {None, self._event_id}

    def _to_events(self, kind: str, message: dict[str, Any]) -> Sequence[WireEvent | Growth]:
        events: Sequence[WireEvent | Growth] = ()
        match kind:
            case "process_generating" | "process_completed":
                events = (self._fold(kind, message),)
            case "progress":
                events = [_progress(unit) for unit in field(message, "progress_data", list, default=[])[-1:]]
            case "log":
                events = [_notice(message)] if field(message, "visible", bool, default=True) else ()
            case "estimation":
                rank, size = (field(message, name, int) for name in ("rank", "queue_size"))
                events = [Queued(rank, size, field(message, "rank_eta", *_NUMBER, default=None))]
            case "process_starts":
                events = [Started(field(message, "eta", *_NUMBER, default=None))]
            case "unexpected_error":
                events = [SessionLost(strip_markup(_text(message, "message") or "no reason given"))]
            case "heartbeat":
                events = [Heartbeat()]
        return events

    def _fold(self, kind: str, message: dict[str, Any]) -> WireEvent | Growth:
        output = field(message, "output", dict)
        if not field(message, "success", bool, default=True):
            text, title = _text(output, "error"), _text(output, "title")
            title = title or _text(message, "title")
            return Failed(None if text is None else strip_markup(text), label(title))
        data = field(output, "data", list, default=None)
        if data is None:
            return Cancelled()
        return Finished(data) if kind == "process_completed" else self._snapshot(data)

    def _snapshot(self, data: list[Any]) -> WireEvent | Growth:
        if self._blind:
            return Heartbeat()
        if self._outputs is None:
            self._outputs = Outputs(data, self._limits)
            return Snapshot(data)
        try:
            return self._outputs.grow(data) or Snapshot(self._outputs.edit(data))
        except LimitExceeded:
            raise
        except UnexpectedAnswer:
            # Gradio 6.31's own diff is wrong where nested lists shrink. The end brings all of it in full.
            self._blind = True
            return Heartbeat()


def _progress(unit: object) -> Progress:
    done, total, fraction = (
        field(unit, name, *_NUMBER, default=None) for name in ("index", "length", "progress")
    )
    words, text = _text(unit, "unit"), _text(unit, "desc")
    return Progress(done, total, label(words) or "steps", fraction, label(text))


def _notice(message: dict[str, Any]) -> Notice:
    level = field(message, "level", str, default="info")
    text = strip_markup(field(message, "log", str))
    return Notice(text, level if level in _LEVELS else "info", label(_text(message, "title")))


def _text(part: object, name: str) -> str | None:
    text: str | None = field(part, name, str, default=None)
    return text


def _misshapen(why: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"A queue message is not as Gradio writes it: {strip_markup(why)}")


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
