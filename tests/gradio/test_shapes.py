"""Contracts found by shape, in what real apps say at /config on three Gradios; see tests/spaces/shapes.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phi4_space._errors import ContractNotMet, InvalidOption, UnexpectedAnswer
from phi4_space._gradio.chat_interface import ChatInterface
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import to_config
from phi4_space._gradio.contract import Contract, Submission
from phi4_space._gradio.two_step import TwoStep

FOLDER = Path(__file__).parent / "configs"
CONFIGS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
SIX = "6.31.0"
gradios = pytest.mark.parametrize("gradio", CONFIGS)
OPTIONS = ("system", "temperature", "max_tokens", "top_p", "top_k", "repetition_penalty")
MISSING = "no gr.ChatInterface, no process_message and no bot_response"


def contract(gradio: str, app: str, **wanted: Any) -> Contract:
    """The contract of an app."""
    return choose(to_config(CONFIGS[gradio][app]), space="owner/name", **wanted)


@gradios
@pytest.mark.parametrize(
    ("app", "kind", "names", "files", "types", "options"),
    [
        ("multimodal", ChatInterface, ("chat",), None, ("image", "audio"), OPTIONS),
        ("text", ChatInterface, ("chat",), 0, None, ()),
        ("outputs", ChatInterface, ("chat",), 1, None, ()),
        ("private_tab", ChatInterface, ("chat",), 0, None, ()),
        ("steps", TwoStep, ("add_message", "bot"), 1, None, ()),
        ("queued", TwoStep, ("process_message", "bot_response"), 1, None, ()),
        ("generator", TwoStep, ("process_message", "bot_response"), 1, None, ()),
        ("textbox", TwoStep, ("add_message", "bot"), 0, None, ()),
        ("options", TwoStep, ("add_message", "bot"), 1, None, OPTIONS),
        ("images", TwoStep, ("add_message", "bot"), None, ("image",), ()),
        ("tuples", TwoStep, ("add_message", "bot"), 1, None, ()),
        ("button", TwoStep, ("add_message", "bot"), 1, None, ()),
    ],
)
def test_each_shape_is_found(
    gradio: str,
    app: str,
    kind: type[Contract],
    names: tuple[str, ...],
    files: int | None,
    types: tuple[str, ...] | None,
    options: tuple[str, ...],
) -> None:
    """With its functions, whatever their names, and what the box and the additional inputs take."""
    found = contract(gradio, app)

    assert isinstance(found, kind)
    assert found.endpoints == (("respond",) if gradio == SIX and kind is ChatInterface else names)
    assert (found.takes.max_files, found.takes.file_types, found.takes.names) == (files, types, options)
    assert found.takes.extra_inputs == (("Web search",) if options else ())


@gradios
@pytest.mark.parametrize(
    ("app", "word"),
    [
        ("private", MISSING),
        ("private_steps", MISSING),
        ("form", MISSING),
        ("in_state", "a chat whose history is in a gr.State: answer takes no Chatbot to answer from"),
        (
            "in_state_and_chat",
            "a chat whose history is in a gr.State: answer takes no Chatbot to answer from",
        ),
        ("in_between", "The Space answers in 3 steps, add_message, answer, tidy; this client runs two"),
        ("two_boards", "add_message and bot share 2 Chatbots, 'Board 1' and 'Board 2'"),
        ("named_boards", "process_message and bot_response share 2 Chatbots"),
        ("no_board", "process_message returns no chatbot"),
        ("tabs", "2 chats"),
    ],
)
def test_what_cannot_be_asked_is_refused(gradio: str, app: str, word: str) -> None:
    """By name, and with what helps; nothing advises a duplicate."""
    with pytest.raises(ContractNotMet, match=word) as refused:
        contract(gradio, app)

    assert "uplicate" not in str(refused.value)
    assert ("phi4 serve" in refused.value.advice) != (app in {"tabs", "in_between"})


@gradios
def test_two_chats_are_named_and_one_picked(gradio: str) -> None:
    """The error names both; `endpoint` picks one, and no other than there are."""
    names = ("respond", "other") if gradio == SIX else ("chat", "chat_1")

    with pytest.raises(ContractNotMet) as refused:
        contract(gradio, "tabs")
    assert refused.value.found == names
    assert f'endpoint="{names[0]}"' in refused.value.advice
    for name in names:
        assert contract(gradio, "tabs", endpoint=name).endpoints == (name,)
    with pytest.raises(ContractNotMet, match=f"answers at {', '.join(names)}, and endpoint= asks"):
        contract(gradio, "tabs", endpoint="another")


def test_private_functions_are_used_when_they_are_named() -> None:
    """Of Gradio 6 they have names; of two steps one that has a name is enough."""
    assert contract(SIX, "private", endpoint="respond").endpoints == ("respond",)
    assert contract(SIX, "private_tab", endpoint="other").endpoints == ("other",)
    assert contract("5.20.1", "private_steps", endpoint="bot").endpoints == ("", "bot")


@gradios
def test_a_second_start_of_the_same_two_steps_is_picked_by_name(gradio: str) -> None:
    """Gradio numbers its names; unnamed, it is the same contract."""
    found = contract(gradio, "button", endpoint="bot_1")

    assert found.endpoints == ("add_message_1", "bot_1")


@gradios
def test_an_error_lists_few_functions_with_their_kinds(gradio: str) -> None:
    """Those alone that the page on the API shows, and at most eight."""
    with pytest.raises(ContractNotMet) as refused:
        contract(gradio, "many")

    assert refused.value.found == tuple(f"function_{number}" for number in range(8))
    assert "function_0 (textbox -> textbox), function_1" in refused.value.what
    with pytest.raises(ContractNotMet, match="it has no public endpoints"):
        contract(gradio, "private")


@gradios
def test_which_filing_step_joins_the_queue(gradio: str) -> None:
    """One that is queued, or that returns piece by piece; the others are called at once."""
    joins = {app: contract(gradio, app) for app in ("steps", "queued", "generator")}

    calls = {app: found.first(Submission("hi")) for app, found in joins.items()}
    assert {app: call and call.must_join for app, call in calls.items()} == {
        "steps": False,
        "queued": True,
        "generator": True,
    }


@gradios
def test_a_chat_interface_is_called_with_all_its_inputs(gradio: str) -> None:
    """The question, null for the State, options in their places, and the defaults of all others."""
    found = contract(gradio, "multimodal", extra_inputs={"Web search": True})
    files = [{"path": "/up/0"}]

    assert found.first(Submission("hi")) is None
    call = found.ask(found.pending(Submission("hi", files), None), {"max_tokens": 5, "system": "Be terse."})
    assert call.data == [{"text": "hi", "files": files}, None, "Be terse.", 5, 0.6, 0.9, 50, 1.2, True]
    assert (call.fn_index, call.must_join) == (found.fn_index, False)
    with pytest.raises(InvalidOption, match="no additional input labelled 'Search'"):
        contract(gradio, "multimodal", extra_inputs={"Search": True})


@gradios
def test_a_box_for_text_takes_text(gradio: str) -> None:
    """Of either kind of Space."""
    assert contract(gradio, "text").ask(Submission("hi"), {}).data == ["hi", None]
    filed = contract(gradio, "textbox").first(Submission("hi"))
    assert filed is not None
    assert filed.data == [[], "hi"]


@gradios
def test_options_of_two_steps_reach_both(gradio: str) -> None:
    """Each function gets those that it takes; a value of the user's counts where a turn sets none."""
    found = contract(gradio, "options", extra_inputs={"Top-k": 3})
    options = {"system": "Be terse.", "max_tokens": 5}

    filed = found.first(Submission("hi", options=options))
    assert filed is not None
    assert filed.data[2:] == ["Be terse.", 5, 0.6, 0.9, 3, 1.2, False]
    assert found.ask([], options).data == [[], "Be terse.", 5, 0.6, 0.9, 3, 1.2, False]


def test_what_a_chat_interface_returns_is_read() -> None:
    """The first output is the answer; what is remembered is remembered there."""
    found = contract(SIX, "outputs")

    reading = found.read(["one two", None, "status"])
    assert (reading.text, bool(reading.history)) == ("one two", True)
    with pytest.raises(UnexpectedAnswer, match="respond returned nothing"):
        found.read([])


def test_chats_without_names_cannot_be_picked() -> None:
    """The error says so, whatever a page has in the place of names."""
    config = json.loads(json.dumps(CONFIGS[SIX]["tabs"]))
    for part in config["dependencies"]:
        part["api_name"] = None

    with pytest.raises(ContractNotMet, match="2 chats, without names"):
        choose(to_config(config), space="owner/name")


def test_many_functions_behind_one_are_no_contract() -> None:
    """However many there are, and however much each takes; the time that it takes grows with the page."""
    config = json.loads(json.dumps(CONFIGS[SIX]["steps"]))
    submit, answer, *_ = config["dependencies"]
    submit["inputs"] *= 2_000
    more = [{**answer, "id": number, "api_name": f"bot_{number}"} for number in range(1_000, 5_000)]
    config["dependencies"] = [submit, answer, *more]

    with pytest.raises(ContractNotMet, match=r"in 4002 steps, add_message, bot, .*bot_1005, \.\.\.; this"):
        choose(to_config(config), space="owner/name")


def test_many_functions_of_one_number_are_read_once() -> None:
    """Functions whose numbers are not unique do not multiply along a chain."""
    config = json.loads(json.dumps(CONFIGS[SIX]["steps"]))
    submit, answer, *_ = config["dependencies"]
    config["dependencies"] = [submit, answer, *[{**answer, "trigger_after": 1}] * 3_000]

    assert choose(to_config(config), space="owner/name").endpoints == ("add_message", "bot")


def test_a_page_may_go_round_in_circles() -> None:
    """Functions that call each other for ever are looked at a few times."""
    config = json.loads(json.dumps(CONFIGS[SIX]["steps"]))
    for part in config["dependencies"]:
        part |= {"trigger_after": part["id"], "inputs": part["inputs"][:1]}

    with pytest.raises(ContractNotMet, match=MISSING):
        choose(to_config(config), space="owner/name")


def test_an_option_is_not_taken_for_the_question() -> None:
    """Of two boxes for text, the one that starts it all is meant, and otherwise the one that is no option."""
    config = json.loads(json.dumps(CONFIGS[SIX]["options"]))
    for part in config["components"]:
        part["type"] = "textbox" if part["type"] == "multimodaltextbox" else part["type"]
    submit = next(part for part in config["dependencies"] if part["api_name"] == "add_message")
    box, system = submit["inputs"][1:3]
    submit["inputs"][1:3] = [system, box]
    for targets in ([[box, "submit"]], []):
        submit["targets"] = targets
        found = choose(to_config(config), space="owner/name")

        filed = found.first(Submission("hi", options={"system": "S"}))
        assert filed is not None
        assert filed.data[1:3] == ["S", "hi"]
