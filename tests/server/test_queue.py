"""The queue of turns: who may wait, and who is next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from fastapi import HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server import Message
from phi4_server.app import build
from phi4_server.bounds import Bounds
from phi4_server.queue import FairQueue, Place, QueueFull, fair
from phi4_server.shares import SIZE

pytestmark = pytest.mark.anyio
PLACES = st.builds(
    lambda client, session, size: Place(client, client + session, size),
    st.sampled_from("ab"),
    st.sampled_from("xyz"),
    st.integers(0, 9),
)


def rounds(names: Iterable[str]) -> list[int]:
    """How often each had come before."""
    seen: Counter[str] = Counter()
    counts = []
    for name in names:
        counts.append(seen[name])
        seen[name] += 1
    return counts


@settings(deadline=None)
@given(st.lists(PLACES, max_size=20))
def test_clients_take_turns_and_so_do_their_sessions(line: list[Place]) -> None:
    """Nobody is lost; no client has a second turn before another's first, and no session of a client has."""
    ordered = fair(line)
    assert Counter(ordered) == Counter(line)
    assert rounds(place.client for place in ordered) == sorted(rounds(place.client for place in line))
    for client in "ab":
        sessions = [place.session for place in ordered if place.client == client]
        assert rounds(sessions) == sorted(rounds(sessions))
    for session in {place.session for place in line}:
        mine = [place for place in ordered if place.session == session]
        assert mine == [place for place in line if place.session == session]


class Nobody:
    """Is never asked."""

    name = "Nobody"
    nature = "It says nothing."

    def stream(self, _chat: Sequence[Message]) -> Any:
        raise AssertionError


@cache
def built() -> Any:
    """A Space's page; Gradio takes long to make one, and wants a running loop."""
    return build(Nobody())


@dataclass
class Request:
    """As much of one as the queue looks at."""

    scope: dict[str, Any]


@dataclass
class Space:
    """A Space's queue that nobody serves."""

    bounds: Bounds
    queue: FairQueue = field(init=False)

    def __post_init__(self) -> None:
        """Is built, and started by nobody."""
        page = built()
        page._queue = self.queue = FairQueue(page, at_once=1, bounds=self.bounds)
        page.app.configure_app(page)
        self.queue.set_server_app(page.app)

    async def push(self, client: str, session: str, size: int = 0) -> str:
        """One turn; what it is called."""
        body = page_body(session)
        pushed = await self.queue.push(body, Request({"client": (client, 1), SIZE: size}), None)  # type: ignore[arg-type]
        return str(pushed[1])

    def line(self) -> list[str]:
        """The sessions that wait, in order."""
        return [event.session_hash for event in self.queue._waiting()]


def page_body(session: str) -> Any:
    """What Gradio makes of a request to `bot_response`."""
    from gradio.data_classes import PredictBodyInternal  # noqa: PLC0415  Gradio takes seconds to import

    return PredictBodyInternal(session_hash=session, data=[[], None], fn_index=11)


async def test_full_of_bytes() -> None:
    """Turns that hold much are bounded together, and who holds most often gives way."""
    space = Space(Bounds(text=4))
    large = space.bounds.bodies // 4
    for number in range(4):
        await space.push("flooder", f"f{number}", large)
    with pytest.raises(HTTPException, match="Queue is full") as refused:
        await space.push("flooder", "late", large)
    assert refused.value.status_code == 503
    await space.push("polite", "p", large)
    assert space.line() == ["f0", "p", "f1", "f2"]


async def test_who_gave_way_is_told() -> None:
    """The last of whoever waits most often has an end, with its reason."""
    space = Space(Bounds(queue=2))
    await space.push("flooder", "f0")
    await space.push("flooder", "f1")
    await space.push("polite", "p")
    assert space.line() == ["f0", "p"]
    messages = space.queue.pending_messages_per_session["f1"]
    *_, last = [messages.get_nowait().model_dump() for _ in range(messages.qsize())]
    assert (last["msg"], last["success"], last["title"]) == ("process_completed", False, "Queue is full")
    assert last["output"]["error"].startswith("Queue is full")


async def test_turns_of_one_session() -> None:
    """A few may wait; the next is refused, and those of others are not."""
    space = Space(Bounds(waiting=2))
    for _ in range(2):
        await space.push("a", "s")
    with pytest.raises(HTTPException) as refused:
        await space.push("a", "s")
    assert refused.value.status_code == 429
    await space.push("a", "t")
    assert space.line() == ["s", "t", "s"]
    assert space.queue.busy() == {"s", "t"}


async def test_what_is_over_is_forgotten() -> None:
    """An event that is done and was read is let go, one that was not read waits without its data."""
    space = Space(Bounds())
    read, unread, waiting = [await space.push("a", session) for session in "xyz"]
    queue = space.queue
    for line in queue.event_queue_per_concurrency_id.values():
        line.queue[:] = [event for event in line.queue if event._id == waiting]
    queue.pending_event_ids_session["x"].clear()
    assert queue.server_app is not None
    queue.server_app.iterators.update({read: None, waiting: None, unread: iter("")})
    queue.server_app.iterators_to_reset.update({read, waiting})

    queue.forget_finished()
    assert {event_id: event.data is None for event_id, event in queue.event_ids_to_events.items()} == {
        unread: True,
        waiting: False,
    }
    assert queue.server_app.iterators.keys() == {waiting, unread}
    assert queue.server_app.iterators_to_reset == {waiting}
    assert queue.event_analytics == {}


async def settle() -> None:
    """Lets all others run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A queue that begins turns; each lasts until the test ends it."""
    served = Served(Space(Bounds()), looks=0, begun={})
    queue, get_events = served.space.queue, served.space.queue.get_events

    def look() -> Any:
        served.looks += 1
        return get_events()

    async def process_events(_queue: Any, events: list[Any], *_more: Any) -> None:
        served.begun[events[0].session_hash] = asyncio.Event()
        await served.begun[events[0].session_hash].wait()
        queue.event_queue_per_concurrency_id["model"].current_concurrency -= 1
        queue.active_jobs[queue.active_jobs.index(events)] = None

    monkeypatch.setattr(queue, "get_events", look)
    monkeypatch.setattr("gradio.queueing.Queue.process_events", process_events)
    queue.active_jobs = [None] * queue.max_thread_count
    processing = asyncio.create_task(queue.start_processing())
    await settle()
    yield served
    queue.close()
    await processing


@dataclass
class Served:
    """A queue at work: how often it has looked for turns, and those it has begun, by session."""

    space: Space
    looks: int
    begun: dict[str, asyncio.Event]


async def test_a_queue_without_turns_sleeps(served: Served) -> None:
    """A Space that nobody uses leaves the processor alone: nothing is looked for until something comes."""
    looks = served.looks
    await asyncio.sleep(0.1)
    assert served.looks == looks


async def test_a_turn_begins_when_it_comes_or_when_another_ends(served: Served) -> None:
    """Nobody waits for a look: an event begins after the one before it, or after what is no event."""
    space = served.space
    await space.push("a", "s")
    await space.push("a", "t")
    await settle()
    assert [*served.begun] == ["s"]
    assert [task.get_name().partition("_")[0] for task in space.queue._asyncio_tasks] == ["s"]
    served.begun["s"].set()
    await settle()
    assert [*served.begun] == ["s", "t"]
    served.begun["t"].set()
    async with space.queue.turn("b", 0):
        await space.push("a", "u")
        await settle()
        assert [*served.begun] == ["s", "t"]
    await settle()
    assert [*served.begun] == ["s", "t", "u"]


async def wait(space: Space, client: str, log: list[str]) -> None:
    """One turn that is no event: it is logged when it comes, and ends once the test lets others run."""
    try:
        async with space.queue.turn(client, 0):
            log.append(client)
            await asyncio.sleep(0.01)
    except QueueFull as full:
        log.append(f"{client} {'429' if full.is_own else '503'}")


async def test_others_take_turns_too() -> None:
    """What is no event has its turn by clients, one at a time here, and after the events that came before."""
    space, log = Space(Bounds()), list[str]()
    await space.push("a", "s")
    waiting = [asyncio.create_task(wait(space, client, log)) for client in "aaabc"]
    await asyncio.sleep(0.1)
    assert (log, len(space.queue)) == ([], 6)  # the event is first, and Gradio begins those
    events, _batch, _id = space.queue.get_events() or ([], False, "")
    assert [event.session_hash for event in events] == ["s"]
    assert space.queue.get_events() is None
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert (log, len(space.queue)) == (["b", "c", "a", "a", "a"], 0)


async def test_others_hold_what_is_answered_at_a_time() -> None:
    """While one has its turn no event begins; then the event does, since Gradio looks for it."""
    space = Space(Bounds())
    async with space.queue.turn("a", 0):
        await space.push("b", "s")
        assert space.queue.get_events() is None
    events, _batch, _id = space.queue.get_events() or ([], False, "")
    assert [event.session_hash for event in events] == ["s"]


async def test_others_give_way() -> None:
    """When it is full, who waits most often gives way, event or not; the reason says whose fault it is."""
    space, log = Space(Bounds(queue=2)), list[str]()
    async with space.queue.turn("x", 0):
        tasks = [asyncio.create_task(wait(space, client, log)) for client in "aaa"]
        await asyncio.sleep(0)
        assert log == ["a 429"]
        await space.push("b", "s")
        await asyncio.sleep(0)
        assert log == ["a 429", "a 429"]
        await asyncio.create_task(wait(space, "c", log))
        assert log == ["a 429", "a 429", "c 503"]
        with pytest.raises(HTTPException) as refused:
            await space.push("c", "t")
        assert refused.value.status_code == 503
        tasks[0].cancel()
        await asyncio.sleep(0)
        assert space.line() == ["s"]
        assert len(space.queue) == 1
    for task in tasks:
        task.cancel()


async def test_who_is_cancelled_holds_nothing() -> None:
    """Whether it waits or its turn has just come."""
    space, log = Space(Bounds()), list[str]()
    for _ in range(2):
        tasks = [asyncio.create_task(wait(space, "a", log)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await wait(space, "b", log)
    assert log[-1] == "b"
    assert space.queue.event_queue_per_concurrency_id["model"].current_concurrency == 0
