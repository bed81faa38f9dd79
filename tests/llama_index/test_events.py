"""What a Space tells, as events of LlamaIndex's instrumentation."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher

from llama_index_phi4._callbacks import (
    Phi4Event,
    Phi4NoticeEvent,
    Phi4ProgressEvent,
    Phi4QueuedEvent,
    Phi4StartedEvent,
    Phi4WakingEvent,
    to_instrumentation,
)
from phi4_space import Delta, Event, Notice, Progress, Queued, Reply, Rewritten, Sent, Started, Waking

SPACE = "https://space.test"
TOLD: list[tuple[Event, type[Phi4Event], str]] = [
    (Waking("BUILDING", 2.5), Phi4WakingEvent, "Phi4WakingEvent"),
    (Queued(2, 5, 7.5), Phi4QueuedEvent, "Phi4QueuedEvent"),
    (Queued(0, 1), Phi4QueuedEvent, "Phi4QueuedEvent"),
    (Started(3.0), Phi4StartedEvent, "Phi4StartedEvent"),
    (Progress(1, 4, "tiles", description="Seeing"), Phi4ProgressEvent, "Phi4ProgressEvent"),
    (Progress(fraction=0.5), Phi4ProgressEvent, "Phi4ProgressEvent"),
    (Notice("Low quota", "warning", "Quota"), Phi4NoticeEvent, "Phi4NoticeEvent"),
]


@pytest.mark.parametrize(("event", "kind", "name"), TOLD)
def test_each_thing_that_a_space_tells_has_its_event(event: Event, kind: type[Phi4Event], name: str) -> None:
    """All of it, under a name that stays, and as JSON."""
    told = to_instrumentation(event, space=SPACE)

    assert type(told) is kind
    assert kind.class_name() == name
    written = json.loads(json.dumps(told.model_dump(mode="json")))
    assert {**asdict(event), "space": SPACE, "class_name": name}.items() <= written.items()


@pytest.mark.parametrize(("event", "kind", "name"), TOLD)
def test_an_event_has_the_fields_of_what_was_told(event: Event, kind: type[Phi4Event], name: str) -> None:
    """What the client adds to its events is added here too."""
    own = set(kind.model_fields) - set(BaseEvent.model_fields) - {"space"}

    assert own == {field.name for field in fields(event)}
    assert kind.__name__ == name


@pytest.mark.parametrize(
    "event",
    [Delta("hi"), Rewritten("ho"), Reply(text="hi", sent=Sent("hi"), space=SPACE, model="phi-4")],
)
def test_the_answer_is_no_event_of_ours(event: Event) -> None:
    """Core's own events tell it."""
    assert to_instrumentation(event, space=SPACE) is None


def test_a_handler_receives_them() -> None:
    """Through core's dispatcher, each with an id and a time of its own."""
    heard: list[BaseEvent] = []

    class Hearing(BaseEventHandler):
        def handle(self, event: BaseEvent, **_: object) -> None:
            heard.append(event)

    dispatcher = get_dispatcher("test_events")
    dispatcher.add_event_handler(Hearing())
    dispatcher.propagate = False
    for event, _, _ in TOLD:
        told = to_instrumentation(event, space=SPACE)
        assert told is not None
        dispatcher.event(told)

    assert [type(event) for event in heard] == [kind for _, kind, _ in TOLD]
    assert len({event.id_ for event in heard}) == len(TOLD)
    assert all(isinstance(event, Phi4Event) for event in heard)
