"""Rows that wait, and which of them are taken together."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from phi4_server.weights.generation.question import Media, Prompt, Question
from phi4_server.weights.generation.row import Row
from phi4_server.weights.generation.row_queue import RowQueue


def row(kind: str = "words", length: int = 10) -> Row:
    """One with that in its prompt."""
    file = (Media(name="a", kind="audio", data=b"", tokens=1),)
    prompt = Prompt(
        ids=(1,) * length,
        images=file if kind in {"images", "both"} else (),
        audio=file if kind in {"audio", "both"} else (),
    )
    return Row(Question(prompt=prompt, most=5), chance=None)


def queue(**options: Any) -> RowQueue:
    """One of four at once that does not wait."""
    return RowQueue(**({"at_once": 4, "edge": 100, "tokens": 1000, "gather": 0.0} | options))


def filled(*rows: Row, **options: Any) -> RowQueue:
    """One in which these wait."""
    waiting = queue(**options)
    for each in rows:
        waiting.put(each)
    return waiting


@pytest.mark.parametrize(
    ("kinds", "together"),
    [
        (["words", "images", "words", "both"], [0, 1, 2, 3]),
        (["words", "audio", "words"], [0, 1, 2]),
        (["images", "audio", "words", "images"], [0, 2, 3]),
        (["audio", "both", "images", "audio"], [0, 3]),
    ],
)
def test_images_and_audio_alone_are_never_together(kinds: list[str], together: list[int]) -> None:
    """Words go with either; the others wait, in their order."""
    rows = [row(kind) for kind in kinds]
    waiting = filled(*rows)

    assert waiting.take() == [rows[index] for index in together]
    if rest := [each for index, each in enumerate(rows) if index not in together]:
        assert waiting.take() == rest


def test_no_more_than_are_taken_at_once() -> None:
    """The first that came are the first that go."""
    rows = [row() for _ in range(5)]
    waiting = filled(*rows)

    assert waiting.take() == rows[:4]
    assert waiting.take() == rows[4:]


def test_long_and_short_ones_are_apart() -> None:
    """Their positions differ."""
    rows = [row(length=length) for length in (101, 100, 150, 7)]
    waiting = filled(*rows)

    assert [waiting.take(), waiting.take()] == [[rows[0], rows[2]], [rows[1], rows[3]]]


def test_no_more_tokens_than_there_is_memory_for() -> None:
    """Each counts as much as the longest."""
    rows = [row(length=length) for length in (450, 600, 500, 40)]
    waiting = filled(*rows, edge=1)

    assert [waiting.take() for _ in range(3)] == [[rows[0], rows[2]], [rows[1]], [rows[3]]]


def test_one_that_is_too_long_for_all_goes_alone() -> None:
    """It is the model that refuses it, if anybody does."""
    rows = [row(length=5000), row()]
    assert filled(*rows).take() == rows[:1]


def test_it_waits_for_others() -> None:
    """A moment, once there is one."""
    waiting, first, second = queue(gather=5.0, at_once=2), row(), row()
    waiting.put(first)
    threading.Timer(0.05, waiting.put, [second]).start()

    assert waiting.take() == [first, second]


def test_who_left_is_not_taken() -> None:
    """Nor waited with."""
    rows = [row(), row()]
    waiting = filled(*rows)
    rows[0].has_left = True

    assert waiting.take() == rows[1:]


def test_those_that_go_on_come_first() -> None:
    """Before those that wait for their beginning."""
    old, new = row(), row()
    waiting = filled(new)
    waiting.put_back([old])

    assert waiting.take() == [old, new]


def test_whether_one_could_join() -> None:
    """It has to go together with those that are still under way, and there has to be room."""
    under_way = [row("images"), row("images")]

    assert not queue().has_one_for(under_way)
    assert not filled(row("audio")).has_one_for(under_way)
    assert filled(row("audio"), row()).has_one_for(under_way)
    assert not filled(row(), at_once=2).has_one_for(under_way)
    under_way[0].has_left = True
    assert filled(row(), at_once=2).has_one_for(under_way)


def test_closing() -> None:
    """Ends who waits for rows, returns the rows that wait, and lets no more in."""
    waiting, taken = queue(), []
    thread = threading.Thread(target=lambda: taken.append(waiting.take()))
    thread.start()
    time.sleep(0.05)
    assert waiting.close() == []
    thread.join(5)

    assert taken == [[]]
    with pytest.raises(RuntimeError):
        waiting.put(row())
    left = row()
    other = filled(left)
    assert other.close() == [left]
    assert other.take() == []
