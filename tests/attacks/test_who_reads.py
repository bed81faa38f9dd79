"""What decides who reads a text, or as whom it is sent, is never ignored, whatever it is called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from chats import chat
from langchain_core.load import dumps, loads
from langchain_core.runnables import ConfigurableField
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from phi4s import phi4
from pydantic import BaseModel, SecretStr
from scripted import ScriptedSpace
from typer.testing import CliRunner

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import (
    Conversation,
    Environment,
    InvalidConversation,
    InvalidOption,
    OptionIgnored,
    Phi4Error,
    SpaceClient,
    Turn,
)
from phi4_space import _client as room
from phi4_space._cli.app import app

SECRET = "hf_sentinel"
ELSEWHERE = "http://127.0.0.1:7860"
WHERE = (
    *("base_url", "endpoint_url", "host", "repo_id", "api_base", "openai_api_base", "url"),
    *("azure_endpoint", "server_url", "api_url", "inference_server_url", "space_id", "src", "hf_space"),
    *("model_url", "base_uri", "address", "server", "hostname", "baseURL", "apiBase", "endpointUrl"),
    *("OPENAI_API_BASE", "ollama_base_url", "llm_endpoint", "gateway_url", "service_url", "base", "provider"),
    *("spaces", "SPACE", "space_name", "space_url", "azure_deployment", "region"),
)
AS_WHOM = (
    *("openai_api_key", "hf_token", "huggingfacehub_api_token", "apiKey", "access_token", "auth_token"),
    *("use_auth_token", "credentials", "authorization", "api_token", "hf_api_key", "password"),
)
HOW = (
    *("proxies", "openai_proxy", "http_proxy", "proxy_url", "http_client", "http_async_client", "cookies"),
    *("default_headers", "headers", "transport", "client_kwargs", "async_http_client", "auth", "basic_auth"),
)
STRANGE = ("spcae", "my_box", "model_kwargs", "extra_body", "temprature")
NAMES = (*WHERE, *AS_WHOM, *HOW, *STRANGE)
UNDERSTOOD = {"api_base", "base_url", "openai_api_base", "api_key", "openai_api_key"}
"""What the models' constructors take as their own; see tests/test_other_names.py."""
HI = [ChatMessage(role="user", content="hi")]


class City(BaseModel):
    """A city."""

    name: str


def written(**fields: Any) -> str:
    """A ChatPhi4 as core writes it, with fields that somebody added."""
    dumped = json.loads(dumps(ChatPhi4()))
    dumped["kwargs"] |= fields
    return json.dumps(dumped)


def read(text: str) -> Any:
    return loads(text, allowed_objects=[ChatPhi4], valid_namespaces=["langchain_phi4"])


CONSTRUCTORS: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "SpaceClient": lambda fields: SpaceClient(**fields),
    "ChatPhi4": lambda fields: ChatPhi4(**fields),
    "ChatPhi4, by pydantic": ChatPhi4.model_validate,
    "ChatPhi4, a copy": lambda fields: ChatPhi4().model_copy(update=fields),
    "ChatPhi4, by core's load": lambda fields: read(written(**fields)),
    "ChatPhi4, configurable": lambda fields: ChatPhi4().configurable_fields(
        **{name: ConfigurableField(name) for name in fields}
    ),
    "Phi4": lambda fields: Phi4(**fields),
    "Phi4, by pydantic": Phi4.model_validate,
    "Phi4, a copy": lambda fields: Phi4().model_copy(update=fields),
    "Phi4, from a dict": lambda fields: Phi4.from_dict({**Phi4().to_dict(), **fields}),
    "Phi4, from JSON": lambda fields: Phi4.from_json(json.dumps({**Phi4().to_dict(), **fields})),
    "Phi4, what goes with each call": lambda fields: Phi4(additional_kwargs=fields),
}
CALLS: Mapping[str, Callable[[ScriptedSpace, dict[str, Any]], object]] = {
    "reply": lambda space, fields: client(space).reply("hi", **fields),
    "stream": lambda space, fields: [*client(space).stream("hi", **fields)],
    "a conversation's reply": lambda space, fields: client(space).conversation().reply("hi", **fields),
    "invoke": lambda space, fields: chat(space).invoke("hi", **fields),
    "ainvoke": lambda space, fields: asyncio.run(chat(space).ainvoke("hi", **fields)),
    "ChatPhi4.stream": lambda space, fields: [*chat(space).stream("hi", **fields)],
    "batch": lambda space, fields: chat(space).batch(["hi"], **fields),
    "generate": lambda space, fields: chat(space).generate([[]], **fields),
    "bind": lambda space, fields: chat(space).bind(**fields).invoke("hi"),
    "bind_tools": lambda space, fields: chat(space).bind_tools([City], **fields).invoke("hi"),
    "with_structured_output": lambda space, fields: (
        chat(space).with_structured_output(City, **fields).invoke("hi")
    ),
    "chat": lambda space, fields: phi4(space).chat(HI, **fields),
    "achat": lambda space, fields: asyncio.run(phi4(space).achat(HI, **fields)),
    "stream_chat": lambda space, fields: [*phi4(space).stream_chat(HI, **fields)],
    "complete": lambda space, fields: phi4(space).complete("hi", **fields),
    "structured_predict": lambda space, fields: phi4(space).structured_predict(
        City, PromptTemplate("hi"), llm_kwargs=fields
    ),
}


def client(space: ScriptedSpace) -> SpaceClient:
    return SpaceClient("http://space.test", environment=Environment(transport=space))


def complaint(ask: Callable[..., object], *args: object) -> str:
    """What is said against it; empty where nothing is."""
    try:
        ask(*args)
    except (ValueError, Phi4Error) as refused:  # pydantic's among them
        return str(refused)
    return ""


def _as_ours(make: Callable[[dict[str, Any]], Any], name: str) -> bool:
    """Whether what is made has the Space or the token that a name stands for."""
    made = make({name: ELSEWHERE})
    return made.space == ELSEWHERE or (name.endswith("key") and made.token == SecretStr(ELSEWHERE))


@pytest.mark.filterwarnings("ignore:The function .load:langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("make", CONSTRUCTORS.values(), ids=CONSTRUCTORS)
def test_no_constructor_ignores_an_argument(make: Callable[[dict[str, Any]], object]) -> None:
    """Each is refused, with its name, however the model comes into being, or understood as ours."""
    ignored = [name for name in NAMES if name not in complaint(make, {name: ELSEWHERE})]

    assert [name for name in ignored if name not in UNDERSTOOD or not _as_ours(make, name)] == []


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_no_call_ignores_an_argument(ask: Callable[[ScriptedSpace, dict[str, Any]], object]) -> None:
    """Each is refused, with its name, and nothing is sent."""
    space = ScriptedSpace()

    names = (*NAMES, "endpoint")
    assert [name for name in names if name not in complaint(ask, space, {name: ELSEWHERE})] == []
    assert space.asked == []


@pytest.mark.parametrize("make", [SpaceClient, ChatPhi4, Phi4])
@pytest.mark.parametrize(
    ("names", "message"),
    [(WHERE, "Use space="), (AS_WHOM, "Use token="), (HOW, "Use (proxy|client|cookies)=")],
)
def test_the_error_tells_our_name(make: Callable[..., object], names: tuple[str, ...], message: str) -> None:
    """Who ports a program reads what to write instead."""
    of_client = {*WHERE, *AS_WHOM, "proxies"}
    refused = (
        name for name in names if name in (of_client if make is SpaceClient else {*names} - UNDERSTOOD)
    )

    for name in refused:
        with pytest.raises(ValueError, match=message):
            make(**{name: ELSEWHERE})


@pytest.mark.parametrize("make", [SpaceClient, ChatPhi4, Phi4])
@pytest.mark.parametrize("address", [ELSEWHERE, "ada/phi-4", "phi4.test", ""])
def test_an_address_is_not_an_endpoint(make: Callable[..., object], address: str) -> None:
    """Elsewhere that is the server to ask; here it is one of a Space's functions, and the error says so."""
    with pytest.raises(ValueError, match=r"endpoint is the api_name .* Use space="):
        make(endpoint=address)


def test_a_call_says_where_it_is_decided() -> None:
    """A call goes to the Space of its model, and says so."""
    with pytest.raises(InvalidOption, match="when you make the client or model"):
        chat(ScriptedSpace()).invoke("hi", base_url=ELSEWHERE)
    with pytest.raises(InvalidOption, match="when you make the client or model"):
        client(ScriptedSpace()).reply("hi", api_base=ELSEWHERE)  # type: ignore[call-arg]  # see there


def test_sampling_is_still_ignored_with_a_warning() -> None:
    """What changes the choice of words alone is no question of who reads them."""
    options: dict[str, Any] = {"temperature": 0.2, "logit_bias": {3: 1.0}, "max_tokens": 9, "n": 1}

    with pytest.warns(OptionIgnored) as caught:
        client(ScriptedSpace()).reply("hi", **options)

    assert len(caught) == len(options)


def test_contradicting_credentials_are_refused() -> None:
    """Two that mean the same and differ."""
    with pytest.raises(ValueError, match="token and api_key mean the same"):
        ChatPhi4(token="a", api_key="b")  # type: ignore[call-arg] # as others write it


def test_a_hint_for_another_providers_cache_is_none_for_us() -> None:
    """Core's DocumentContextExtractor sends it to each LLM; other headers may be credentials."""
    space = ScriptedSpace()

    phi4(space).chat(HI, extra_headers={"anthropic-beta": "prompt-caching"})
    for headers in ({"Authorization": "Bearer x"}, {"anthropic-beta": "x", "Cookie": "y"}, "x"):
        with pytest.raises(InvalidOption, match="extra_headers"):
            phi4(space).chat(HI, extra_headers=headers)

    assert space.steps().count("predict") == 1


@pytest.mark.parametrize("model", [ChatPhi4(), Phi4()], ids=["ChatPhi4", "Phi4"])
def test_no_attribute_is_set_that_nobody_reads(model: Any) -> None:
    """A model that exists is not led elsewhere by a name that it has not."""
    for name in NAMES:
        with pytest.raises(ValueError, match=name):
            setattr(model, name, ELSEWHERE)


def test_the_environment_of_other_clients_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """PHI4_SPACE and HF_TOKEN are, and nothing else says who reads or as whom."""
    for name in (
        *("OPENAI_API_BASE", "OPENAI_BASE_URL", "OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "OLLAMA_HOST"),
        *("HF_ENDPOINT", "HF_INFERENCE_ENDPOINT", "HUGGINGFACE_HUB_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
        *("HUGGINGFACEHUB_API_TOKEN", "SPACE_ID", "SPACE_HOST", "GRADIO_SERVER_NAME", "BASE_URL", "TOKEN"),
        *("ANTHROPIC_BASE_URL", "LANGCHAIN_ENDPOINT", "LLM_BASE_URL"),
    ):
        monkeypatch.setenv(name, ELSEWHERE)

    assert SpaceClient() == SpaceClient("microsoft/phi-4-multimodal")
    assert SpaceClient(token=False)._settings.token is None
    assert SpaceClient()._settings.token is None
    assert ChatPhi4().space == Phi4().space == "microsoft/phi-4-multimodal"


# --- what a file names ----------------------------------------------------------------------------------


@pytest.fixture
def evil(monkeypatch: pytest.MonkeyPatch) -> ScriptedSpace:
    """What all Spaces are that conversations name, while there is a token in the environment."""
    space = ScriptedSpace()
    monkeypatch.setenv("HF_TOKEN", SECRET)

    class Led(SpaceClient):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, environment=Environment(transport=space))

    for name in ("_client", "_cli.connection"):
        monkeypatch.setattr(f"phi4_space.{name}.SpaceClient", Led)
    return space


def saved(space: str) -> str:
    """A conversation as somebody may have written it."""
    turn = {"role": "user", "text": "My name is Ada."}
    return json.dumps({"format": "phi4-space conversation 1", "space": space, "turns": [turn]})


def carriers(space: ScriptedSpace) -> Iterator[str]:
    """Where the token went."""
    for _, request in space.asked:
        if any(SECRET in value for value in request.headers.values()):
            yield request.url.host


NAMED = (
    "evil/space",
    "https://evil-space.hf.space",
    "https://huggingface.co/spaces/evil/space",
    "https://e.example",
)


@pytest.mark.parametrize("named", NAMED)
def test_a_saved_conversation_gets_no_token_for_its_space(evil: ScriptedSpace, named: str) -> None:
    """Whoever wrote it does not decide who gets HF_TOKEN."""
    with Conversation.from_json(saved(named)).space as space:
        Conversation.from_json(saved(named)).reply("hi")
        assert space._settings.token is None

    assert evil.steps().count("predict") == 1
    assert [*carriers(evil)] == []


@pytest.mark.parametrize("named", ["ada/phi-4", "https://ada-phi-4.hf.space", "https://ADA-phi-4.hf.space/"])
@pytest.mark.parametrize("configured", ["ada/phi-4", "https://ada-phi-4.hf.space"])
def test_the_space_that_is_configured_gets_it(
    evil: ScriptedSpace, monkeypatch: pytest.MonkeyPatch, named: str, configured: str
) -> None:
    """The user named it, by PHI4_SPACE, as its name or its URL."""
    monkeypatch.setenv("PHI4_SPACE", configured)

    Conversation.from_json(saved(named)).reply("hi")

    assert set(carriers(evil)) == {"ada-phi-4.hf.space"}


def test_the_public_space_gets_it(evil: ScriptedSpace) -> None:
    """Where nobody named one, it is the one that is asked anyway."""
    Conversation.from_json(saved("microsoft/phi-4-multimodal")).reply("hi")

    assert set(carriers(evil)) == {"microsoft-phi-4-multimodal.hf.space"}


def test_a_token_goes_along_when_asked(evil: ScriptedSpace) -> None:
    """Who hands one in has decided, and so has who names the Space."""
    Conversation.from_json(saved("ada/phi-4"), token=SECRET).reply("hi")
    Conversation.from_json(saved("ada/phi-4"), space=room.SpaceClient("ada/phi-4")).reply("hi")
    Conversation.from_json(saved("microsoft/phi-4-multimodal"), token=False).reply("hi")

    assert set(carriers(evil)) == {"ada-phi-4.hf.space"}


@pytest.mark.parametrize("space", [ELSEWHERE, "ada/phi-4", "", 5, False, Phi4()])
def test_a_saved_conversation_goes_on_with_a_client_alone(space: Any) -> None:
    """A name in its place is refused, and not passed over."""
    with pytest.raises(InvalidOption, match="Write space=SpaceClient"):
        Conversation.from_json(saved("ada/phi-4"), space=space)


def test_a_client_brings_its_own_token() -> None:
    """Two that may contradict are refused."""
    with pytest.raises(InvalidOption, match="brings its own token"):
        Conversation.from_json(saved("ada/phi-4"), space=SpaceClient(), token="x")


@pytest.mark.parametrize(
    "named", ["", "no name", "file:///etc/passwd", "http://user:pw@e.example", "//e.example"]
)
def test_a_conversation_with_no_space_is_none(named: str) -> None:
    """What is no Space's name is refused as the file's fault."""
    with pytest.raises(InvalidConversation, match="no Space"):
        Conversation.from_json(saved(named))


def test_a_saved_conversation_may_go_on_elsewhere(evil: ScriptedSpace) -> None:
    """With a client of one's own it goes there, on a session of its own, whatever it names."""
    Conversation.from_json(saved("evil/space"), space=room.SpaceClient("bob/phi-4")).reply("hi")

    assert {request.url.host for request in evil.requests("predict")} == {"bob-phi-4.hf.space"}


@pytest.mark.parametrize(
    ("options", "warned", "went"),
    [
        ([], True, set()),
        (["--space", "evil/space"], False, {"evil-space.hf.space"}),
    ],
)
def test_a_resumed_chat_gets_no_token_for_its_space(
    evil: ScriptedSpace,
    tmp_path: Path,
    options: list[str],
    warned: bool,  # noqa: FBT001
    went: set[str],
) -> None:
    """phi4 chat --resume says that it keeps the token, and how to send it."""
    (tmp_path / "chat.json").write_text(saved("evil/space"))

    done = CliRunner().invoke(app, ["chat", "--resume", str(tmp_path / "chat.json"), *options], input="hi\n")

    assert (done.exit_code, done.stdout) == (0, "an answer\n")
    assert ("HF_TOKEN is not sent to evil/space" in done.stderr) == warned
    assert set(carriers(evil)) == went


def test_a_resumed_chat_says_nothing_where_there_is_no_token(
    evil: ScriptedSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was kept."""
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "chat.json").write_text(saved("evil/space"))

    done = CliRunner().invoke(app, ["chat", "--resume", str(tmp_path / "chat.json")], input="hi\n")

    assert "HF_TOKEN" not in done.stderr
    assert evil.steps().count("predict") == 1


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize(
    "make",
    [Phi4.from_dict, lambda data: Phi4.from_json(json.dumps(data))],
    ids=["dict", "JSON"],
)
def test_a_dumped_llm_gets_no_token_for_its_space(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[dict[str, Any]], Phi4], named: str
) -> None:
    """LlamaIndex's data decide as little as a saved conversation; who says token= or space= decides."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    data = {**Phi4().to_dict(), "space": named}

    assert make(data)._to_client() == SpaceClient(named, token=False)
    assert Phi4.from_dict(data, token=SECRET)._to_client() == SpaceClient(named, token=SECRET)
    assert Phi4.from_dict(data, space=named)._to_client() == SpaceClient(named)
    assert make(Phi4().to_dict())._to_client() == SpaceClient()
    assert Phi4.from_dict({"class_name": "phi4_multimodal_llm"})._to_client() == SpaceClient()
    assert Phi4.from_dict({**data, "token": "own"})._to_client() == SpaceClient(named, token="own")


@pytest.mark.filterwarnings("ignore:The function .load:langchain_core._api.LangChainBetaWarning")
def test_what_core_loads_can_be_held_to_known_spaces() -> None:
    """LangChain's dumps are configuration to be trusted; its own hook says which Space may be named."""

    def known(_: tuple[str, ...], fields: dict[str, Any]) -> None:
        if fields.get("space") not in {None, "ada/phi-4"}:
            raise ValueError("a strange Space")

    options = {"allowed_objects": [ChatPhi4], "valid_namespaces": ["langchain_phi4"], "init_validator": known}

    assert loads(written(space="ada/phi-4"), **options).space == "ada/phi-4"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a strange Space"):
        loads(written(space="evil/space"), **options)  # type: ignore[arg-type]


def test_the_history_of_a_saved_conversation_is_kept() -> None:
    """What is new about the token changes nothing of what was said."""
    assert Conversation.from_json(saved("evil/space")).turns == (Turn(role="user", text="My name is Ada."),)
