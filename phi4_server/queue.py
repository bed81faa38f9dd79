"""The queue of turns: who may wait, and who is next. Knows Gradio's queue; no sockets and no chats.

Most turns are Gradio's events. Others, such as those of OpenAI's API, wait among them for `turn`.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import gradio as gr
from fastapi import HTTPException, Request
from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import error_payload, set_task_name

from phi4_server.bounds import Bounds
from phi4_server.shares import SIZE, client_of, in_turns

FULL = "Queue is full"

PROGRESS_EVERY = 0.1
"""Seconds between two looks whether turns have progress to report. Gradio 6 looks each 10 ms, used or not."""

UNREAD = 8
"""Answers that a session may leave unread."""

MODEL = "model"
"""Gradio's `concurrency_id` of all that has the model answer: so many of them are answered at a time."""

# Later versions of Gradio hand over the function, too.
_TAKES_FN = "fn" in inspect.signature(Queue.process_events).parameters


class QueueFull(Exception):
    """There is no room for a turn.

    Attributes:
        is_own: Whether it is the client's own turns that leave none.
    """

    def __init__(self, reason: str, *, is_own: bool) -> None:
        """Says why."""
        super().__init__(reason)
        self.is_own = is_own


@dataclass(frozen=True, slots=True)
class Place:
    """A turn that waits, or would like to.

    Attributes:
        client: Whose it is.
        session: Whose chat it goes on with.
        size: Bytes that it holds.
        event: Gradio's own note of it; None while it is not in Gradio's queue.
        given: Is done once the turn has come, for what is no event.
    """

    client: str
    session: str
    size: int
    event: Event | None = None
    given: asyncio.Future[None] | None = None

    @classmethod
    def of(cls, event: Event) -> Place:
        """The place of an event in Gradio's queue."""
        return cls(*_origin(event.request, event.session_hash), event)

    @property
    def turn(self) -> object:
        """What it is a place for."""
        return self.event or self.given


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
        self.progress_update_sleep_when_free = PROGRESS_EVERY
        self._changed = asyncio.Event()
        self._bounds = bounds
        self._at_once = at_once
        self._others: list[Place] = []
        self._names = count()
        self._ranks: dict[object, int] = {}
        self.event_analytics = _Nothing()

    def __len__(self) -> int:
        """How many turns wait, of all kinds."""
        return len(self._waiting()) + len(self._others)

    async def start_processing(self) -> None:
        """Begins turns as they come, and as others end.

        Gradio's own looks for them over and over, which takes some percent of a core from a Space that nobody
        uses; and a turn on a free Space waits for the next look.
        """
        self._asyncio_tasks = set()  # early versions of Gradio have a list, and keep what is done
        try:
            while not self.stopped:
                self._changed.clear()
                while None in self.active_jobs and (found := self.get_events()):
                    self._begin(*found)
                await self._changed.wait()
        finally:
            self.stopped = True
            self._cancel_asyncio_tasks()  # type: ignore[no-untyped-call]

    async def process_events(self, *job: Any) -> None:
        """Has events answered, after which others may begin."""
        try:
            await super().process_events(*job)
        finally:
            self._changed.set()

    def close(self) -> None:
        """Begins no more turns."""
        super().close()  # type: ignore[no-untyped-call]
        self._changed.set()

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The events that are next, if any are; others whose turn it is have it first."""
        self._give_turns()
        events: tuple[list[Event], bool, str] | None = super().get_events()
        return events

    @asynccontextmanager
    async def turn(self, client: str, size: int) -> AsyncIterator[None]:
        """Waits with all others for a turn of the model's, and has it for as long as the block lasts.

        Args:
            client: Whose turn it is.
            size: Bytes that it holds while it waits.

        Raises:
            QueueFull: There is no room for it, or others that came later need the room more.
        """
        given = asyncio.get_running_loop().create_future()
        place = Place(client, f"turn {next(self._names)}", size, given=given)
        self._make_room(place)
        self._others.append(place)
        self._line_up()
        self._give_turns()
        try:
            await given
            yield
        finally:
            if place in self._others:
                self._others.remove(place)
            elif not given.cancelled() and given.exception() is None:
                self._model.current_concurrency -= 1
                self._give_turns()
            self._changed.set()

    async def push(self, body: Any, request: Request, username: str | None) -> Any:
        """Lets a turn wait; what is returned is Gradio's.

        Raises:
            HTTPException: 429, its session has too many turns waiting; 503, there is no room.
        """
        try:
            self._make_room(Place(*_origin(request, body.session_hash)))
        except QueueFull as full:
            raise HTTPException(503, str(full)) from full
        pushed = await super().push(body, request, username)
        if pushed[0]:
            # A session that sent no name of its own has one now; phi4_server.sessions shall know it.
            self.blocks.state_holder[body.session_hash]
            self._forget_unread(body.session_hash)
            self._line_up()
            self._changed.set()
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
        waiting = {place.turn for place in self._line()}
        self._ranks = {turn: rank for turn, rank in self._ranks.items() if turn in waiting}
        if app := self.server_app:
            for event_id in [key for key, iterator in app.iterators.items() if iterator is None]:
                if event_id not in live:
                    app.iterators.pop(event_id, None)
            app.iterators_to_reset &= live

    def _begin(self, events: list[Event], batch: bool, concurrency_id: str) -> None:  # noqa: FBT001  Gradio's
        """Does what Gradio's own `start_processing` does with events that are next."""
        event, began = events[0], time.time()
        self.active_jobs[self.active_jobs.index(None)] = events
        line = self.event_queue_per_concurrency_id[concurrency_id]
        line.current_concurrency += 1
        line.start_times_per_fn[event.fn].add(began)
        fn = (event.fn,) if _TAKES_FN else ()
        task = asyncio.create_task(self.process_events(events, batch, began, *fn))
        # A turn is cancelled by this name.
        set_task_name(task, event.session_hash, event.fn._id, event._id, batch)  # noqa: SLF001  Gradio's own
        self._asyncio_tasks.add(task)
        task.add_done_callback(self._asyncio_tasks.discard)
        self.broadcast_estimations(concurrency_id)

    def _waiting(self) -> list[Event]:
        return [event for line in self.event_queue_per_concurrency_id.values() for event in line.queue]

    def _live(self) -> Iterator[Event]:
        yield from self._waiting()
        for job in self.active_jobs:
            yield from job or ()

    @property
    def _model(self) -> EventQueue:
        """Gradio's count of the model's turns."""
        if MODEL not in self.event_queue_per_concurrency_id:  # which Gradio makes for the first event
            self.event_queue_per_concurrency_id[MODEL] = EventQueue(MODEL, self._at_once)
        return self.event_queue_per_concurrency_id[MODEL]

    def _line(self, *newcomers: Place) -> list[Place]:
        """All that wait: those that were lined up before in that order, and others behind them, by turns."""
        places = [*map(Place.of, self._waiting()), *self._others, *newcomers]
        return fair(sorted(places, key=self._rank))

    def _rank(self, place: Place) -> float:
        return self._ranks.get(place.turn, math.inf)

    def _give_turns(self) -> None:
        """Has those begin whose turn it is, up to the first that is an event: Gradio begins those."""
        while self._others and self._model.current_concurrency < self._at_once:
            first = min([*map(Place.of, self._model.queue), *self._others], key=self._rank)
            if first.given is None:
                break
            self._others.remove(first)
            if not first.given.done():  # else it was given up at the same moment
                self._model.current_concurrency += 1
                first.given.set_result(None)

    def _make_room(self, newcomer: Place) -> None:
        of_session = Counter(place.session for place in self._line())
        if newcomer.session and of_session[newcomer.session] >= self._bounds.waiting:
            raise HTTPException(
                429, f"{self._bounds.waiting} turns of this session are waiting. Let them be answered first."
            )
        line = self._line(newcomer)
        while len(line) > self._bounds.queue or sum(place.size for place in line) > self._bounds.bodies:
            last = line.pop()
            if last is newcomer:
                is_own = any(place.client == newcomer.client for place in line)
                raise QueueFull(
                    f"Queue is full. Max size is {self._bounds.queue} and size is {len(self)}.", is_own=is_own
                )
            self._turn_away(last)

    def _turn_away(self, place: Place) -> None:
        reason = "Queue is full: others have waited for longer."
        if place.given is not None:
            self._others.remove(place)
            place.given.set_exception(QueueFull(reason, is_own=True))
        elif (event := place.event) is not None:
            self.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
            self.event_ids_to_events.pop(_name(event), None)
            output = error_payload(gr.Error(reason, title=FULL), show_error=True)
            self.send_message(event, ProcessCompletedMessage(output=output, title=FULL, success=False))

    def _line_up(self) -> None:
        self._ranks = {place.turn: rank for rank, place in enumerate(self._line())}
        for concurrency_id, line in self.event_queue_per_concurrency_id.items():
            ordered = sorted(line.queue, key=self._ranks.__getitem__)
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
