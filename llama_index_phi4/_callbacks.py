"""Core's callbacks and instrumentation: around each endpoint, and for a Space's events. Knows no message.

Core's decorators wrap a stream and leave its source to the garbage collector, which does not come as long as
some handler keeps the exception that ended the stream. A Space would go on working for nobody. Here the
source is closed with the stream, and the endpoint keeps its signature.

The events' class names are stable, and all that they hold can be written as JSON.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, TypeVar, cast

from llama_index.core import instrumentation
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.span import active_span_id
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

from phi4_space import Event, Notice, Progress, Queued, Started, Waking

_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_Callback = Callable[[Callable[..., Any]], Callable[..., Any]]


def chat_endpoint(endpoint: Endpoint) -> Endpoint:
    """Reports a chat endpoint's start and end to core's handlers, be it an error or an early close."""
    return _instrument(endpoint, llm_chat_callback())


def completion_endpoint(endpoint: Endpoint) -> Endpoint:
    """The same for a completion endpoint."""
    return _instrument(endpoint, llm_completion_callback())


def _instrument(endpoint: Endpoint, callback: _Callback) -> Endpoint:
    instrument: Callable[..., Callable[..., Any]] = (
        _instrument_async if inspect.iscoroutinefunction(endpoint) else _instrument_sync
    )
    return cast("Endpoint", functools.wraps(endpoint)(instrument(endpoint, callback)))


def _instrument_sync(endpoint: Callable[..., Any], callback: _Callback) -> Callable[..., Any]:
    def call(self: object, *args: Any, **kwargs: Any) -> Any:
        sources: list[Any] = []

        def recorded(self: object, *args: Any, **kwargs: Any) -> Any:
            sources.append(endpoint(self, *args, **kwargs))
            return sources[0]

        answer = callback(recorded)(self, *args, **kwargs)
        return _closing(answer, sources[0]) if isinstance(answer, Generator) else answer

    return call


def _instrument_async(endpoint: Callable[..., Awaitable[Any]], callback: _Callback) -> Callable[..., Any]:
    async def call(self: object, *args: Any, **kwargs: Any) -> Any:
        sources: list[Any] = []

        async def recorded(self: object, *args: Any, **kwargs: Any) -> Any:
            sources.append(await endpoint(self, *args, **kwargs))
            return sources[0]

        answer = await callback(recorded)(self, *args, **kwargs)
        return _aclosing(answer, sources[0]) if isinstance(answer, AsyncGenerator) else answer

    return call


def _closing(
    answer: Generator[Any, None, None], source: Generator[Any, None, None]
) -> Generator[Any, None, None]:
    try:
        yield from answer
    finally:
        source.close()


async def _aclosing(
    answer: AsyncGenerator[Any, None], source: AsyncGenerator[Any, None]
) -> AsyncGenerator[Any, None]:
    try:
        async with aclosing(answer):
            async for response in answer:
                yield response
    finally:
        await source.aclose()


class Phi4Event(BaseEvent):
    """Something that a Space reports while its answer is awaited.

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
        fraction: From 0 to 1, if the Space reports that instead.
        description: What it is doing, if it says so.
    """

    done: float | None = None
    total: float | None = None
    unit: str = "steps"
    fraction: float | None = None
    description: str | None = None


class Phi4NoticeEvent(Phi4Event):
    """A message for the user, from the Space or the client.

    Attributes:
        text: Its text, without markup.
        level: "info", "warning", "success" or "error".
        title: Its title, if it has one.
    """

    text: str
    level: str = "info"
    title: str | None = None


_CLASSES: Mapping[type, type[Phi4Event]] = {
    Waking: Phi4WakingEvent,
    Queued: Phi4QueuedEvent,
    Started: Phi4StartedEvent,
    Progress: Phi4ProgressEvent,
    Notice: Phi4NoticeEvent,
}


class EventSink:
    """Passes a Space's events to core's handlers, within the span in which it was made.

    Args:
        space: The Space, as its URL or "owner/name".
    """

    def __init__(self, space: str) -> None:
        self._space = space
        self._span_id = active_span_id.get()

    def send(self, event: Event) -> None:
        """Passes an event on, unless it is of the answer itself, which core's own events report."""
        if (core_event := to_instrumentation(event, space=self._space)) is not None:
            core_event.span_id = self._span_id
            _dispatcher.event(core_event)


def to_instrumentation(event: Event, *, space: str) -> Phi4Event | None:
    """The event as LlamaIndex's handlers take it; None for those of the answer itself.

    Args:
        event: What the client yields.
        space: The Space, as its URL or "owner/name".
    """
    event_class = _CLASSES.get(type(event))
    return event_class(space=space, **asdict(event)) if event_class else None
