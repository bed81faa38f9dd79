"""Edits that were made to keep their reader busy, or to have it hold more and more."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from growth import assert_proportional

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._gradio.diffs import Outputs
from phi4_space._gradio.queue import Finished, Heartbeat, QueueReader, Snapshot
from phi4_space._limits import Limits

LARGE = Limits(edits=10**7, values=10**7, line=10**9)
JOB = "job"


def nested(depth: int, inner: Any) -> Any:
    """A value within so many lists."""
    for _ in range(depth):
        inner = [inner]
    return inner


# (the output as it stands, what edits it), for a number of edits
EDITS: dict[str, tuple[Callable[[int], Any], Callable[[int], list[Any]]]] = {
    "letters appended": (lambda _: "", lambda count: [["append", [], "x"]] * count),
    "letters appended to a long text": (
        lambda count: "x" * (100 * count),
        lambda count: [["append", [], "y"]] * count,
    ),
    "letters appended to two long texts": (
        lambda count: ["x" * (100 * count)] * 2,
        lambda count: [["append", [number % 2], "y"] for number in range(count)],
    ),
    "letters appended, and something replaced beside": (
        lambda count: ["x" * (100 * count), 0],
        lambda count: [["append", [0], "y"], ["replace", [1], 1]] * (count // 2),
    ),
    "letters appended, and something added behind": (
        lambda count: ["x" * (100 * count)],
        lambda count: [["append", [0], "y"], ["add", [1], 1]] * (count // 2),
    ),
    "letters appended to many texts": (
        lambda count: [""] * count,
        lambda count: [["append", [number], "y"] for number in range(count)],
    ),
    "wide emoji appended to narrow letters": (
        lambda count: "x" * (100 * count),
        lambda count: [["append", [], "\U0001f600"]] * count,
    ),
    "replaced in a wide list": (
        lambda count: [0] * count,
        lambda count: [["replace", [number], 1] for number in range(count)],
    ),
    "replaced in a wide object": (
        lambda count: dict.fromkeys(map(str, range(count)), 0),
        lambda count: [["replace", [str(number)], 1] for number in range(count)],
    ),
    "added to an object": (
        lambda _: {},
        lambda count: [["add", [str(number)], 1] for number in range(count)],
    ),
    "deleted from an object": (
        lambda count: dict.fromkeys(map(str, range(count)), 0),
        lambda count: [["delete", [str(number)], None] for number in range(count)],
    ),
    "deep down": (
        lambda _: nested(90, ""),
        lambda count: [["append", [0] * 90, "x"]] * (count // 10),
    ),
    "replaced as a whole": (lambda _: 0, lambda count: [["replace", [], [0] * 10]] * count),
    "long lists replaced": (
        lambda count: [[0] * count] * 2,
        lambda count: [["replace", [number % 2], [0] * 10] for number in range(count)],
    ),
}


@pytest.mark.parametrize("form", EDITS)
def test_edits_take_work_in_proportion(form: str) -> None:
    """Ten times the edits, of an output ten times as large, take ten times the work."""
    value, edits = EDITS[form]

    def work(count: int) -> Callable[[], object]:
        outputs, script = Outputs([value(count)], LARGE), edits(count)
        return lambda: outputs.edit([script])

    assert_proportional(work, 1_000, 10_000)


def test_small_messages_cost_what_they_bring() -> None:
    """A message that appends to one output leaves the others alone, however large they are."""

    def work(count: int) -> Callable[[], object]:
        outputs = Outputs(["", {"large": [0] * 100 * count}], LARGE)

        def grow() -> None:
            for _ in range(count):
                outputs.edit([[["append", [], "x"]], []])

        return grow

    assert_proportional(work, 100, 1_000)


def message(kind: str, data: list[Any]) -> str:
    """A message of the queue with a handler's outputs."""
    return json.dumps({"msg": kind, "event_id": JOB, "output": {"data": data}, "success": True})


def generating(*data: Any) -> str:
    """A message with outputs, or with their edits."""
    return message("process_generating", list(data))


@pytest.mark.parametrize(
    ("which", "limits", "outputs", "edits"),
    [
        ("edits", Limits(), ["", ""], [[["append", [], "x"]] * 5_000, [["append", [], "x"]] * 5_001]),
        ("values", Limits(values=100), [[]], [[["add", [0], []]] * 101]),
        ("values", Limits(values=100), [{}], [[["add", [str(number)], 0] for number in range(60)]]),
        ("values", Limits(values=100), [0], [[["replace", [], [0] * 40], ["add", [0], [0] * 60]]]),
        ("depth", Limits(), [0], [[["replace", [0] * at, [0]] for at in range(200)]]),
        ("depth", Limits(), [nested(90, 0)], [[["replace", [0] * 90, nested(20, 0)]]]),
        ("depth", Limits(), [nested(90, [])], [[["add", [*[0] * 90, 0], nested(20, 0)]]]),
        ("depth", Limits(), [0], [[["append", [0] * 200, "x"]]]),
        ("line", Limits(line=1_000), [""], [[["append", [], "x" * 300]] * 4]),
        ("line", Limits(line=1_000), [[]], [[["add", [0], "x" * 300]] * 4]),
        ("line", Limits(line=1_000), [{}], [[["add", ["k" * 300 + c], 1] for c in "abcd"]]),
        ("line", Limits(line=1_000), [""], [[["replace", [], "x" * 1_001]]]),
    ],
)
def test_outputs_stay_within_the_limits(
    which: str, limits: Limits, outputs: list[Any], edits: list[Any]
) -> None:
    """What no message could bring at once does not grow by edits either; the limit is named."""
    with pytest.raises(LimitExceeded) as refused:
        Outputs(outputs, limits).edit(edits)

    assert refused.value.which == which
    assert refused.value.limit == getattr(limits, which)


def test_outputs_may_change_for_ever() -> None:
    """What was replaced or deleted counts no more."""
    outputs = Outputs([[], {}, ""], Limits(values=40, line=1_000))

    for round_ in range(100):
        outputs.edit(
            [
                [["add", [0], "x" * 200], ["replace", [0], [0] * 9], ["delete", [0], None]],
                [["add", [f"key{round_}"], "x" * 200], ["delete", [f"key{round_}"], None]],
                [["append", [], "y" * 300], ["append", [], "y" * 300], ["replace", [], "z" * 300]],
            ]
        )

    assert outputs.values == [[], {}, "z" * 300]


def test_what_is_added_twice_counts_once() -> None:
    """A key that is there is replaced."""
    outputs = Outputs([{}], Limits(values=10))

    outputs.edit([[["add", ["k"], [number]] for number in range(50)]])

    assert outputs.values == [{"k": [49]}]


def test_a_text_that_grew_is_one_when_it_is_read() -> None:
    """Texts that were appended to move with what they stand in, and are replaced and deleted as others."""
    outputs = Outputs([["a", "b", {"c": "d"}]], Limits())

    grown = outputs.edit(
        [
            [
                *(["append", [0], "A"], ["append", [1], "B"], ["append", [2, "c"], "D"]),
                *(["add", [0], "first"], ["append", [1], "!"], ["delete", [2], None]),
                *(["append", [2, "c"], "?"], ["append", [0], "…"], ["replace", [0], "one"]),
            ]
        ]
    )

    assert grown == [["one", "aA!", {"c": "dD?"}]]
    texts: Any = grown[0]
    assert {type(texts[0]), type(texts[1]), type(texts[2]["c"])} == {str}


@pytest.mark.parametrize("edits", [[["append", [0, 0], "x"]], [["append", [0], 1]], [["add", [0, 0], 1]]])
def test_a_text_that_grows_is_no_place(edits: list[Any]) -> None:
    """While its pieces are apart it takes what a text takes, and nothing else."""
    with pytest.raises(UnexpectedAnswer, match="does not fit"):
        Outputs([["a"]], Limits()).edit([[["append", [0], "b"], *edits]])


def test_a_message_that_goes_beyond_a_limit_is_told() -> None:
    """A limit is no slip of Gradio's, which the end would mend: the turn is over."""
    reader = QueueReader(JOB, Limits(edits=3))
    reader.read(generating(""))

    assert reader.read(generating([["append", [], "x"]] * 3)) == [Snapshot(["xxx"])]
    with pytest.raises(LimitExceeded, match="4 edits"):
        reader.read(generating([["append", [], "x"]] * 4))


def test_edits_that_do_not_fit_still_wait_for_the_end() -> None:
    """As they did: what grew until then is as it was, and the end brings the answer in full."""
    reader = QueueReader(JOB)
    reader.read(generating("a"))

    assert reader.read(generating([["append", [], "b"], ["append", [7], "c"]])) == [Heartbeat()]
    assert reader.read(message("process_completed", ["whole"])) == [Finished(["whole"])]
