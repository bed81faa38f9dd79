"""Two steps among a page's other functions: which answer is refused, since more than two make it."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space._errors import ContractNotMet
from phi4_space._gradio.chat_interface import ChatInterface
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import to_config
from phi4_space._gradio.contract import Contract, Submission
from phi4_space._gradio.two_step import TwoStep

BUTTON, STATE, CHAT, BOX, KEY, NAME, DOCS, HIDDEN, OTHER = range(1, 10)
COMPONENTS = [
    {"id": BUTTON, "type": "button", "props": {}},
    {"id": STATE, "type": "state", "props": {}},
    {"id": CHAT, "type": "chatbot", "props": {}},
    {"id": BOX, "type": "textbox", "props": {"label": "Question"}},
    {"id": KEY, "type": "textbox", "props": {"label": "Key", "type": "password"}},
    {"id": NAME, "type": "textbox", "props": {"label": "Name", "type": "text"}},
    {"id": DOCS, "type": "markdown", "props": {}},
    {"id": HIDDEN, "type": "json", "props": {"visible": False}},
]


def function(number: int, name: object, inputs: list[int], outputs: list[int], **more: Any) -> dict[str, Any]:
    """A function of a page; what is not said of it is as a page's author leaves it."""
    return {"id": number, "api_name": name, "inputs": inputs, "outputs": outputs, **more}


def then(number: int, after: int, name: object, inputs: list[int], outputs: list[int]) -> dict[str, Any]:
    """A function that is called behind another."""
    return function(number, name, inputs, outputs, trigger_after=after)


USER = function(0, "user", [BOX, CHAT], [BOX, CHAT], targets=[[BOX, "submit"]])


def contract(*functions: dict[str, Any], **wanted: Any) -> Contract:
    """The contract of a page."""
    body = {"version": "6.31.0", "app_id": 1, "components": COMPONENTS, "dependencies": [*functions]}
    return choose(to_config(body), space="owner/name", **wanted)


@pytest.mark.parametrize(
    ("functions", "names"),
    [
        ([USER, then(1, 0, "waiting", [CHAT], [CHAT]), then(2, 1, "bot", [CHAT], [CHAT])],
         "3 steps, user, waiting, bot;"),
        ([USER, then(1, 0, "retrieve", [CHAT], [DOCS]), then(2, 1, "bot", [CHAT, DOCS], [CHAT])],
         "3 steps, user, retrieve, bot;"),
        ([USER, then(1, 0, "<b>", [CHAT], [STATE]), then(2, 1, "bot", [CHAT, STATE], [CHAT])],
         "3 steps, user, a function without a name, bot;"),
        ([USER, then(1, 0, "bot", [CHAT], [CHAT]), then(2, 1, "cite", [CHAT], [CHAT])],
         "3 steps, user, bot, cite;"),
        ([USER, then(1, 0, "bot", [CHAT, STATE], [CHAT]), then(2, 1, "save", [CHAT], [STATE])],
         "3 steps, user, bot, save;"),
        ([USER, then(1, 0, "left", [CHAT], [CHAT]), then(2, 0, "right", [CHAT], [CHAT])],
         "3 steps, user, left, right;"),
        ([then(0, 9, "user", [BOX, CHAT, STATE], [BOX, CHAT]), then(1, 0, "bot", [CHAT], [CHAT]),
          function(9, "check", [BOX], [STATE])],
         "3 steps, user, bot, check;"),
    ],
)  # fmt: skip
def test_what_more_than_two_functions_answer_is_refused(functions: list[Any], names: str) -> None:
    """The error names all that write the chat, or what the two read."""
    with pytest.raises(ContractNotMet, match=f"The Space answers in {names} this client runs two") as refused:
        contract(*functions)

    assert "one function that does what follows" in refused.value.advice


def test_functions_that_touch_boxes_and_buttons_are_skipped() -> None:
    """Before, between and behind the two."""
    found = contract(
        function(9, "lock", [], [BOX, BUTTON]),
        then(0, 9, "user", [BOX, CHAT], [BOX, CHAT]),
        then(1, 0, "wait", [], [BUTTON, BOX]),
        then(2, 1, "bot", [CHAT, DOCS], [CHAT]),
        then(3, 2, "unlock", [], [BUTTON, BOX, DOCS]),
    )

    assert found.endpoints == ("user", "bot")


def test_of_several_chats_one_that_fits_can_be_picked() -> None:
    """One that does not is no hindrance then, and an error otherwise."""
    good = [function(5, "add", [BOX, CHAT], [BOX, CHAT]), then(6, 5, "answer", [CHAT], [CHAT])]
    bad = [USER, then(1, 0, "bot", [CHAT], [CHAT]), then(2, 1, "cite", [CHAT], [CHAT])]

    assert contract(*bad, *good, endpoint="answer").endpoints == ("add", "answer")
    for wanted in ({}, {"endpoint": "bot"}):
        with pytest.raises(ContractNotMet, match="The Space answers in 3 steps"):
            contract(*bad, **wanted)


def asks(inputs: list[int], outputs: list[int], *, trigger: int, taken: tuple[int, ...] = ()) -> Contract:
    """Two steps of which the first takes and returns this."""
    user = function(0, "user", inputs, outputs, targets=[[trigger, "click"]])
    return contract(user, then(1, 0, "bot", [CHAT, *taken], [CHAT]))


@pytest.mark.parametrize(
    ("inputs", "outputs", "trigger", "taken"),
    [
        ([KEY, NAME, BOX, CHAT], [BOX, CHAT], BUTTON, ()),
        ([KEY, NAME, BOX, CHAT], [CHAT], BOX, ()),
        ([KEY, NAME, BOX, CHAT], [NAME, BOX, CHAT], BOX, ()),
        ([KEY, NAME, BOX, CHAT], [CHAT], BUTTON, (NAME,)),
        ([KEY, BOX, CHAT], [KEY, CHAT], KEY, ()),
    ],
)
def test_the_question_goes_where_it_certainly_belongs(
    inputs: list[int], outputs: list[int], trigger: int, taken: tuple[int, ...]
) -> None:
    """In the box that is emptied, or that starts it all; never in one for a password."""
    filed = asks(inputs, outputs, trigger=trigger, taken=taken).first(Submission("hi"))

    assert filed is not None
    assert [slot for slot, value in zip(inputs, filed.data, strict=True) if value == "hi"] == [BOX]


def test_a_question_goes_nowhere_by_chance() -> None:
    """Where two boxes may be meant the error names both; where there is one for a password, none is meant."""
    for outputs in ([CHAT], [NAME, BOX, CHAT]):
        with pytest.raises(ContractNotMet, match="user takes 2 boxes, 'Name' and 'Question', and in which"):
            asks([KEY, NAME, BOX, CHAT], outputs, trigger=BUTTON)
    with pytest.raises(ContractNotMet, match=r"no gr\.ChatInterface"):
        asks([KEY, CHAT], [KEY, CHAT], trigger=KEY)


def test_two_buttons_that_answer_differently_are_two_chats() -> None:
    """The same box and Chatbot do not make them one; a number that Gradio puts behind a name does."""
    steps = [USER, then(1, 0, "brief", [CHAT], [CHAT]), {**USER, "id": 2, "api_name": "user_1"}]

    with pytest.raises(ContractNotMet, match="The Space has 2 chats, brief and long"):
        contract(*steps, then(3, 2, "long", [CHAT], [CHAT]))
    assert contract(*steps, then(3, 2, "long", [CHAT], [CHAT]), endpoint="long").fn_index == 3
    assert contract(*steps, then(3, 2, "brief_1", [CHAT], [CHAT])).fn_index == 1


FORM = function(5, "log", [BOX, STATE], [HIDDEN, STATE])


def test_a_form_is_no_chat() -> None:
    """The button that calls a gr.ChatInterface's function stands on no page."""
    steps = [USER, then(1, 0, "bot", [CHAT], [CHAT])]

    assert isinstance(contract(*steps, {**FORM, "targets": [[BUTTON, "click"]]}), TwoStep)
    assert isinstance(contract({**FORM, "targets": [[OTHER, "click"]]}), ChatInterface)


def test_two_kinds_that_fit_are_two_chats() -> None:
    """Neither shape is better than the other, and one can be picked."""
    steps = [USER, then(1, 0, "bot", [CHAT], [CHAT])]

    with pytest.raises(ContractNotMet, match="The Space has 2 chats, log and bot"):
        contract(*steps, FORM)
    assert contract(*steps, FORM, endpoint="bot").endpoints == ("user", "bot")


def test_chats_of_one_name_cannot_be_picked() -> None:
    """The advice names one that can, or says that there is none."""
    two = [FORM, {**FORM, "id": 6}]

    with pytest.raises(ContractNotMet, match="2 chats, log and log") as refused:
        contract(*two)
    assert refused.value.advice == "Ask its author to name them, each in its own way."
    with pytest.raises(ContractNotMet, match="2 chats, log and log"):
        contract(*two, endpoint="log")
    with pytest.raises(ContractNotMet, match="3 chats") as refused:
        contract(*two, {**FORM, "id": 7, "api_name": "other"})
    assert 'endpoint="other"' in refused.value.advice


@pytest.mark.parametrize(("name", "named"), [("respond", "respond"), (False, "unnamed, and functions kept")])
def test_a_chat_answered_by_one_function_is_named(name: object, named: str) -> None:
    """As are functions that the author keeps from programs."""
    with pytest.raises(ContractNotMet, match=f"and a chat answered by one function, {named}"):
        contract(function(0, name, [BOX, CHAT], [BOX, CHAT]))
