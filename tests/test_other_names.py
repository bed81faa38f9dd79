"""Other models' names for arguments: what they mean here, in both frameworks, in constructors and calls."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from chats import chat
from completions import counting, requests
from langchain_core.load import dumps
from llama_index.core.llms import ChatMessage
from phi4s import phi4
from pydantic import SecretStr
from scripted import URL, ScriptedSpace

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import Environment, InvalidOption, OptionIgnored, SpaceClient
from phi4_space.interop import ALIASES, own_names

HI = [ChatMessage("hi")]
VALUES: Mapping[str, tuple[Any, Any]] = {
    "space": (URL, "http://other.test"),
    "token": ("hf_one", "hf_other"),
    "model": ("phi-4-multimodal", "phi-4"),
    "timeout": (5, 6),
    "max_tokens": (7, 8),
    "repetition_penalty": (1.5, 2),
    "stop": (["END"], ["STOP"]),
}
"""Two values that each may have."""


def plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def set_in(made: ChatPhi4 | Phi4, name: str) -> Any:
    """What a field is set to, or an option of each call."""
    if isinstance(made, Phi4) and name not in Phi4.model_fields:
        return made.additional_kwargs[name]
    return plain(getattr(made, name))


@pytest.mark.parametrize("make", [ChatPhi4, Phi4])
@pytest.mark.parametrize("alias", ALIASES)
def test_a_constructor_knows_other_names(make: Callable[..., Any], alias: str) -> None:
    """As the classes for OpenAI and Ollama have them: `request_timeout=5` is a timeout."""
    own = ALIASES[alias]
    value, _ = VALUES[own]

    made = make(**{alias: value})

    assert set_in(made, own) == set_in(make(**{own: value}), own) == value


@pytest.mark.parametrize("make", [ChatPhi4, Phi4, ChatPhi4.model_validate, Phi4.model_validate])
@pytest.mark.parametrize("alias", ALIASES)
def test_two_names_with_two_values_are_refused(make: Callable[..., Any], alias: str) -> None:
    """The error names both; two that agree, and one that is None, are no contradiction."""
    own = ALIASES[alias]
    one, other = VALUES[own]

    def made(**fields: Any) -> Any:
        return make(**fields) if isinstance(make, type) else make(fields)

    for fields in ({own: one, alias: other}, {alias: other, own: one}):
        with pytest.raises(
            ValueError, match=f"({own}|{alias}) and ({own}|{alias}) mean the same, and differ"
        ):
            made(**fields)
    assert set_in(made(**{own: one, alias: one}), own) == one
    if own != "token":  # where None is a value: the token of the environment
        assert set_in(made(**{own: one, alias: None}), own) == one
        assert set_in(made(**{own: None, alias: one}), own) == one


def test_credentials_that_differ_are_not_repeated() -> None:
    """Neither of them is in the error; one that is wrapped is the same."""
    with pytest.raises(ValueError, match="token and openai_api_key mean the same") as caught:
        ChatPhi4(token="hf_one", openai_api_key="hf_other")  # type: ignore[call-arg]  # as others write it
    assert "hf_o" not in str(caught.value)
    with pytest.raises(ValueError, match="token and api_key mean the same"):
        ChatPhi4(token=False, api_key="hf_other")  # type: ignore[call-arg]  # see there
    assert plain(Phi4(token=SecretStr("a"), api_key="a").token) == "a"  # type: ignore[call-arg]  # see there


@pytest.mark.parametrize("make", [ChatPhi4, Phi4])
@pytest.mark.parametrize(
    ("url", "space"),
    [
        ("http://127.0.0.1:7860/v1", "http://127.0.0.1:7860"),
        ("http://127.0.0.1:7860/v1/", "http://127.0.0.1:7860"),
        ("http://127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("https://x.test/phi/v1", "https://x.test/phi"),
        ("ada/phi-4", "ada/phi-4"),
    ],
)
def test_a_base_url_is_that_of_the_server(make: Callable[..., Any], url: str, space: str) -> None:
    """A Space that serves OpenAI's API, too, is the same Space."""
    assert make(base_url=url).space == make(base_url=url, space=space).space == space


@pytest.mark.parametrize("make", [ChatPhi4, Phi4])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"request_timeout": "5"}, "timeout"),
        ({"request_timeout": (1, 2)}, "timeout"),
        ({"num_predict": -1}, "max_tokens is a whole number from 1, not -1"),
        ({"repeat_penalty": "1"}, "repetition_penalty is a number"),
        ({"stop_sequences": 5}, "stop"),
        ({"base_url": "api.openai.com"}, "is not the name of a Space"),
        ({"base_url": 5}, "base_url|space"),
        ({"model_name": "gpt-4o", "space": "microsoft/phi-4-multimodal"}, "no model of that name"),
        ({"n": 2}, "no argument 'n'"),
        ({"num_ctx": 2048}, "no argument 'num_ctx'"),
        ({"presence_penalty": 0.5}, "no argument 'presence_penalty'"),
        ({"default_headers": {}}, "Use client="),
    ],
)
def test_values_and_names_without_a_meaning_are_refused(
    make: Callable[..., Any], fields: dict[str, Any], message: str
) -> None:
    """As under our own names; what has no equivalent here is an error in both, with the nearest names."""
    with pytest.raises(ValueError, match=message):
        make(**fields)


@pytest.mark.parametrize("make", [ChatPhi4, Phi4])
def test_one_answer_is_what_there_is(make: Callable[..., Any]) -> None:
    """`n=1` asks for nothing else."""
    assert make(n=1).model_dump() == make().model_dump()


def test_options_without_a_field_go_with_each_call() -> None:
    """LlamaIndex's LLMs have few fields; a contradiction is an error here, too."""
    llm = Phi4(top_p=0.9, seed=7, additional_kwargs={"top_k": 5})  # type: ignore[call-arg]  # as others write it

    assert llm.additional_kwargs == {"top_k": 5, "top_p": 0.9, "seed": 7}
    assert Phi4(seed=7, additional_kwargs={"seed": 7}).additional_kwargs == {"seed": 7}  # type: ignore[call-arg]  # see there
    for further in ({"seed": 8}, {"repeat_penalty": 2, "seed": 8}):
        with pytest.raises(ValueError, match="seed is in additional_kwargs too, and differs"):
            Phi4(seed=7, additional_kwargs=further)  # type: ignore[call-arg]  # see there
    with pytest.raises(ValueError, match="additional_kwargs"):
        Phi4(seed=7, additional_kwargs=5)  # type: ignore[call-arg, arg-type]  # see there


def test_a_model_is_written_under_our_names() -> None:
    """By core's dumps, by to_dict, in pickles and in copies; and no token is."""
    fields: dict[str, Any] = {"base_url": URL, "api_key": "hf_secret", "request_timeout": 5, "num_predict": 7}
    model, llm = ChatPhi4(**fields), Phi4(**fields)

    kwargs = json.loads(dumps(model))["kwargs"]
    assert (kwargs["space"], kwargs["timeout"], kwargs["max_tokens"]) == (URL, 5, 7)
    assert (llm.to_dict()["space"], llm.to_dict()["timeout"], llm.to_dict()["max_tokens"]) == (URL, 5, 7)
    for text in (dumps(model), llm.to_json(), repr(model), repr(llm)):
        assert not {"hf_secret", *fields} & {*text.replace('"', " ").split()}
    for again in (pickle.loads(pickle.dumps(model)), model.model_copy(), ChatPhi4(**model.model_dump())):  # noqa: S301 - made right here
        assert (again.space, again.timeout, again.max_tokens) == (URL, 5, 7)
    assert Phi4.from_dict(llm.to_dict()).to_json() == llm.to_json()


def test_data_do_not_name_a_space_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote them would decide who gets the token of the environment."""
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")
    data = {name: value for name, value in Phi4().to_dict().items() if name != "space"}

    assert Phi4.from_dict({**data, "base_url": "eve/phi-4"}).token is False
    assert Phi4.from_dict({**data, "base_url": "eve/phi-4"}, api_key="hf_own").token == SecretStr("hf_own")
    assert Phi4.from_dict(data).token is None
    with pytest.raises(ValueError, match="space and base_url mean the same"):
        Phi4.from_dict({**Phi4().to_dict(), "base_url": "eve/phi-4"})


# --- calls ------------------------------------------------------------------------------------------------

CALLS: Mapping[str, Callable[[SpaceClient, dict[str, Any]], object]] = {
    "invoke": lambda client, options: ChatPhi4(client=client).invoke("hi", **options),
    "stream": lambda client, options: [*ChatPhi4(client=client).stream("hi", **options)],
    "bind": lambda client, options: ChatPhi4(client=client).bind(**options).invoke("hi"),
    "bind_tools": lambda client, options: ChatPhi4(client=client).bind_tools([], **options).invoke("hi"),
    "over the model's": lambda client, options: ChatPhi4(client=client, max_tokens=1, stop=["NO"]).invoke(
        "hi", **options
    ),
    "chat": lambda client, options: Phi4(client=client).chat(HI, **options),
    "complete": lambda client, options: Phi4(client=client).complete("hi", **options),
    "additional_kwargs": lambda client, options: Phi4(client=client, additional_kwargs=options).complete(
        "hi"
    ),
    "over additional_kwargs": lambda client, options: Phi4(
        client=client,
        max_tokens=1,
        stop=["NO"],
        additional_kwargs={"top_p": 0.5},
    ).complete("hi", **options),
}
OF_CALLS = {alias: own for alias, own in ALIASES.items() if own in {"max_tokens", "stop"}}


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("alias", OF_CALLS)
def test_a_call_knows_other_names(ask: Callable[[SpaceClient, dict[str, Any]], object], alias: str) -> None:
    """The option reaches the Space under its own name, over what the model itself has."""
    own, space = OF_CALLS[alias], counting("an answer")

    with SpaceClient(URL, environment=Environment(transport=space)) as client:
        ask(client, {alias: VALUES[own][0]})

    (request,) = requests(space)
    assert request[own] == VALUES[own][0]
    assert alias == own or alias not in request


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_an_option_that_is_not_taken_is_warned_of_under_our_name(
    ask: Callable[[SpaceClient, dict[str, Any]], object],
) -> None:
    """As those are that have no other."""
    with (
        SpaceClient(URL, environment=Environment(transport=counting("an answer"))) as client,
        pytest.warns(OptionIgnored, match="repetition_penalty is ignored"),
    ):
        ask(client, {"repeat_penalty": 1.5})


def test_a_call_knows_the_models_other_name() -> None:
    """A call may repeat it."""
    chat(ScriptedSpace()).invoke("hi", model_name="phi-4")
    with pytest.raises(InvalidOption, match="no model 'gpt-4o' here"):
        chat(ScriptedSpace()).invoke("hi", model_name="gpt-4o")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: chat(ScriptedSpace()).invoke("hi", stop=["a"], stop_sequences=["b"]),
        lambda: phi4(ScriptedSpace()).complete("hi", stop=["a"], stop_sequences=["b"]),
        lambda: phi4(ScriptedSpace()).complete("hi", max_tokens=5, num_predict=6),
        lambda: phi4(ScriptedSpace()).chat(HI, max_new_tokens=5, num_predict=6),
        lambda: phi4(ScriptedSpace(), additional_kwargs={"max_tokens": 5, "num_predict": 6}),
    ],
)
def test_two_names_in_a_call_are_refused(ask: Callable[[], object]) -> None:
    """Where they differ."""
    with pytest.raises(ValueError, match="mean the same, and differ"):
        ask()


def test_what_a_call_says_counts_more_than_what_was_bound() -> None:
    """Core hands on both as one; the last is the call's, whatever it is called."""
    space = counting("one", "two")
    with SpaceClient(URL, environment=Environment(transport=space)) as client:
        ChatPhi4(client=client).bind(max_tokens=5).invoke("hi", num_predict=7)
        ChatPhi4(client=client).bind(num_predict=5).invoke("hi", max_tokens=7)

    assert [request["max_tokens"] for request in requests(space)] == [7, 7]


@pytest.mark.parametrize("name", ["timeout", "request_timeout", "max_retries"])
def test_settings_are_not_for_calls(name: str) -> None:
    """The error says where they belong, in both."""
    asks: list[Callable[..., object]] = [chat(ScriptedSpace()).invoke, phi4(ScriptedSpace()).complete]
    for ask in asks:
        with pytest.raises(InvalidOption, match=f"'{name}'. Set it when you make the client or model"):
            ask("hi", **{name: 5})


def test_an_argument_of_ones_own_keeps_its_name() -> None:
    """A subclass may have a field of such a name."""
    assert own_names({"model_name": "x"}, ["model", "model_name"]) == {"model_name": "x"}
    assert own_names({"base_url": "x/v1"}, ["stop"]) == {"base_url": "x/v1"}
    assert own_names({"base_url": 5}, ["space"]) == {"space": 5}
