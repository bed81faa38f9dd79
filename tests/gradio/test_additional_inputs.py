"""What a Space takes beside the question, mapped by label; and values of the user's, by label."""

from __future__ import annotations

import math

import pytest

from phi4_space._errors import InvalidOption
from phi4_space._gradio.additional_inputs import refuse_extra, to_additional_inputs
from phi4_space._gradio.config import Slot

SYSTEM = Slot("textbox", "Be kind.", number=1, label="System prompt")
TOKENS = Slot("slider", 1024, number=2, label="Max new tokens", minimum=1, maximum=2048)
SEARCH = Slot("checkbox", default=False, number=3, label="Web search")
NUMBER = Slot("number", 5, number=4, label="Patience")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("System", "system"),
        ("System Prompt:", "system"),
        ("System message", "system"),
        ("System instructions", "system"),
        ("system_instruction", "system"),
        ("Your system prompt", None),
        ("Max new tokens", "max_tokens"),
        ("Max New Tokens", "max_tokens"),
        ("Maximum output tokens", "max_tokens"),
        ("max_length", "max_tokens"),
        ("Maximum tokens", "max_tokens"),
        ("Tokens", None),
        ("Temperature", "temperature"),
        ("Temp [0..1]", "temperature"),
        ("Top-p (nucleus sampling)", "top_p"),
        ("Nucleus sampling", "top_p"),
        ("Top-k", "top_k"),
        ("Repetition penalty", "repetition_penalty"),
        ("Seed", "seed"),
        ("", None),
    ],
)
def test_labels_that_say_what_an_option_is(label: str, name: str | None) -> None:
    """Word for word, whatever the case, brackets, hyphens and underscores."""
    slot = Slot("textbox" if name == "system" else "slider", number=1, label=label)

    assert [*to_additional_inputs([slot]).options] == ([] if name is None else [name])


@pytest.mark.parametrize(
    "slots",
    [
        (TOKENS, Slot("number", number=9, label="Max tokens")),
        (Slot("textbox", number=9, label="Temperature"), Slot("slider", number=8, label="System prompt")),
        *(
            (Slot("slider", number=9, label="Seed"), Slot("checkbox", number=8, label=switch))
            for switch in ("Randomize seed", "Use random seed", "Random seed?", "Use a randomized seed")
        ),
        (Slot("state", number=9, label="Seed"), Slot("chatbot", number=8, label="Seed"), Slot("unknown")),
    ],
)
def test_what_is_not_mapped(slots: tuple[Slot, ...]) -> None:
    """Two for one option, components of another kind, a seed that has no effect, and what is no input."""
    assert to_additional_inputs(slots).options == {}


def test_bounds_are_the_components() -> None:
    """Where it has some that make sense; otherwise they are the usual ones."""
    bounds = to_additional_inputs(
        [
            TOKENS,
            Slot("number", number=3, label="Temperature"),
            Slot("slider", number=4, label="Top-p", minimum=2, maximum=1),
            Slot("slider", number=5, label="Repetition penalty", minimum=0, maximum=2_000_000),
        ]
    ).bounds

    assert str(bounds["max_tokens"]) == "a whole number from 1 to 2048"
    assert str(bounds["temperature"]) == "a number from 0"
    assert str(bounds["top_p"]) == "a number greater than 0 to 1"
    assert str(bounds["repetition_penalty"]) == "a number from 0 to 2000000"


def test_a_call_is_filled() -> None:
    """With the contract's own, then options, then the user's values, and else what the page begins with."""
    inputs = to_additional_inputs([SYSTEM, TOKENS, SEARCH]).with_values(
        {"Max new tokens": 7, "Web search": True}
    )
    slots = [
        Slot("chatbot", number=8),
        SYSTEM,
        Slot("state", "page's", number=9),
        TOKENS,
        SEARCH,
        Slot("unknown"),
    ]

    assert inputs.fill(slots, {8: "own"}, {}) == ["own", "Be kind.", None, 7, True, None]
    assert inputs.fill(slots, {8: "own"}, {"system": "S", "max_tokens": 3, "seed": 1}) == [
        *("own", "S", None, 3, True, None)
    ]


def test_an_unknown_label_names_those_that_there_are() -> None:
    """Labels are exact; of two inputs with the same, neither can be meant."""
    inputs = to_additional_inputs([SYSTEM, SEARCH, NUMBER, Slot("number", number=9, label="Patience")])

    for name in ("web search", ""):
        with pytest.raises(InvalidOption, match="has no additional input labelled") as refused:
            inputs.with_values({name: True})
        assert refused.value.advice == "It has 'System prompt', 'Web search'."
    with pytest.raises(InvalidOption, match="has 2 additional inputs labelled 'Patience'") as refused:
        inputs.with_values({"Patience": 1})
    assert refused.value.advice == "It has 'System prompt', 'Web search' that can be told apart."
    with pytest.raises(InvalidOption, match="It has none"):
        refuse_extra({"Web search": True})


@pytest.mark.parametrize("value", ["5", True, None, math.inf])
def test_a_number_is_a_number(value: object) -> None:
    """What is out of a component's bounds, or no number, is refused before it is sent."""
    with pytest.raises(InvalidOption, match="Patience is a number, not"):
        to_additional_inputs([NUMBER]).with_values({"Patience": value})
    with pytest.raises(InvalidOption, match="Max new tokens is a number from 1 to 2048, not 2049"):
        to_additional_inputs([TOKENS]).with_values({"Max new tokens": 2049})
    assert to_additional_inputs([NUMBER]).with_values({"Patience": -5}).values == {4: -5}


FILE = {"path": "/up/0", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("value", [None, FILE, {"video": FILE}, [FILE, FILE]])
def test_a_file_is_one_on_the_space(value: object) -> None:
    """As an upload returns it; several where an input takes several; or none."""
    picture = Slot("image", number=5, label="Picture")

    assert to_additional_inputs([picture]).with_values({"Picture": value}).values == {5: value}


@pytest.mark.parametrize("value", ["maybe", "true", 1, None])
def test_a_checkbox_is_true_or_false(value: object) -> None:
    """Anything else would reach the author's function as it is, and most of it count as true."""
    inputs = to_additional_inputs([Slot("checkbox", number=5, label="Web search")])

    assert inputs.with_values({"Web search": True}).values == {5: True}
    with pytest.raises(InvalidOption, match="Web search is a checkbox, and takes true or false"):
        inputs.with_values({"Web search": value})


@pytest.mark.parametrize("value", ["cat.png", 7, {}, {"path": 7}, [], ["cat.png"], [{"path": None}]])
def test_what_is_no_file_is_refused(value: object) -> None:
    """Before anything is sent, with what helps."""
    inputs = to_additional_inputs([Slot("image", number=5, label="Picture")])

    with pytest.raises(InvalidOption, match="Picture is a file on the Space") as refused:
        inputs.with_values({"Picture": value})
    assert "SpaceClient.aupload" in refused.value.advice
