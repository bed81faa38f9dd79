from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from chats import chat, client
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumpd, dumps, load, loads
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr
from scripted import URL, ScriptedSpace

from langchain_phi4 import ChatPhi4, _config
from phi4_space import Environment, InvalidOption, SpaceClient, Timeouts

SECRET = "hf_sentinel"

pytestmark = pytest.mark.filterwarnings("ignore:The function .load:langchain_core._api.LangChainBetaWarning")

COPIES: list[Callable[[ChatPhi4], ChatPhi4]] = [
    copy.copy,
    copy.deepcopy,
    lambda model: model.model_copy(),
    lambda model: model.model_copy(deep=True),
    lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own
]


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> ScriptedSpace:
    """What all clients talk to that models make for themselves."""
    space = ScriptedSpace()
    made = partial(SpaceClient, environment=Environment(transport=space))
    monkeypatch.setattr("langchain_phi4._config.SpaceClient", made)
    return space


def back(model: Any, **secrets: str) -> ChatPhi4:
    """The model, written and read again, as somebody does who allows this class and no other."""
    found = loads(
        dumps(model), allowed_objects=[ChatPhi4], valid_namespaces=["langchain_phi4"], secrets_map=secrets
    )
    assert isinstance(found, ChatPhi4)
    return found


# --- copies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_copy", COPIES)
@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
@pytest.mark.usefixtures("space")
def test_copies_answer(to_copy: Callable[[ChatPhi4], ChatPhi4], *, used: bool) -> None:
    """A model can be copied and pickled, before and after it opened connections, and goes on working."""
    model = ChatPhi4(space=URL, stop=["END"], timeout=Timeouts(total=9), token=SECRET)
    if used:
        model.invoke("hi")
        list(model.stream("hi"))

    other = to_copy(model)

    assert (other.space, other.stop, other.timeout) == (URL, ["END"], Timeouts(total=9))
    assert other.stop == model.stop
    assert other.invoke("hi").content == model.invoke("hi").content == "an answer"


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
@pytest.mark.usefixtures("space")
def test_pickles_hold_no_token(*, used: bool) -> None:
    """A pickle lies about in files; who reads it has a token of their own."""
    model = ChatPhi4(space=URL, token=SECRET)
    if used:
        model.invoke("hi")

    pickled = pickle.dumps(model)

    assert SECRET.encode() not in pickled
    assert pickle.loads(pickled).token is None  # noqa: S301 - our own


def test_a_pickle_keeps_that_there_was_to_be_no_token() -> None:
    """token=False is no secret, and stays."""
    assert pickle.loads(pickle.dumps(ChatPhi4(space=URL, token=False))).token is False  # noqa: S301 - our own


def test_models_with_a_users_client_can_be_pickled() -> None:
    """The client knows how to leave its connections and credentials behind."""
    model = ChatPhi4(client=SpaceClient(URL, token=SECRET))

    pickled = pickle.dumps(model)

    assert SECRET.encode() not in pickled
    assert pickle.loads(pickled).client == SpaceClient(URL)  # noqa: S301 - our own


def test_a_copy_can_go_to_another_space(space: ScriptedSpace) -> None:
    """model_copy(update=...) is heeded by a model that was used before, in its requests and its metadata."""
    model = ChatPhi4(space=URL)
    model.invoke("hi")

    other = model.model_copy(update={"space": "http://other.test"})

    assert other.invoke("hi").response_metadata["space"] == "http://other.test"
    assert {request.url.host for request in space.requests("join")} == {"space.test", "other.test"}


def test_a_copy_with_a_users_client_stays_with_its_space() -> None:
    """What the copy was told and what its client would do must not differ silently."""
    model = chat(ScriptedSpace())

    with pytest.raises(InvalidOption, match="brings its own space"):
        model.model_copy(update={"space": "ada/other"}).invoke("hi")


def test_fields_can_be_configured_for_a_call(space: ScriptedSpace) -> None:
    """configurable_fields reaches another Space, and streaming still streams."""
    model = ChatPhi4(space=URL).configurable_fields(space=ConfigurableField("where"))

    chunks = list(model.stream("hi", {"configurable": {"where": "http://other.test"}}))

    assert [chunk.content for chunk in chunks] == ["an answer", ""]
    assert {request.url.host for request in space.requests("join")} == {"other.test"}


def test_fields_can_be_configured_beside_a_users_client() -> None:
    """What the client brings is no contradiction when it is handed on."""
    model = ChatPhi4(client=client(ScriptedSpace())).configurable_fields(stop=ConfigurableField("stop"))

    assert model.invoke("hi", {"configurable": {"stop": ["swer"]}}).content == "an an"


def test_calls_that_tell_a_field_share_the_connections(space: ScriptedSpace) -> None:
    """Core makes a model for each such call; only those that go elsewhere look at the Space anew."""
    model = ChatPhi4(space=URL)
    told = model.configurable_fields(stop=ConfigurableField("stop"), name=ConfigurableField("name"))

    said = [told.invoke("hi", {"configurable": {"stop": [stop]}}).content for stop in ("swer", "n")]
    said += [told.invoke("hi").content, model.invoke("hi").content]

    assert said == ["an an", "a", "an answer", "an answer"]
    assert space.steps().count("config") == 1


def test_a_model_with_configurable_fields_is_known_as_cores() -> None:
    """It is written, drawn and traced as what core makes, and refuses what is no field, as that does."""
    told = ChatPhi4(space=URL).configurable_fields(stop=ConfigurableField("stop"))

    assert (dumpd(told)["id"], told.get_name()) == (
        ["langchain", "schema", "runnable", "RunnableConfigurableFields"],
        "RunnableConfigurableFields",
    )
    with pytest.raises(ValueError, match="stopp not found"):
        ChatPhi4(space=URL).configurable_fields(stopp=ConfigurableField("stop"))


# --- serialization ------------------------------------------------------------------------------------


def test_a_model_is_read_back_when_allowed() -> None:
    """langchain_core's dump holds all that was set, and reads back the same."""
    model = ChatPhi4(
        space="ada/phi",
        stop=["END"],
        timeout=Timeouts(total=9),
        max_retries=1,
        prompt_style="template",
        endpoint="process_message",
        extra_inputs={"Web search": False},
        prompt_prefix="@phi4 ",
    )

    other = back(model)

    assert dumpd(other) == dumpd(model)
    assert other.timeout == Timeouts(total=9)
    assert other._client() == model._client()


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_plain_timeouts_are_read_back(timeout: float | None) -> None:
    """Seconds and the default need no fields."""
    assert back(ChatPhi4(space="ada/phi", timeout=timeout)).timeout == timeout


def test_the_space_is_written_wherever_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model made by PHI4_SPACE is the same where that says something else."""
    monkeypatch.setenv("PHI4_SPACE", "ada/here")
    written = dumpd(ChatPhi4())
    monkeypatch.setenv("PHI4_SPACE", "ada/there")

    found = load(written, allowed_objects=[ChatPhi4], valid_namespaces=["langchain_phi4"])

    assert found.space == "ada/here"


def test_a_token_is_written_as_a_name() -> None:
    """The dump names HF_TOKEN, and whoever reads it decides what that is."""
    model = ChatPhi4(space="ada/phi", token=SECRET)

    other = back(model, HF_TOKEN="hf_other")

    assert SECRET not in dumps(model)
    assert json.loads(dumps(model))["kwargs"]["token"] == {"lc": 1, "type": "secret", "id": ["HF_TOKEN"]}
    assert isinstance(other.token, SecretStr)
    assert other.token.get_secret_value() == "hf_other"


def test_others_do_not_read_it() -> None:
    """The class is on no list of langchain-core's; it is read where it is allowed, and there only."""
    with pytest.raises(ValueError, match="ChatPhi4"):
        loads(dumps(ChatPhi4(space="ada/phi")), allowed_objects="all", valid_namespaces=["langchain_phi4"])


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        dumps,
        lambda m: str(m.model_dump()),
        lambda m: str(m.asdict()),
        lambda m: m.model_dump_json(),
    ],
)
def test_the_token_is_never_shown(shown: Callable[[ChatPhi4], str]) -> None:
    """Not in texts, dumps, or what traces are told."""
    assert SECRET not in shown(ChatPhi4(space="ada/phi", token=SECRET))


def test_credentials_and_clients_are_left_out_of_dumps() -> None:
    """Not even masked: a dump that is read again would take the mask for a token."""
    dumped = ChatPhi4(client=client(ScriptedSpace())).model_dump() | ChatPhi4(token=SECRET).model_dump()

    assert not {"token", "api_key", "client"} & dumped.keys()


# --- identity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"space": "ada/other"},
        {"stop": ["x"]},
        {"prompt_style": "template"},
        {"endpoint": "process_message"},
        {"extra_inputs": {"Web search": False}},
        {"prompt_prefix": "@phi4 "},
        {"model": "phi-4-mini"},
        {"max_files": 3},
        {"temperature": 0.5},
        {"max_tokens": 3},
        {"client": client(ScriptedSpace())},
        {"client": client(ScriptedSpace(), prompt_style="template")},
        {"client": client(ScriptedSpace(), endpoint="process_message")},
        {"client": client(ScriptedSpace(), extra_inputs={"Web search": False})},
    ],
)
def test_what_changes_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    """Two Spaces, styles, stops or limits never share a cache's entries, nor does a model with its copy."""
    before = ChatPhi4(space="ada/phi")
    key = before._get_llm_string()
    after = ChatPhi4(**{**({} if "client" in change else {"space": "ada/phi"}), **change})

    assert after._get_llm_string() != key
    assert after.asdict() != before.asdict()
    if "client" not in change:
        assert before.model_copy(update=change)._get_llm_string() == after._get_llm_string()


@pytest.mark.parametrize("change", [{"token": SECRET}, {"name": "mine"}, {"streaming": True}])
def test_what_does_not_change_the_answer_is_no_secret_in_the_key(change: dict[str, Any]) -> None:
    """A key holds no credential."""
    assert SECRET not in ChatPhi4(space="ada/phi", **change)._get_llm_string()


@pytest.mark.parametrize("options", [{"stop": "END"}, {"seed": 1}, {"max_tokens": 3}])
def test_a_clients_own_options_are_part_of_the_key(options: dict[str, Any]) -> None:
    """They change the answer, as the model's own do."""
    clients = (SpaceClient("ada/phi"), SpaceClient("ada/phi", **options))
    plain, other = (ChatPhi4(client=client)._get_llm_string() for client in clients)

    assert plain != other


def test_clients_of_the_same_space_share_entries() -> None:
    """What counts is the Space and the style, not the object."""
    one, other = (chat(ScriptedSpace())._get_llm_string() for _ in range(2))

    assert one == other


def test_a_cache_answers_for_its_own_space_alone() -> None:
    """The second question goes to no Space; the same question of another Space's model does."""
    cache, spaces = InMemoryCache(), [ScriptedSpace(), ScriptedSpace()]
    one = ChatPhi4(client=client(spaces[0]), cache=cache)
    other = ChatPhi4(client=client(spaces[1], "http://other.test"), cache=cache)

    answers = [model.invoke("hi") for model in (one, one, other)]

    assert [message.content for message in answers] == ["an answer"] * 3
    assert [space.steps().count("join") for space in spaces] == [1, 1]
    assert answers[1].response_metadata["space"] == URL


def test_traces_have_the_standard_parameters() -> None:
    """LangSmith's names, a call's own values before the constructor's."""
    model = ChatPhi4(stop=["a"], temperature=0.5, max_tokens=3)

    assert model._get_ls_params() == {
        "ls_provider": "phi4",
        "ls_model_type": "chat",
        "ls_model_name": "phi-4-multimodal",
        "ls_temperature": 0.5,
        "ls_max_tokens": 3,
        "ls_stop": ["a"],
    }
    called = model._get_ls_params(stop=["b"], model="phi-4", temperature=1, max_tokens=4)
    assert (called["ls_stop"], called["ls_model_name"]) == (["b"], "phi-4")
    assert (called["ls_temperature"], called["ls_max_tokens"]) == (1, 4)


def test_the_profile_tells_what_the_model_can_do() -> None:
    """Middleware reads it; structured output is not native, so that agents call a tool for it."""
    one, other = ChatPhi4().profile, ChatPhi4().profile

    assert one is not None
    assert one["image_inputs"]
    assert one["audio_inputs"]
    assert one["tool_calling"]
    assert not one["pdf_inputs"]
    assert "structured_output" not in one
    assert one == other
    assert one is not other


def test_a_model_is_known_by_its_kind() -> None:
    """Logs and old tracers read it."""
    assert ChatPhi4()._llm_type == "phi4"
    assert ChatPhi4.lc_id() == ["langchain_phi4", "chat_models", "ChatPhi4"]


# --- what is made once --------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """Records what a function or class in the settings' room makes."""
    made: list[Any] = []
    original = getattr(_config, name)

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(original(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(_config, name, make)
    return made


@pytest.mark.parametrize("to_copy", COPIES)
def test_calls_share_one_client_also_of_a_copy_that_was_changed(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch, to_copy: Callable[[ChatPhi4], ChatPhi4]
) -> None:
    """A client for each call would open connections for each; the original keeps its own."""
    model = ChatPhi4(space=URL)
    own = model._client()
    twin = to_copy(model)
    twin.max_files = 3
    made = counted(monkeypatch, "SpaceClient")

    for one in (twin, model, twin):
        one.invoke("hi")

    assert space.steps().count("join") == 3
    assert len(made) == 1
    assert model._client() is own


def test_the_dump_is_made_once_for_the_same_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core asks for it with each call; a list that was changed in place counts as another field."""
    model = ChatPhi4(client=client(ScriptedSpace()), stop=["END"])
    made = counted(monkeypatch, "dumpd")

    for _ in range(3):
        model.invoke("hi")
    assert len(made) == 1

    cast("list[str]", model.stop).append("more")
    model.invoke("hi")
    assert made[1]["kwargs"]["stop"] == ["END", "more"]
