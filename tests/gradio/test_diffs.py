"""The edit script: Gradio's own scripts give Gradio's own values, and a false one is refused by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from gradio import utils as gradio_utils
from hypothesis import assume, given
from hypothesis import strategies as st

from phi4_space._errors import LimitExceeded, UnexpectedAnswer
from phi4_space._gradio.diffs import Outputs
from phi4_space._json import JSON
from phi4_space._limits import Limits

LIMITS = Limits()

gradios_script: Callable[[JSON, JSON], list[JSON]] = gradio_utils.diff

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


def apply_edits(value: JSON, edits: JSON, limits: Limits = LIMITS) -> JSON:
    """What one output is after these edits."""
    edited: JSON = Outputs([value], limits).edit([edits])[0]
    return edited


def shrinks_nested_lists(value: JSON, new: JSON) -> bool:
    """Whether Gradio's script would be false: it shifts inner deletions again for each outer list."""
    if isinstance(value, list) and isinstance(new, list):
        return any(shortens_a_list(old, now) for old, now in zip(value, new, strict=False))
    if isinstance(value, dict) and isinstance(new, dict):
        return any(shrinks_nested_lists(value[key], new[key]) for key in value.keys() & new.keys())
    return False


def shortens_a_list(value: JSON, new: JSON) -> bool:
    """Whether a list anywhere in it gets shorter."""
    if isinstance(value, list) and isinstance(new, list):
        pairs = zip(value, new, strict=False)
        return len(new) < len(value) or any(shortens_a_list(old, now) for old, now in pairs)
    if isinstance(value, dict) and isinstance(new, dict):
        return any(shortens_a_list(value[key], new[key]) for key in value.keys() & new.keys())
    return False


@given(values, values)
def test_gradios_scripts_give_gradios_values(old: JSON, new: JSON) -> None:
    """What Gradio's server computes as the difference turns the old value into the new one, exactly."""
    assume(not shrinks_nested_lists(old, new))

    edits = json.loads(json.dumps(gradios_script(old, new)))

    assert apply_edits(old, edits) == new


@given(values, values)
def test_the_value_stays_as_it_is(old: JSON, new: JSON) -> None:
    """The value that was passed is never changed, nor are the edits."""
    assume(not shrinks_nested_lists(old, new))
    edits = gradios_script(old, new)
    before = copy.deepcopy((old, edits))

    apply_edits(old, edits)

    assert (old, edits) == before


appended = st.tuples(st.just("append"), st.sampled_from([[], ["a"], ["b", 0]]), st.text(max_size=3)).map(list)
scripts = st.lists(
    st.lists(appended | st.just(["replace", ["a"], "x"]), max_size=2) | st.none(), min_size=1, max_size=3
)


@given(st.lists(scripts, max_size=8))
def test_a_text_that_grows_is_what_edits_make_of_it(messages: list[list[Any]]) -> None:
    """Whether they are taken as growth, where they are, or as edits, and whenever the whole is asked for."""
    values: list[JSON] = [{"a": "", "b": ["y"]}, "z"]
    grown, edited = Outputs(values, LIMITS), Outputs(values, LIMITS)
    for message in messages:
        try:
            whole = edited.edit(message)
        except UnexpectedAnswer:
            assert grown.grow(message) is None
            return
        growth = grown.grow(message)
        if growth is None:
            assert grown.edit(message) == whole
        elif len(growth.text) != 1:  # else later
            assert growth.whole() == whole
        if growth is not None:
            assert [growth.place, growth.text] in [
                [[number, *edit[1]], edit[2]]
                for number, script in enumerate(message)
                if isinstance(script, list)
                for edit in script
            ]

    assert grown.values == edited.values


def test_growth_stays_within_the_limits() -> None:
    """As edits do."""
    outputs = Outputs(["a"], Limits(line=5))
    assert outputs.grow([[["append", [], "bcde"]]]) is not None

    with pytest.raises(LimitExceeded):
        outputs.grow([[["append", [], "f"]]])


@pytest.mark.parametrize(
    ("content", "edits", "expected"),
    [
        ("hello", [["append", [1, "content"], " wörld"]], "hello wörld"),
        (
            [{"text": "hello", "type": "text"}],
            [["append", [1, "content", 0, "text"], " wörld"]],
            [{"text": "hello wörld", "type": "text"}],
        ),
        ("hello", [], "hello"),
    ],
    ids=["as Gradio 5 sends it", "as Gradio 6 sends it", "no change"],
)
def test_a_chat_grows(content: JSON, edits: list[JSON], expected: JSON) -> None:
    """The edits seen on the wire of Gradio 5.20, 5.50 and 6.31 make the chat grow."""
    chat: JSON = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": content}]

    grown = apply_edits(chat, edits)

    assert grown == [{"role": "user", "content": "hi"}, {"role": "assistant", "content": expected}]


@pytest.mark.parametrize(
    ("value", "edit", "expected"),
    [
        ("a", ["append", [], "b"], "ab"),
        ([1, 2], ["replace", [], None], None),
        ([1, 2], ["replace", [1], 3], [1, 3]),
        ([1, 3], ["add", [1], 2], [1, 2, 3]),
        ([1], ["add", [1], 2], [1, 2]),
        ([1, 2], ["delete", [0], None], [2]),
        ({"a": 1}, ["add", ["b"], 2], {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, ["delete", ["a"], None], {"b": 2}),
        ({"a": [{"b": "x"}]}, ["append", ["a", 0, "b"], "y"], {"a": [{"b": "xy"}]}),
        ([1], ("replace", (0,), 2), [2]),
    ],
)
def test_each_action_at_each_kind_of_place(value: JSON, edit: JSON, expected: JSON) -> None:
    """Root, list and object take the actions that make sense there."""
    assert apply_edits(value, [edit]) == expected


def test_untouched_parts_are_shared() -> None:
    """Only what stands on the way to the edited place is copied."""
    untouched: JSON = {"large": ["file"]}

    edited = apply_edits([untouched, {"text": "a"}], [["append", [1, "text"], "b"]])

    assert isinstance(edited, list)
    assert edited[0] is untouched


@pytest.mark.parametrize(
    ("value", "edit"),
    [
        ("a", "append"),
        ("a", ["append", []]),
        ("a", ["append", [], "b", 1]),
        ("a", ["append", "path", "b"]),
        ("a", [1, [], "b"]),
        ("a", ["prepend", [], "b"]),
        ("a", ["add", [], "b"]),
        ("a", ["delete", [], None]),
        ("a", ["append", [], 1]),
        (1, ["append", [], "b"]),
        ([1], ["append", [0], 1]),
        ([1], ["replace", [1], 2]),
        ([1], ["replace", [-1], 2]),
        ([1, 2], ["replace", [True], 2]),
        ([1], ["replace", ["0"], 2]),
        ([1], ["add", [2], 2]),
        ([1], ["add", [-1], 2]),
        ([1], ["add", ["0"], 2]),
        ([1], ["delete", [1], None]),
        ({"a": 1}, ["replace", ["b"], 2]),
        ({"a": 1}, ["add", [0], 2]),
        ({"a": 1}, ["delete", ["b"], None]),
        ({"a": 1}, ["replace", [["a"]], 2]),
        ("abc", ["replace", [0], "x"]),
        ("abc", ["add", [0], "x"]),
        ({"a": 1}, ["replace", ["b", "c"], 2]),
        ({"a": None}, ["replace", ["a", "c"], 2]),
    ],
)
def test_a_false_edit_is_refused_by_name(value: JSON, edit: JSON) -> None:
    """An edit of no known kind, or of a place that is not there, is named in the error."""
    with pytest.raises(UnexpectedAnswer) as refused:
        apply_edits(value, [edit])

    assert str(edit) in refused.value.what


@pytest.mark.parametrize("edits", [{}, "append", None])
def test_edits_come_as_a_list(edits: JSON) -> None:
    """Anything else than a list of edits is refused."""
    with pytest.raises(UnexpectedAnswer, match="no list of edits"):
        apply_edits("a", edits)


def test_a_long_edit_is_named_in_short() -> None:
    """The error stays readable where the edit carries a whole answer."""
    with pytest.raises(UnexpectedAnswer) as refused:
        apply_edits(1, [["append", [], "x" * 100_000]])

    assert len(str(refused.value)) < 400
