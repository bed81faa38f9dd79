"""What no cassette can show: turns that are left, a restart, turns at once, and what a turn costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, aclosing

import anyio
import pytest
from proxy import proxied
from servers import Servers, served
from stage import Clock, Listener, Stage

import phi4_space as p4
from phi4_space._environment import Environment

pytestmark = pytest.mark.anyio

TURN = ["predict", "join", "data"]
SOON = 10.0  # seconds; what is left early would take 30


@pytest.fixture
def listener() -> Listener:
    """Hears what `patient` sends."""
    return Listener()


@pytest.fixture
async def patient(servers: Servers, gradio_python: str, listener: Listener) -> AsyncIterator[p4.SpaceClient]:
    """A client of a Space that answers one turn at a time."""
    environment = Environment(transport=listener)
    async with p4.SpaceClient(servers.url("faulty", gradio_python), environment=environment) as space:
        yield space


async def first_words(space: p4.SpaceClient) -> p4.Event:
    """Asks for an answer of thirty seconds and leaves after its first piece."""
    async with aclosing(space.astream("SLOW 30")) as events:
        return await anext(event async for event in events if isinstance(event, p4.Delta))


async def cancelled(space: p4.SpaceClient) -> None:
    """Cancels the task that listens to an answer of thirty seconds."""
    speaking = asyncio.Event()

    async def listen() -> None:
        async for event in space.astream("SLOW 30"):
            if isinstance(event, p4.Delta):
                speaking.set()

    task = asyncio.create_task(listen())
    await speaking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def out_of_time(space: p4.SpaceClient) -> None:
    """Gives an answer of thirty seconds one second."""
    hasty = p4.SpaceClient(space.url, timeouts=1, environment=space._runtime.environment)
    with pytest.raises(p4.DeadlineExceeded):
        await hasty.areply("SLOW 30")


@pytest.mark.parametrize("leave", [first_words, cancelled, out_of_time])
async def test_leaving_frees_the_space(
    patient: p4.SpaceClient, listener: Listener, leave: Callable[[p4.SpaceClient], Awaitable[object]]
) -> None:
    """A turn that nobody listens to any more is taken back, and the next is answered at once."""
    await leave(patient)
    assert listener.steps[-1] == "cancel"
    with anyio.fail_after(SOON):
        assert (await patient.areply("hi")).text == "hi (files: 0, entries: 1)"


async def test_leaving_the_queue(patient: p4.SpaceClient, listener: Listener) -> None:
    """A turn that is left while it waits is taken back, and never runs."""
    async with Stage(patient.url).crowd(1), aclosing(patient.astream("SLOW 30")) as events:
        assert isinstance(await anext(events), p4.Queued)
    assert listener.steps[-1] == "cancel"
    with anyio.fail_after(SOON):
        assert (await patient.areply("hi")).text == "hi (files: 0, entries: 1)"


async def test_leaving_behind_a_proxy(servers: Servers, gradio_python: str) -> None:
    """A turn is taken back also where a proxy keeps from the Space that nobody listens any more."""
    url = servers.url("faulty", gradio_python)
    async with (
        proxied(url, discreet=True) as door,
        p4.SpaceClient(door.url, endpoint="process_message") as space,
    ):
        await first_words(space)
        with anyio.fail_after(SOON):
            assert (await space.areply("hi")).text == "hi (files: 0, entries: 1)"


async def test_restart_between_two_turns(servers: Servers, gradio_python: str) -> None:
    """A Space that was killed and started again is told everything that was said, and forgets nothing."""
    clock = Clock()
    with ExitStack() as running:
        first = running.enter_context(served("faulty", gradio_python))
        async with (
            proxied(first) as door,
            p4.SpaceClient(
                door.url, endpoint="process_message", environment=Environment(clock=clock)
            ) as space,
        ):
            chat = space.conversation()
            before = await chat.areply("one")
            await anyio.to_thread.run_sync(running.close)
            door.target = servers.url("faulty", gradio_python)
            clock.now += 60
            after = await chat.areply("two")

    assert after.sent.prompt == f"User: one\nAssistant: {before.text}\nUser: two\nAssistant:"
    assert after.sent.session_hash != before.sent.session_hash
    assert after.text.endswith("(files: 0, entries: 1)")


async def test_restart_within_seconds(servers: Servers, gradio_python: str) -> None:
    """A Space that restarts faster than anyone asks is noticed by the connections that broke."""
    with ExitStack() as running:
        first = running.enter_context(served("faulty", gradio_python))
        async with proxied(first) as door, p4.SpaceClient(door.url, endpoint="process_message") as space:
            chat = space.conversation()
            before = await chat.areply("one")
            door.target = servers.url("faulty", gradio_python)
            await door.hang_up()
            after = await chat.areply("two")

    assert after.sent.prompt == f"User: one\nAssistant: {before.text}\nUser: two\nAssistant:"
    assert after.sent.session_hash != before.sent.session_hash


async def test_two_conversations_at_once(servers: Servers, gradio_python: str) -> None:
    """Two conversations run at the same time, and neither hears of the other."""
    async with p4.SpaceClient(servers.url("whole", gradio_python), endpoint="process_message") as space:
        both_at_work = asyncio.Barrier(2)

        async def converse(name: str) -> list[p4.Reply]:
            chat = space.conversation()
            first = await chat.areply(f"{name} one")
            async with aclosing(chat.astream("WAIT 1")) as events:
                await anext(event async for event in events if isinstance(event, p4.Started))
                await both_at_work.wait()
                (second,) = [event async for event in events if isinstance(event, p4.Reply)]
            return [first, second, await chat.areply(f"{name} two")]

        told = await asyncio.gather(converse("Ada"), converse("Bob"))

    assert [[reply.text for reply in replies] for replies in told] == [
        [f"{name} one (files: 0, entries: 1)", "That took 1 seconds.", f"{name} two (files: 0, entries: 5)"]
        for name in ("Ada", "Bob")
    ]


async def test_requests_of_a_warm_turn(
    servers: Servers, gradio_python: str, measured: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    """A text turn after the first is three requests."""
    stage = Stage(servers.url("faulty", gradio_python))
    async with stage.client() as space:
        chat = space.conversation()
        for number in range(10):
            await chat.areply(f"turn {number}")

    warm = stage.steps[4:]
    assert warm == TURN * 9
    measured(f"{request.node.callspec.id}: {len(warm) / 9:g} requests per warm text turn")


async def test_connections_of_ten_turns(
    servers: Servers, gradio_python: str, measured: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    """Ten turns share their connections."""
    async with (
        proxied(servers.url("faulty", gradio_python)) as door,
        p4.SpaceClient(door.url, endpoint="process_message") as space,
    ):
        chat = space.conversation()
        for number in range(10):
            await chat.areply(f"turn {number}")

    assert door.connections <= 2
    measured(f"{request.node.callspec.id}: {door.connections} connections for ten turns")
