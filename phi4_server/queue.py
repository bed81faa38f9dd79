"""The queue of turns: who may wait, and who is next. Knows Gradio's queue; no sockets and no chats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from fastapi import HTTPException, Request
from gradio.queueing import Event, Queue
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import error_payload

from phi4_server.bounds import Bounds
from phi4_server.shares import SIZE, client_of, in_turns

FULL = "Queue is full"

LOOK_EVERY = 0.01
"""Seconds between two looks whether a turn waits. Gradio 6 looks each millisecond, which takes 6 % of a core
from a Space that nobody uses; Gradio 5 each 50, which a turn on a free Space waits for."""

UNREAD = 8
"""Answers that a session may leave unread."""


@dataclass(frozen=True, slots=True)
class Place:
    """A turn that waits, or would like to.

    Attributes:
        client: Whose it is.
        session: Whose chat it goes on with.
        size: Bytes that it holds.
        event: Gradio's own note of it; None while it is not in the queue.
    """

    client: str
    session: str
    size: int
    event: Event | None = None

    @classmethod
    def of(cls, event: Event) -> Place:
        """The place of an event in Gradio's queue."""
        return cls(*_origin(event.request, event.session_hash), event)


def _origin(request: Request, session: str | None) -> tuple[str, str, int]:
    return client_of(request.scope.get("client")), session or "", request.scope.get(SIZE, 0)


def fair(line: list[Place]) -> list[Place]:
    """A line in which clients take turns, and the sessions of each client do."""
    return in_turns(in_turns(line, lambda place: place.session), lambda place: place.client)


class FairQueue(Queue):
    """Clients take turns. When it is full, who waits most often gives way."""

    def __init__(self, page: gr.Blocks, *, at_once: int, bounds: Bounds) -> None:
        """The queue of `page`, which answers `at_once` turns at a time."""
        super().__init__(
            live_updates=True,
            concurrency_count=page.max_threads,
            update_intervals=1,
            max_size=None,  # what is too much is decided here
            blocks=page,
            default_concurrency_limit=at_once,
        )
        self.sleep_when_free = LOOK_EVERY
        self._bounds = bounds
        self.event_analytics = _Nothing()

    async def push(self, body: Any, request: Request, username: str | None) -> Any:
        """Lets a turn wait; what is returned is Gradio's.

        Raises:
            HTTPException: 429, its session has too many turns waiting; 503, there is no room.
        """
        self._make_room(Place(*_origin(request, body.session_hash)))
        pushed = await super().push(body, request, username)
        if pushed[0]:
            # A session that sent no name of its own has one now; phi4_server.sessions shall know it.
            self.blocks.state_holder[body.session_hash]
            self._forget_unread(body.session_hash)
            self._line_up()
        return pushed

    def busy(self) -> set[str]:
        """The sessions whose turns wait or are answered."""
        return {event.session_hash for event in self._live()}

    def forget_finished(self) -> None:
        """Lets go of what Gradio keeps of events that are over."""
        live = {_name(event) for event in self._live()}
        unread = set().union(*self.pending_event_ids_session.values())
        for event_id, event in [*self.event_ids_to_events.items()]:
            if event_id in live:
                continue
            event.data = None
            if event_id not in unread:
                self.event_ids_to_events.pop(event_id, None)
        if isinstance(self._asyncio_tasks, list):  # later versions of Gradio have a set, and tidy it
            self._asyncio_tasks[:] = [task for task in self._asyncio_tasks if not task.done()]
        if app := self.server_app:
            for event_id in [key for key, iterator in app.iterators.items() if iterator is None]:
                if event_id not in live:
                    app.iterators.pop(event_id, None)
            app.iterators_to_reset &= live

    def _waiting(self) -> list[Event]:
        return [event for line in self.event_queue_per_concurrency_id.values() for event in line.queue]

    def _live(self) -> Iterator[Event]:
        yield from self._waiting()
        for job in self.active_jobs:
            yield from job or ()

    def _make_room(self, newcomer: Place) -> None:
        line = [Place.of(event) for event in self._waiting()]
        of_session = Counter(place.session for place in line)
        if newcomer.session and of_session[newcomer.session] >= self._bounds.waiting:
            raise HTTPException(
                429, f"{self._bounds.waiting} turns of this session are waiting. Let them be answered first."
            )
        line = fair([*line, newcomer])
        while len(line) > self._bounds.queue or sum(place.size for place in line) > self._bounds.bodies:
            last = line.pop()
            if last.event is None:
                size = len(self._waiting())
                raise HTTPException(
                    503, f"Queue is full. Max size is {self._bounds.queue} and size is {size}."
                )
            self._turn_away(last.event)

    def _turn_away(self, event: Event) -> None:
        self.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
        self.event_ids_to_events.pop(_name(event), None)
        refusal = gr.Error("Queue is full: others have waited for longer.", title=FULL)
        output = error_payload(refusal, show_error=True)
        self.send_message(event, ProcessCompletedMessage(output=output, title=FULL, success=False))

    def _line_up(self) -> None:
        for concurrency_id, line in self.event_queue_per_concurrency_id.items():
            places = fair([Place.of(event) for event in line.queue])
            ordered = [place.event for place in places if place.event is not None]
            if ordered != line.queue:
                line.queue[:] = ordered
                self.broadcast_estimations(concurrency_id)

    def _forget_unread(self, session: str) -> None:
        live = {_name(event) for event in self._live()}
        pending = self.pending_event_ids_session[session]
        if len(pending - live) <= UNREAD:
            return
        pending &= live
        messages = self.pending_messages_per_session[session]
        for message in [messages.get_nowait() for _ in range(messages.qsize())]:
            if message.event_id in live:
                messages.put_nowait(message)


def _name(event: Event) -> str:
    return str(event._id)  # noqa: SLF001  Gradio's own, and the one that clients know


class _Nothing(dict[str, Any]):
    """Keeps nothing: Gradio's statistics of all events ever, which it sums up anew after each one."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Forgets."""

    def __missing__(self, key: str) -> dict[str, Any]:
        """What is written into it is forgotten too."""
        return {}
