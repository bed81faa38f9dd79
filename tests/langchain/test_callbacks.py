from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from chats import AsyncEars, Ears, chat
from langchain_core.callbacks import CallbackManager
from scripted import ScriptedSpace

from langchain_phi4._callbacks import EventSink, handlers_of
from phi4_space import Delta, Event, Notice, Progress, Queued, Rewritten, Started, Waking

NAMED: list[tuple[Event, str]] = [
    (Waking("BUILDING", 3.0), "phi4_waking"),
    (Queued(1, 2, 3.0), "phi4_queued"),
    (Started(1.0), "phi4_started"),
    (Progress(1.0, 2.0), "phi4_progress"),
    (Notice("hello"), "phi4_notice"),
    (Rewritten("again"), "phi4_rewritten"),
]


@pytest.mark.parametrize(("event", "name"), NAMED)
def test_events_are_told_by_name(event: Event, name: str) -> None:
    """Each kind of news has a name, and its fields are the data, both ways."""
    ears = Ears()
    sink = EventSink([ears], run := uuid4())

    sink.send(event)
    asyncio.run(sink.asend(event))

    assert [told for told, _ in ears.events] == [name, name]
    assert ears.events[0][1] == {field: getattr(event, field) for field in ears.events[0][1]}
    assert ears.runs == {run}


def test_text_is_no_news() -> None:
    """Deltas have chunks of their own."""
    ears = Ears()

    EventSink([ears], uuid4()).send(Delta("a"))
    asyncio.run(EventSink([ears], uuid4()).asend(Delta("a")))

    assert ears.events == []


def test_nobody_may_be_listening() -> None:
    """An sink of none hears nothing, and nothing fails."""
    EventSink([], uuid4()).send(Started())
    asyncio.run(EventSink([], uuid4()).asend(Started()))


def test_handlers_that_are_coroutines_hear_synchronous_calls() -> None:
    """Asynchronous handlers hear all four doors."""
    ears = AsyncEars()
    model = chat(ScriptedSpace(), callbacks=[ears])

    model.invoke("hi")
    list(model.stream("hi"))
    asyncio.run(model.ainvoke("hi"))

    assert [name for name, _ in ears.events] == ["phi4_queued", "phi4_started"] * 3


def test_callbacks_in_all_their_forms() -> None:
    """Lists, managers and nothing, each handler once."""
    one, other = Ears(), Ears()

    assert handlers_of(None, [one], CallbackManager([other, one])) == [one, other]
    assert handlers_of() == []
