"""On another loop than asyncio's: every asynchronous method refuses, by name, and leaves nothing behind."""

from __future__ import annotations

import gc
import inspect
import sys
import warnings
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import StringPromptValue
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

import phi4_space as p4
from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4

URL = "http://127.0.0.1:9"


class Answer(BaseModel):
    """An object to ask for."""

    text: str


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


TOOL = FunctionTool.from_defaults(add)
PROMPT = PromptTemplate("hi")
TURNS = [ChatMessage(content="hi")]
CALLS: dict[type, dict[str, Callable[[Any], Any]]] = {
    p4.SpaceClient: {
        "areply": lambda one: one.areply("hi"),
        "astream": lambda one: one.astream("hi"),
        "astatus": lambda one: one.astatus(wake=1),
        "await_ready": lambda one: one.await_ready(1),
        "asession": lambda one: one.asession(),
        "aupload": lambda one: one.aupload([b"x"]),
        "aread_file": lambda one: one.aread_file(p4.ReplyFile("/x", "x")),
        "aclose": lambda one: one.aclose(),
        "__aexit__": lambda one: one.__aexit__(None, None, None),
    },
    p4.Conversation: {
        "areply": lambda one: one.areply("hi"),
        "astream": lambda one: one.astream("hi"),
    },
    ChatPhi4: {
        "ainvoke": lambda one: one.ainvoke("hi"),
        "astream": lambda one: one.astream("hi"),
        "abatch": lambda one: one.abatch(["hi", "ho"]),
        "abatch_as_completed": lambda one: one.abatch_as_completed(["hi", "ho"]),
        "agenerate": lambda one: one.agenerate([[HumanMessage("hi")]]),
        "agenerate_prompt": lambda one: one.agenerate_prompt([StringPromptValue(text="hi")]),
        "astream_log": lambda one: one.astream_log("hi"),
        "astream_events": lambda one: one.astream_events("hi", version="v2"),
        "astream_events v3": lambda one: one.astream_events("hi", version="v3"),
        "atransform": lambda one: one.atransform(_texts()),
        "aclose": lambda one: one.aclose(),
    },
    Phi4: {
        "achat": lambda one: one.achat(TURNS),
        "astream_chat": lambda one: one.astream_chat(TURNS),
        "acomplete": lambda one: one.acomplete("hi"),
        "astream_complete": lambda one: one.astream_complete("hi"),
        "apredict": lambda one: one.apredict(PROMPT),
        "astream": lambda one: one.astream(PROMPT),
        "astructured_predict": lambda one: one.astructured_predict(Answer, PROMPT),
        "astream_structured_predict": lambda one: one.astream_structured_predict(Answer, PROMPT),
        "achat_with_tools": lambda one: one.achat_with_tools([TOOL], "hi"),
        "astream_chat_with_tools": lambda one: one.astream_chat_with_tools([TOOL], "hi"),
        "apredict_and_call": lambda one: one.apredict_and_call([TOOL], "hi"),
        "aclose": lambda one: one.aclose(),
    },
}


async def _texts() -> Any:
    yield "hi"


def made(kind: type) -> Any:
    """A client of the class, for a Space that nobody asks."""
    match kind:
        case p4.SpaceClient:
            return p4.SpaceClient(URL)
        case p4.Conversation:
            return p4.SpaceClient(URL).conversation()
        case _:
            return kind(space=URL)


async def used(answer: Any) -> None:
    """Awaits, iterates or enters what an asynchronous method returns."""
    if hasattr(answer, "__aenter__"):
        async with answer:
            return
    if hasattr(answer, "__aiter__"):
        async for _ in answer:
            return
    elif inspect.isasyncgen(found := await answer):
        await used(found)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, calls in CALLS.items() for name in calls], ids=str
)
def test_every_asynchronous_method_needs_asyncio(
    kind: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under trio there is an error that says what to do, and no coroutine that nobody awaits."""
    unawaited: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unawaited.append)

    async def main() -> None:
        with pytest.raises(p4.LoopNotSupported, match=r"asyncio.*anyio\.run.*to_thread") as caught:
            await used(CALLS[kind][name](made(kind)))
        assert not isinstance(caught.value, RuntimeError)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        anyio.run(main, backend="trio")
        gc.collect()

    assert [str(warning.message) for warning in caught if "await" in str(warning.message)] == []
    assert unawaited == []


@pytest.mark.parametrize("kind", [ChatPhi4, Phi4])
def test_no_method_of_a_framework_is_left_out(kind: type) -> None:
    """Also of methods that core has next year."""
    methods = {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}
    asynchronous = {
        name
        for name, method in methods.items()
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
    }

    assert {name.partition(" ")[0] for name in CALLS[kind]} >= asynchronous


@pytest.mark.loopback
def test_synchronous_methods_work_in_a_thread_of_trios() -> None:
    """As the error's advice says: what comes back is the Space's own failure."""

    async def main() -> None:
        space = p4.SpaceClient(URL, max_retries=0)
        with pytest.raises(p4.ConnectionFailed):
            await anyio.to_thread.run_sync(space.reply, "hi")

    anyio.run(main, backend="trio")
