"""How often ChatPhi4 asks, how long it waits, and whom it shows its token: its own fields, on the wire."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelConnectionError, ModelInvalidRequestError, ModelTimeoutError
from langchain_core.messages import HumanMessage
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from pydantic import SecretStr
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, events, generating

from langchain_phi4 import ChatPhi4
from phi4_space import ConnectionFailed, DeadlineExceeded, Environment, Phi4Error, SpaceClient, UrlRefused

SECRET = "hf_sentinel"
HUB_SPACE = "ada/phi"

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> ScriptedSpace:
    """What models talk to with the clients that they make for themselves."""
    space = ScriptedSpace()
    made = partial(SpaceClient, environment=Environment(transport=space))
    monkeypatch.setattr("langchain_phi4._config.SpaceClient", made)
    return space


async def streamed(model: ChatPhi4, said: Any) -> str:
    """An answer, by asynchronous streaming."""
    return "".join([chunk.text async for chunk in model.astream(said)])


DOORS: list[Callable[[ChatPhi4, Any], str]] = [
    lambda model, said: model.invoke(said).text,
    lambda model, said: asyncio.run(model.ainvoke(said)).text,
    lambda model, said: "".join(chunk.text for chunk in model.stream(said)),
    lambda model, said: asyncio.run(streamed(model, said)),
]
each_door = pytest.mark.parametrize("ask", DOORS, ids=["invoke", "ainvoke", "stream", "astream"])


# --- tries and times ----------------------------------------------------------------------------------


@each_door
@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (httpx.Response(429, headers={"retry-after": "0"}), 2),
        (httpx.Response(503, text="Service Unavailable"), 2),
        (httpx.ConnectError("refused"), 2),
        (httpx.Response(401), 1),
        (httpx.Response(422, json={"detail": "no"}), 1),
    ],
    ids=["429", "503", "connect", "401", "422"],
)
def test_what_passes_is_tried_again(
    space: ScriptedSpace, ask: Callable[[ChatPhi4, Any], str], failure: Any, tries: int
) -> None:
    """By every door, streams too: max_retries is for what may pass, and not for what is refused."""
    space.script["predict"] = [failure]
    model = ChatPhi4(space=URL, max_retries=1)

    if tries == 1:
        with pytest.raises(Phi4Error) as caught:
            ask(model, "hi")
        assert not caught.value.retryable
    else:
        assert ask(model, "hi") == "an answer"
    assert space.steps().count("predict") == tries


@each_door
def test_there_are_as_many_tries_as_told(space: ScriptedSpace, ask: Callable[[ChatPhi4, Any], str]) -> None:
    """max_retries=0 asks once."""
    space.script["predict"] = [httpx.ConnectError("refused")] * 9

    with pytest.raises(ConnectionFailed) as caught:
        ask(ChatPhi4(space=URL, max_retries=0), "hi")

    assert isinstance(caught.value, ModelConnectionError)
    assert space.steps().count("predict") == 1


@each_door
def test_nothing_is_tried_again_after_its_first_words(
    space: ScriptedSpace, ask: Callable[[ChatPhi4, Any], str]
) -> None:
    """What was shown cannot be taken back: the error has it."""
    space.script["data"] = [events(ESTIMATION, STARTS, generating("Half an"), httpx.ReadError("cut"))]

    with pytest.raises(ModelConnectionError) as caught:
        ask(ChatPhi4(space=URL), "hi")

    assert caught.value.partial_text == "Half an"  # type: ignore[attr-defined] # it is ours, too
    assert space.steps().count("predict") == 1


@each_door
def test_the_timeout_counts_the_wait_in_the_queue(
    space: ScriptedSpace, ask: Callable[[ChatPhi4, Any], str]
) -> None:
    """A number bounds the whole call; a job that still waits is taken back."""
    space.script["data"] = [events(ESTIMATION, None)]

    with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s") as caught:
        ask(ChatPhi4(space=URL, timeout=0.1, max_retries=0), "hi")

    assert isinstance(caught.value, ModelTimeoutError)
    assert space.steps()[-1] == "cancel"


# --- credentials --------------------------------------------------------------------------------------


def bearers(space: ScriptedSpace) -> set[str | None]:
    """The tokens that the Space itself was shown."""
    assert space.asked
    return {request.headers.get("x-hf-authorization") for _, request in space.asked}


@pytest.mark.parametrize(
    ("where", "told", "shown"),
    [
        (HUB_SPACE, {"token": SECRET}, f"Bearer {SECRET}"),
        (HUB_SPACE, {"api_key": SECRET}, f"Bearer {SECRET}"),
        (HUB_SPACE, {}, "Bearer hf_of_the_environment"),
        (HUB_SPACE, {"token": False}, None),
        ("https://phi.example.com", {"token": SECRET}, f"Bearer {SECRET}"),
        ("https://phi.example.com", {}, None),
        ("http://phi.example.com", {"token": SECRET}, None),
        ("http://127.0.0.1:7860", {"token": SECRET}, None),
    ],
)
def test_a_token_goes_where_it_was_meant_to(
    space: ScriptedSpace, monkeypatch: pytest.MonkeyPatch, where: str, told: dict[str, Any], shown: str | None
) -> None:
    """HF_TOKEN to the Hub's hosts alone, one passed to its Space, and none unencrypted."""
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")

    assert ChatPhi4(space=where, **told).invoke("hi").text == "an answer"

    assert bearers(space) == {shown}


@pytest.mark.parametrize("token", ["hf_other", None, False])
def test_two_tokens_are_one_too_many(token: Any) -> None:
    """The alias is not passed over silently, which would ask in another's name; nor is either told."""
    with pytest.raises(ValueError, match="token and api_key mean the same") as caught:
        ChatPhi4(token=token, api_key=SECRET)  # type: ignore[call-arg] # an alias

    assert "hf_" not in str(caught.value)
    assert ChatPhi4(token=SECRET, api_key=SECRET).token == SecretStr(SECRET)  # type: ignore[call-arg] # as above


def test_no_error_and_no_trace_tells_the_token(space: ScriptedSpace) -> None:
    """Neither the text and fields of an error nor its traceback, and nothing of what tracers are handed."""
    space.script["predict"] = [httpx.Response(401, text="Bad token"), httpx.ConnectError("refused")]
    model, traces = ChatPhi4(space=HUB_SPACE, token=SECRET, max_retries=0), RunCollectorCallbackHandler()

    for _ in range(2):
        with pytest.raises(Phi4Error) as caught:
            model.invoke("hi", {"callbacks": [traces]})
        assert SECRET not in f"{caught.value}{caught.value!r}{vars(caught.value)}"
    model.invoke("hi", {"callbacks": [traces]})

    runs = traces.traced_runs
    told = [(run.inputs, run.outputs, run.extra, run.serialized, run.events, run.error) for run in runs]
    assert (len(told), bearers(space)) == (3, {f"Bearer {SECRET}"})
    assert SECRET not in json.dumps(told, default=repr)


# --- what is loaded -----------------------------------------------------------------------------------


@each_door
@pytest.mark.loopback
@pytest.mark.parametrize("url", ["http://127.0.0.1:7860/cat.png", "http://localhost/cat.png", "file:///x"])
def test_no_message_reaches_a_private_host(
    space: ScriptedSpace, ask: Callable[[ChatPhi4, Any], str], url: str
) -> None:
    """A URL in a message may come from anybody: this machine and its network are not read for them."""
    with pytest.raises(UrlRefused) as caught:
        ask(ChatPhi4(space=URL), [HumanMessage(["See:", {"type": "image_url", "image_url": {"url": url}}])])

    assert isinstance(caught.value, ModelInvalidRequestError)
    assert {"upload", "predict"}.isdisjoint(space.steps())


def test_importing_and_making_one_starts_nothing() -> None:
    """No other framework, no server, no tokenizer, no thread, and no warning."""
    program = """
import sys, threading
from langchain_phi4 import ChatPhi4
ChatPhi4()
print(threading.active_count(), *{name.partition(".")[0] for name in sys.modules})
"""

    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)  # noqa: S603 - ours
    count, *packages = done.stdout.split()

    others = {"llama_index", "llama_index_phi4", "gradio", "phi4_server", "langchain", "langgraph"}
    assert count == "1"
    assert {"langchain_core", "langchain_phi4"} <= set(packages)
    assert {*others, "transformers", "tiktoken", "numpy", "PIL"}.isdisjoint(packages)
