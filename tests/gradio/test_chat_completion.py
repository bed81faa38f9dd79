"""The contract of a Space of one's own: found in a /config, called, and read."""

from __future__ import annotations

from typing import Any

import pytest
from completions import COMPONENTS, DEPENDENCY, SUMMARY, TAKES, completion_config

from phi4_space._errors import ContractNotMet, InvalidOption, UnexpectedAnswer
from phi4_space._gradio.chat_completion import ChatCompletion, find_chat_completion
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import to_config
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._gradio.two_step import TwoStep
from phi4_space._turns import Usage

SPACE = "owner/name"
ALL = {"temperature", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty"}
FILE = {"path": "/up/0", "meta": {"_type": "gradio.FileData"}}


def found(**changes: Any) -> ChatCompletion:
    """The contract of a scripted /config."""
    contracts = find_chat_completion(to_config(completion_config(**changes)), Wanted(space=SPACE))
    assert len(contracts) == 1
    return contracts[0]


def saying(takes: object) -> ChatCompletion:
    """The contract of a Space whose request's component has this value."""
    return found(components=[{**COMPONENTS[0], "props": {"value": takes}}, *COMPONENTS[1:]])


def test_it_is_found_by_name() -> None:
    """Its number, name and trigger are those of /config."""
    contract = found()

    assert (contract.fn_index, contract.endpoints) == (22, ("chat_completion",))
    call = contract.ask(Submission("hi", (), None, {"messages": []}), {"seed": 1})
    assert call == Call(22, [{"messages": [], "seed": 1}, None], 25)


@pytest.mark.parametrize(
    "changes",
    [
        {"dependencies": [{**DEPENDENCY, "inputs": [21]}]},
        {"dependencies": [{**DEPENDENCY, "inputs": [22, 21]}]},
        {"dependencies": [{**DEPENDENCY, "outputs": [24, 23]}]},
        {"dependencies": [{**DEPENDENCY, "outputs": []}]},
    ],
)
def test_another_function_of_that_name_is_not_it(changes: dict[str, Any]) -> None:
    """What takes or returns something else is another contract."""
    with pytest.raises(ContractNotMet, match="chat_completion"):
        found(**changes)


def test_it_has_no_additional_inputs() -> None:
    """Values for some are refused."""
    assert found().with_extra({}) == found()
    with pytest.raises(InvalidOption, match="no additional input labelled 'Seed'"):
        found().with_extra({"Seed": 1})


def test_one_that_does_not_fit_is_what_the_error_names() -> None:
    """Where a Space has nothing else, it is said of this function, not of those that are not there at all."""
    odd = completion_config(dependencies=[{**DEPENDENCY, "inputs": [21]}])

    with pytest.raises(ContractNotMet, match="chat_completion of owner/name takes or returns something else"):
        choose(to_config(odd), space=SPACE)


def test_it_is_preferred() -> None:
    """Where a Space has both contracts, this one is chosen, or the one that has the endpoint asked for."""
    both = to_config(completion_config(two_step=True))

    assert isinstance(choose(both, space=SPACE), ChatCompletion)
    assert isinstance(choose(both, space=SPACE, endpoint="bot_response"), TwoStep)
    assert isinstance(choose(both, space=SPACE, endpoint="chat_completion"), ChatCompletion)


def test_an_endpoint_that_is_not_there_is_named() -> None:
    """The error says where the Space does answer."""
    with pytest.raises(ContractNotMet, match="answers at chat_completion, process_message") as caught:
        choose(to_config(completion_config(two_step=True)), space=SPACE, endpoint="chat")

    assert (caught.value.missing, caught.value.found) == (
        ("chat",),
        ("chat_completion", "process_message", "bot_response"),
    )


@pytest.mark.parametrize(
    ("takes", "options", "files"),
    [
        (TAKES, {"temperature", "max_tokens", "top_p", "seed"}, 3),
        ({"options": [], "files": 0}, set(), 0),
        ({"options": ["mirostat", "seed", 7, None]}, {"seed"}, None),
        (None, ALL, None),
        (
            {"options": "seed", "files": -1},
            ALL,
            None,
        ),
        ([], ALL, None),
    ],
)
def test_it_takes_what_the_space_says(takes: object, options: set[str], files: int | None) -> None:
    """Options and files are those of the component's value; all, where it says nothing that makes sense."""
    said = saying(takes).takes

    assert ({*said.options}, said.max_files, said.roles) == (options, files, True)


@pytest.mark.parametrize(
    ("status", "loading"),
    [
        ({"text": "Downloading: 1 of 11 GB", "fraction": 0.1}, "Downloading: 1 of 11 GB"),
        ({"text": "\x1b[2JLoading\n<b>", "fraction": None}, "[2JLoading"),
        ({"text": ""}, None),
        ({"text": 5}, None),
        ("Loading", None),
        (None, None),
    ],
)
def test_it_may_say_that_its_model_is_not_ready(status: object, loading: str | None) -> None:
    """The text is a server's, and shown as such: in one line, and without control characters."""
    assert saying({**TAKES, "status": status}).takes.loading == loading


def test_a_prompt_alone_is_sent_as_one() -> None:
    """Who has no turns but a prompt has that answered, with its files."""
    contract = found()
    submission = Submission("<|user|>hi<|end|>", [FILE])

    call = contract.ask(contract.pending(submission, None), {})
    assert call.data == [{"prompt": "<|user|>hi<|end|>"}, [FILE]]


@pytest.mark.parametrize(
    ("outputs", "reading"),
    [
        ([None, None], Reading(None)),
        (["", None], Reading("")),
        (["gro", None], Reading("gro")),
        (["whole", SUMMARY], Reading("whole", None, Usage(7, 2), "stop", None, "a model")),
        (
            ["w", SUMMARY | {"finish_reason": "length", "stopped_by": "END", "model": " a\n<b>model</b> "}],
            Reading("w", None, Usage(7, 2), "length", "END", "a model"),
        ),
        (["w", {}], Reading("w")),
        (["w", {"usage": {"prompt_tokens": True, "completion_tokens": 2}}], Reading("w")),
        (["w", {"usage": {"prompt_tokens": -1, "completion_tokens": 2}}], Reading("w")),
        (["w", {"usage": {"prompt_tokens": 1e9, "completion_tokens": "2"}}], Reading("w")),
        (["w", {"usage": [], "finish_reason": "bored", "stopped_by": 7, "model": ["x"]}], Reading("w")),
    ],
)
def test_outputs_are_read(outputs: list[Any], reading: Reading) -> None:
    """The text as it stands; of the summary, what makes sense."""
    assert found().read(outputs) == reading


@pytest.mark.parametrize("outputs", [[], ["a"], [1, None], ["a", "b"], [None, {}], ["a", None, None]])
def test_other_outputs_are_an_error(outputs: list[Any]) -> None:
    """What is no text and summary is not read as one."""
    with pytest.raises(UnexpectedAnswer, match="text and a summary"):
        found().read(outputs)
