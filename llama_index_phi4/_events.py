"""What a Space tells -> events for LlamaIndex's instrumentation. Knows both vocabularies; dispatches nothing.

Their class names are stable, and all that they hold can be written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from llama_index.core.instrumentation.events import BaseEvent

from phi4_space import Event, Notice, Progress, Queued, Started, Waking


class Phi4Event(BaseEvent):
    """Something that a Space tells while its answer is awaited.

    Attributes:
        space: The Space, as its URL or "owner/name".
    """

    space: str

    @classmethod
    def class_name(cls) -> str:
        """The name by which handlers and traces know this kind of event."""
        return cls.__name__


class Phi4WakingEvent(Phi4Event):
    """The Space is not up yet, and is being waited for.

    Attributes:
        stage: The Hub's word for its state, such as "BUILDING".
        waited: Seconds waited so far.
    """

    stage: str
    waited: float


class Phi4QueuedEvent(Phi4Event):
    """The turn waits in the Space's queue.

    Attributes:
        position: How many are in front; 0 is next.
        size: How many wait in all.
        eta: Seconds until it starts, as the Space guesses, if it does.
    """

    position: int
    size: int
    eta: float | None = None


class Phi4StartedEvent(Phi4Event):
    """The Space works on the turn.

    Attributes:
        eta: Seconds until it ends, as the Space guesses, if it does.
    """

    eta: float | None = None


class Phi4ProgressEvent(Phi4Event):
    """How far the Space is, in its own measure.

    Attributes:
        done: Units done, if it counts them.
        total: Units in all, if it counts them.
        unit: What it counts, such as "steps".
        fraction: From 0 to 1, if it tells that instead.
        description: What it is doing, if it says so.
    """

    done: float | None = None
    total: float | None = None
    unit: str = "steps"
    fraction: float | None = None
    description: str | None = None


class Phi4NoticeEvent(Phi4Event):
    """Something that the Space, or the client, tells the user meanwhile.

    Attributes:
        text: The words, without markup.
        level: "info", "warning", "success" or "error".
        title: Its title, if it has one.
    """

    text: str
    level: str = "info"
    title: str | None = None


_KINDS: Mapping[type, type[Phi4Event]] = {
    Waking: Phi4WakingEvent,
    Queued: Phi4QueuedEvent,
    Started: Phi4StartedEvent,
    Progress: Phi4ProgressEvent,
    Notice: Phi4NoticeEvent,
}


def to_instrumentation(event: Event, *, space: str) -> Phi4Event | None:
    """The event as LlamaIndex's handlers take it; None for the answer itself, which core's own events tell.

    Args:
        event: What the client yields.
        space: The Space, as its URL or "owner/name".
    """
    kind = _KINDS.get(type(event))
    return kind(space=space, **asdict(event)) if kind else None
