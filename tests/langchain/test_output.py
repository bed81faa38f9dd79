from __future__ import annotations

from typing import Any

import pytest

from langchain_phi4._output import ReplyCollector
from phi4_space import Event, Notice, Progress, Queued, Reply, Sent, Started, Timing, Waking


def reply(**changes: Any) -> Reply:
    return Reply(
        text="", sent=Sent("hi", event_id="event"), space="http://space.test", model="phi", **changes
    )


def metadata(*events: Event) -> dict[str, Any]:
    collector = ReplyCollector()
    for event in [*events, reply()]:
        collector.add(event)
    return collector.metadata()


def test_without_news_there_are_none() -> None:
    """What is not known is left out, and not told as None."""
    assert metadata(Started()) == {
        "model_name": "phi",
        "finish_reason": "stop",
        "space": "http://space.test",
        "event_id": "event",
        "attempts": 1,
        "timing": {"queued": None, "started": None, "first_text": None, "done": Timing().done},
    }


@pytest.mark.parametrize(
    ("events", "name", "told"),
    [
        ([Waking("SLEEPING", 0.0), Waking("BUILDING", 9.0)], "waking", {"stage": "BUILDING", "waited": 9.0}),
        ([Queued(3, 4), Queued(1, 4)], "queue", {"position": 3, "size": 4, "eta": None}),
        (
            [Progress(1, 4), Progress(2, 4)],
            "progress",
            {"done": 2, "total": 4, "unit": "steps", "fraction": None, "description": None},
        ),
        (
            [Notice("a"), Notice("b", "warning")],
            "notices",
            [
                {"text": "a", "level": "info", "title": None},
                {"text": "b", "level": "warning", "title": None},
            ],
        ),
    ],
)
def test_news_are_kept(events: list[Event], name: str, told: Any) -> None:
    """How long it was waited for, where it came in, how far it came last, and all that was said."""
    assert metadata(*events)[name] == told


def test_a_session_is_not_told() -> None:
    """Its name is the only key to what was said there, and traces lie about."""
    collector = ReplyCollector()
    collector.add(Reply(text="", sent=Sent("hi", session_hash="key"), space="s", model="m"))

    assert "key" not in str(collector.result())
