"""The contract that files a turn and then answers it: found in a /config by name, called, and read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._address import PUBLIC_SPACE
from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import Config, Slot, to_config
from phi4_space._gradio.contract import Submission
from phi4_space._gradio.two_step import TwoStep

SPACE = "owner/name"
# What /config says of the same app on two Gradios, cut to the fields that matter, with their own numbers.
CONFIG_5 = """{
"version": "5.20.1", "api_prefix": "/gradio_api", "app_id": 7006055753637045728, "protocol": "sse_v3",
"max_file_size": null, "space_id": null, "root": "http://127.0.0.1:7860",
"components": [
  {"id": 2, "type": "state", "props": {"value": ["the page's own"]}},
  {"id": 3, "type": "chatbot", "props": {"value": [], "type": "messages"}},
  {"id": 4, "type": "multimodaltextbox", "props": {"value": null, "file_count": "multiple"}},
  {"id": 5, "type": "slider", "props": {"value": 0.7, "minimum": 0}}],
"dependencies": [
  {"id": 0, "targets": [[4, "change"]], "inputs": [4], "outputs": [], "backend_fn": false,
   "api_name": "js_fn"},
  {"id": 1, "targets": [[4, "submit"]], "inputs": [3, 4, 2], "outputs": [3, 4, 2], "backend_fn": true,
   "queue": false, "api_name": "process_message", "types": {"generator": false}, "show_api": true},
  {"id": 2, "targets": [[null, "then"]], "inputs": [3, 2], "outputs": [3, 2], "backend_fn": true,
   "queue": true, "api_name": "bot_response", "types": {"generator": true}, "trigger_after": 1,
   "show_api": true},
  {"id": 3, "targets": [[null, "then"]], "inputs": [], "outputs": [4], "backend_fn": true,
   "api_name": false}]}"""
CONFIG_6 = """{
"version": "6.31.0", "api_prefix": "/gradio_api", "app_id": 18446744073709551557, "protocol": "sse_v3",
"max_file_size": 1024, "space_id": "owner/name", "root": "http://127.0.0.1:7860",
"components": [
  {"id": 2, "type": "state", "props": {"value": ["the page's own"]}},
  {"id": 3, "type": "chatbot", "props": {"value": []}},
  {"id": 4, "type": "multimodaltextbox", "props": {"value": {"text": "", "files": []}}},
  {"id": 5, "type": "slider", "props": {"value": 0.7, "minimum": 0}}],
"dependencies": [
  {"id": 0, "targets": [[4, "change"]], "inputs": [4], "outputs": [], "backend_fn": false,
   "api_name": "js_fn", "api_visibility": "public"},
  {"id": 1, "targets": [[4, "submit"]], "inputs": [3, 4, 2], "outputs": [3, 4, 2], "backend_fn": true,
   "queue": false, "api_name": "process_message", "types": {"generator": false}, "api_visibility": "public"},
  {"id": 2, "targets": [[null, "then"]], "inputs": [3, 2], "outputs": [3, 2], "backend_fn": true,
   "queue": true, "api_name": "bot_response", "types": {"generator": true}, "api_visibility": "undocumented"},
  {"id": 3, "targets": [[null, "then"]], "inputs": [], "outputs": [4], "backend_fn": true,
   "api_name": "false", "api_visibility": "private"}]}"""
CONFIGS = [CONFIG_5, CONFIG_6]


def config(text: str = CONFIG_6, **changes: Any) -> dict[str, Any]:
    """A /config, with other top-level fields if you like."""
    return {**json.loads(text), **changes}


def dependencies(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Handlers with the contract's inputs and outputs unless they say otherwise."""
    usual = {"inputs": [3, 4, 2], "outputs": [3, 4, 2], "targets": []}
    return [{**usual, **part} for part in parts]


def to_contract(body: object, *, space: str = SPACE) -> TwoStep:
    """The contract in a /config."""
    found = choose(to_config(body), space=space)
    assert isinstance(found, TwoStep)
    return found


def contract(**changes: Any) -> TwoStep:
    """The contract in a /config of ours."""
    return to_contract(config(**changes))


def read_config(**changes: Any) -> Config:
    """What a /config of ours says."""
    return to_config(config(**changes))


SUBMIT = {"id": 1, "api_name": "process_message"}
ANSWER = {"id": 2, "api_name": "bot_response", "inputs": [3, 2]}


@pytest.mark.parametrize("text", CONFIGS)
def test_the_endpoints_are_found_by_name(text: str) -> None:
    """Whatever numbers a Space gave them, the two endpoints are found, with what they take and return."""
    found = to_contract(json.loads(text))

    chat, box, state = (
        Slot("chatbot", [], number=3),
        found.submit.inputs[1],
        Slot("state", ["the page's own"], number=2),
    )
    assert (found.submit.name, found.submit.fn_index) == ("process_message", 1)
    assert (found.answer.name, found.answer.fn_index) == ("bot_response", 2)
    assert found.submit.inputs == found.submit.outputs == (chat, box, state)
    assert found.answer.inputs == found.answer.outputs == (chat, state)
    assert box.kind == "multimodaltextbox"
    assert found.submit.trigger_id == 4
    assert found.endpoints == ("process_message", "bot_response")


def test_the_facts_of_one_start_are_kept() -> None:
    """Version, limit and name are the Space's own; a 64-bit app_id stays exact, where a float would not."""
    old, new = (to_config(json.loads(text)) for text in CONFIGS)

    assert (old.gradio_version, old.max_file_size, old.space_id) == ("5.20.1", None, None)
    assert (new.gradio_version, new.max_file_size, new.space_id) == ("6.31.0", 1024, "owner/name")
    assert old.api_prefix == new.api_prefix == "/gradio_api"
    assert new.app_id == 18446744073709551557
    assert new.app_id != int(float(new.app_id))


def test_an_app_id_in_words_is_kept_as_it_is() -> None:
    """A server in front of Gradio may make app_id a string; it is compared as it came."""
    assert read_config(app_id="18446744073709551557").app_id == "18446744073709551557"


@pytest.mark.parametrize(
    ("box", "limit"),
    [
        ({"file_count": "single"}, 1),
        ({"file_count": "multiple"}, None),
        ({"file_count": "directory"}, None),
        ({}, None),
    ],
)
def test_a_box_for_a_single_file_is_a_limit(box: dict[str, Any], limit: int | None) -> None:
    """The box that the turn is written in tells whether it takes one file; another box tells nothing."""
    components = [
        {"id": 2, "type": "state", "props": {}},
        {"id": 3, "type": "chatbot", "props": {"file_count": "single"}},
        {"id": 4, "type": "multimodaltextbox", "props": box},
        {"id": 9, "type": "multimodaltextbox", "props": {"file_count": "single"}},
    ]

    assert contract(components=components).takes.max_files == limit


@pytest.mark.parametrize(("prefix", "kept"), {"": "", "/": "", "/gradio_api/": "/gradio_api"}.items())
def test_paths_are_built_without_double_slashes(prefix: str, kept: str) -> None:
    """The prefix ends without a slash, whatever the server wrote."""
    assert read_config(api_prefix=prefix).api_prefix == kept


@pytest.mark.parametrize(
    ("targets", "trigger_id"),
    [
        ([[4, "submit"]], 4),
        ([[7, "click"], [4, "submit"]], 7),
        ([[None, "load"]], None),
        ([], None),
        (["x"], None),
    ],
)
def test_the_trigger_is_told_where_there_is_one(targets: list[Any], trigger_id: int | None) -> None:
    """The component whose event starts the turn is the first target; calls work without it."""
    assert (
        contract(dependencies=dependencies({**SUBMIT, "targets": targets}, ANSWER)).submit.trigger_id
        == trigger_id
    )


@pytest.mark.parametrize(
    ("parts", "missing", "found"),
    [
        ([SUBMIT], ("bot_response",), ("process_message",)),
        ([ANSWER], ("process_message",), ("bot_response",)),
        ([], ("process_message", "bot_response"), ()),
        ([{"id": 0, "api_name": "chat"}, {"id": 1, "api_name": "add"}, SUBMIT], ("bot_response",),
         ("chat", "add", "process_message")),
        # a handler that runs in the browser cannot be called
        ([SUBMIT, {**ANSWER, "backend_fn": False}], ("bot_response",), ("process_message",)),
        # a private one has no name: JSON's false on Gradio 5, the word on 6
        ([SUBMIT, {"id": 2, "api_name": False}, {"id": 3, "api_name": "false"}, {"id": 4, "api_name": None}],
         ("bot_response",), ("process_message",)),
    ],
)  # fmt: skip
def test_a_missing_endpoint_names_those_that_are_there(
    parts: list[dict[str, Any]], missing: tuple[str, ...], found: tuple[str, ...]
) -> None:
    """A Space without the contract is told by name what it lacks and what it has instead."""
    with pytest.raises(ContractNotMet) as failure:
        contract(dependencies=dependencies(*parts))

    assert (failure.value.missing, failure.value.found) == (missing, found)
    assert all(name in str(failure.value) for name in missing + found)
    assert found or "no public endpoints" in str(failure.value)


NUMBERED = dependencies(
    {"id": 9, "api_name": "process_message_old"},
    {"id": 10, "api_name": False},
    {"id": 11, "api_name": "lambda", "inputs": [3, 2]},
)


@pytest.mark.parametrize(("space", "space_id"), [(PUBLIC_SPACE, None), ("https://x.hf.space", PUBLIC_SPACE)])
@pytest.mark.parametrize("parts", [NUMBERED, NUMBERED[1:]])
def test_the_public_space_may_lose_its_names(
    space: str, space_id: str | None, parts: list[dict[str, Any]]
) -> None:
    """The public Space is known by number too, as its page had them, should its names be hidden."""
    found = to_contract(config(dependencies=parts, space_id=space_id), space=space)

    assert (found.submit.fn_index, found.answer.fn_index) == (10, 11)
    assert (found.submit.name, found.answer.name) == ("process_message", "bot_response")


def test_no_other_space_is_known_by_number() -> None:
    """Handler 10 of somebody else's app may be anything, so numbers are not tried there."""
    with pytest.raises(ContractNotMet):
        contract(dependencies=NUMBERED)


def test_the_public_space_needs_both_numbers() -> None:
    """With one of the numbers missing it is another app, under the old name."""
    with pytest.raises(ContractNotMet):
        to_contract(config(dependencies=NUMBERED[:2]), space=PUBLIC_SPACE)


def test_names_go_before_numbers() -> None:
    """Where the public Space shows its names, they decide."""
    parts = [*NUMBERED, *dependencies(SUBMIT, ANSWER)]

    found = to_contract(config(dependencies=parts), space=PUBLIC_SPACE)

    assert (found.submit.fn_index, found.answer.fn_index) == (1, 2)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "config",
        {},
        {"detail": "Not authenticated"},
        {"version": "6.31.0"},
        {"version": "6.31.0", "app_id": 1, "dependencies": [{"api_name": "process_message"}]},
        {"version": "6.31.0", "app_id": 1, "dependencies": [], "components": [{"id": "x"}]},
    ],
)
def test_what_is_no_config_is_refused(body: object) -> None:
    """JSON that is not a Gradio app's is told apart from an app without the endpoints."""
    with pytest.raises(UnexpectedAnswer, match="no Gradio Space's /config"):
        to_config(body)


def test_a_call_is_filled_by_component() -> None:
    """Each input gets what belongs there, in the handler's order; State, kept by the server, gets null."""
    found = contract(dependencies=dependencies({**SUBMIT, "inputs": [2, 4, 3]}, ANSWER))
    file = {"path": "/data/x.png"}

    filed, asked = found.first(Submission("hi", [file])), found.ask(CHAT, {})

    assert (filed.fn_index, filed.data) == (1, [None, {"text": "hi", "files": [file]}, []])
    assert (asked.fn_index, asked.data) == (found.fn_index, [CHAT, None])
    assert found.first(Submission("hi", history=CHAT)).data[2] == CHAT
    assert found.first(Submission("hi", history={"another": "contract's"})).data[2] == []


def test_what_else_a_handler_takes_gets_its_own_default() -> None:
    """A duplicate with a slider more gets what the page's slider shows; what is unknown gets null."""
    found = contract(dependencies=dependencies(SUBMIT, {**ANSWER, "inputs": [3, 2, 5, 99]}))

    assert found.ask([], {}).data == [[], None, 0.7, None]


@pytest.mark.parametrize(
    ("inputs", "word"),
    [([4, 2], "takes no chatbot"), ([3, 2], "no multimodaltextbox"), ([], "chatbot and no multi")],
)
def test_a_handler_without_the_inputs_is_not_the_contracts(inputs: list[int], word: str) -> None:
    """A handler of the right name that takes neither chat nor message is refused when it is found."""
    with pytest.raises(ContractNotMet, match=word) as failure:
        contract(dependencies=dependencies({**SUBMIT, "inputs": inputs}, ANSWER))

    assert failure.value.missing == ("process_message",)


def test_functions_of_the_right_names_share_a_chat() -> None:
    """Two that write in different Chatbots are not the contract's."""
    parts = config()["components"]
    other = {"id": 33, "type": "chatbot", "props": {}}

    with pytest.raises(ContractNotMet, match="process_message and bot_response do not write in the same"):
        contract(
            components=[*parts, other],
            dependencies=dependencies(SUBMIT, {**ANSWER, "inputs": [33, 2], "outputs": [33, 2]}),
        )


CHAT = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("outputs", "data"),
    [
        ([3, 4, 2], [CHAT, {"__type__": "update", "interactive": False, "value": None}, None]),
        ([3, 4, 2], [{"__type__": "update", "value": CHAT}, None, None]),
        ([2, 4, 3], [None, {"text": "", "files": []}, CHAT]),
        ([3], [CHAT, None]),
    ],
)
def test_the_chat_is_read_from_where_it_is_returned(outputs: list[int], data: list[Any]) -> None:
    """The chat is the chatbot's output, wherever it stands, as a list or in a gr.update."""
    found = contract(
        dependencies=dependencies({**SUBMIT, "outputs": outputs}, {**ANSWER, "outputs": outputs})
    )

    assert found.pending(Submission("hi"), data) == CHAT
    assert found.read(data).history == CHAT


@pytest.mark.parametrize(
    "data",
    [[], [None, None, None], [{"__type__": "update"}, None, None], ["text", None, None], [None, CHAT, None]],
)
def test_an_answer_without_a_chat_is_an_error(data: list[Any]) -> None:
    """What holds no chat is never taken for an empty one."""
    with pytest.raises(UnexpectedAnswer, match="process_message returned no chat"):
        contract().pending(Submission("hi"), data)
    with pytest.raises(UnexpectedAnswer, match="bot_response returned no chat"):
        contract().read(data)


ANSWERED = [*CHAT, {"role": "assistant", "content": "Hello."}]


@pytest.mark.parametrize(
    ("history", "filed"),
    [
        (ANSWERED, ANSWERED),
        ([*CHAT, *ANSWERED], ANSWERED),
        ([["hi", "Hello."]], [["hi", "Hello."]]),
        (None, []),
        (None, [ANSWERED[1]]),
        (None, [[None, "Hello."]]),
    ],
)
def test_a_question_that_was_not_filed_is_an_error(history: Any, filed: list[Any]) -> None:
    """The last answer is not read again, whatever a Space says of the question on its page."""
    with pytest.raises(UnexpectedAnswer, match="process_message filed no question in the chat") as failure:
        contract().pending(Submission("hi", history=history), [filed])

    assert "refuse such questions" in failure.value.advice


@pytest.mark.parametrize(
    "filed",
    [[*ANSWERED, *CHAT], CHAT, [*ANSWERED, *ANSWERED], [*CHAT, {"role": "assistant", "content": "..."}]],
)
def test_a_chat_may_be_cut_or_begin_the_answer(filed: list[Any]) -> None:
    """A Space may forget the first turns, and write a status where the answer will be."""
    assert contract().pending(Submission("hi", history=ANSWERED), [filed]) == filed


def test_a_chat_without_questions_is_not_read() -> None:
    """Which of its entries are the answer is not known; an empty one is no answer yet."""
    with pytest.raises(UnexpectedAnswer, match="bot_response returned a chat without the question"):
        contract().read([[ANSWERED[1], ANSWERED[1]]])
    assert contract().read([[]]).text is None


@pytest.mark.parametrize("name", ["a\nb", "<b>bot</b>", "\x1b[2J", "x" * 101, " "])
def test_a_name_that_is_not_fit_to_be_shown_is_none(name: str) -> None:
    """A function's name stands in errors, and in what the doctor prints."""
    assert not to_config(config(dependencies=dependencies({"id": 1, "api_name": name}))).named()


def test_a_components_odd_properties_say_nothing() -> None:
    """Bounds that are no numbers, types that are no words, and labels that are none, are as if left out."""
    odd = {"label": 7, "minimum": True, "maximum": 1e300, "file_types": ["image", 5, ""], "visible": []}
    read = to_config(config(components=[{"id": 4, "type": "slider", "props": odd}]))

    slot = next(slot for one in read.endpoints for slot in one.inputs if slot.number == 4)
    assert (slot.label, slot.minimum, slot.maximum) == (None, None, None)
    assert (slot.file_types, slot.is_visible) == (("image",), False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(
    st.fixed_dictionaries(
        {"version": st.just("6"), "app_id": st.integers(), "dependencies": json_values},
        optional={"components": json_values, "space_id": json_values, "api_prefix": json_values},
    )
)
def test_any_config_is_read_or_refused(body: dict[str, Any]) -> None:
    """Whatever a server says at /config, a contract comes of it or an error with a name; never a crash."""
    with pytest.raises((ContractNotMet, UnexpectedAnswer)):
        choose(to_config(body), space=SPACE)
