from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
    VideoBlock,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import ImageDocument
from llama_index.core.tools import FunctionTool
from media import square
from phi4s import calling, hanging, phi4, prompts, saying, streaming, uploaded
from pydantic import BaseModel, ValidationError
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, replaced
from servers import ROOT

import llama_index_phi4
from llama_index_phi4 import Phi4
from phi4_space import (
    InvalidOption,
    MediaNotReadable,
    OptionIgnored,
    ResponseFormat,
    SpaceClient,
    Timeouts,
    TooManyFiles,
    UnsupportedContent,
)

PNG = square(255, 0, 0)
HI = [ChatMessage(role="user", content="hi")]


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


# --- what it is ---------------------------------------------------------------------------------------


def test_it_is_an_llm_that_calls_functions() -> None:
    """Core's engines and agents take it for what it is, and `Settings` holds it."""
    assert {FunctionCallingLLM, LLM, BaseLLM} <= {*Phi4.__mro__}
    before = Settings._llm
    try:
        Settings.llm = llm = Phi4()
        assert Settings.llm is llm
    finally:
        Settings._llm = before


def test_its_name_is_stable_and_multimodal() -> None:
    """Dumps and caches go by it, and core warns about models without "multi" in it."""
    assert Phi4.class_name() == "phi4_multimodal_llm"


@pytest.mark.parametrize(
    "name",
    [
        "chat",
        "stream_chat",
        "achat",
        "astream_chat",
        "complete",
        "stream_complete",
        "acomplete",
        "astream_complete",
        "_prepare_chat_with_tools",
        "get_tool_calls_from_response",
        "structured_predict",
        "astructured_predict",
        "_structured_stream_call",
        "_structured_astream_call",
    ],
)
def test_signatures_are_those_of_the_base(name: str) -> None:
    """Core and users call each method as the base declares it: same names, order, kinds and defaults."""

    def declared(kind: type) -> list[tuple[object, ...]]:
        parameters = inspect.signature(getattr(kind, name)).parameters.values()
        return [(one.name, one.kind, one.default) for one in parameters]

    assert declared(FunctionCallingLLM) == declared(Phi4)


def test_the_public_names_are_there() -> None:
    """All that `__all__` promises, the version among it."""
    assert all(hasattr(llama_index_phi4, name) for name in llama_index_phi4.__all__)
    assert llama_index_phi4.__version__


# --- how it is made -----------------------------------------------------------------------------------


def test_making_one_opens_nothing() -> None:
    """Neither construction nor `metadata` asks anybody: no request, and no connection."""
    space = ScriptedSpace()

    metadata = phi4(space).metadata

    assert metadata.model_name == "phi-4-multimodal"
    assert (metadata.context_window, metadata.num_output) == (131072, 1024)
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert metadata.system_role is MessageRole.SYSTEM
    assert space.asked == []


IMPORTED = """
import llama_index.core, socket, sys, threading
def refuse(*_, **__): raise OSError("nobody is to be asked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
before = set(sys.modules), threading.active_count()
import llama_index_phi4
llama_index_phi4.Phi4().metadata
assert threading.active_count() == before[1]
print(*{name.partition(".")[0] for name in set(sys.modules) - before[0]})
"""


@pytest.mark.timeout(300)  # it imports all of core, which takes a while on a busy machine
def test_importing_loads_no_other_framework() -> None:
    """Nor a server, nor a thread; nobody is asked by the import, nor when one is made."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", IMPORTED],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )

    loaded = set(done.stdout.split())
    assert {"llama_index_phi4", "phi4_space"} <= loaded
    assert not {
        name for name in loaded if name.startswith(("langchain", "langgraph", "gradio", "phi4_server"))
    }


def test_metadata_says_what_the_fields_say() -> None:
    """Core packs prompts by the window, and picks ReAct where functions are not to be called."""
    metadata = Phi4(context_window=8192, num_output=512, is_function_calling_model=False).metadata

    assert (metadata.context_window, metadata.num_output) == (8192, 512)
    assert not metadata.is_function_calling_model


def test_the_environment_names_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `space` it is PHI4_SPACE, else the public one; dumps name the one that was meant."""
    assert Phi4().space == "microsoft/phi-4-multimodal"

    monkeypatch.setenv("PHI4_SPACE", "ada/phi-4")

    assert Phi4().space == "ada/phi-4"


def test_fields_configure_the_client() -> None:
    """Each field reaches the client that is made from them, also when it is set later."""
    llm = Phi4(
        space="ada/phi-4",
        token="hf_x",
        model="phi-4",
        timeout=7,
        max_retries=0,
        max_files=3,
        prompt_style="template",
        strict=True,
        endpoint="process_message",
        extra_inputs={"Web search": False},
        prompt_prefix="@phi4 ",
    )
    same = partial(
        SpaceClient,
        "ada/phi-4",
        token="hf_x",
        max_retries=0,
        max_files=3,
        prompt_style="template",
        strict=True,
        endpoint="process_message",
        extra_inputs={"Web search": False},
        prompt_prefix="@phi4 ",
    )

    assert same(timeouts=7.0) == llm._to_client()
    assert llm.model == "phi-4-multimodal"
    assert llm._to_client() is llm._to_client()

    llm.timeout = Timeouts(idle=9)

    assert same(timeouts=Timeouts(idle=9)) == llm._to_client()


def test_a_client_of_the_users_own_is_used_as_it_is() -> None:
    """It tells the Space, too."""
    client = SpaceClient("ada/phi-4", max_retries=0)

    llm = Phi4(client=client)

    assert llm._to_client() is client
    assert llm.space == "ada/phi-4"
    assert Phi4(client=client, space="ada/phi-4").space == "ada/phi-4"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tokn": "hf_sentinel"}, "'tokn'. Did you mean token?"),
        ({"max_token": 3}, "Did you mean max_tokens?"),
        ({"xyz": 3}, "It takes additional_kwargs"),
        ({"space": "a/b/c"}, "not the name of a Space"),
        ({"model": "gpt"}, "no model of that name"),
        ({"num_output": 4096, "context_window": 4096}, "num_output"),
        ({"num_output": 0}, "num_output"),
        ({"timeout": -1}, "Timeouts.total"),
        ({"max_retries": -1}, "max_retries"),
        ({"prompt_style": "poem"}, "prompt_style"),
        ({"additional_kwargs": {"tempratur": 0}}, "Did you mean temperature?"),
        ({"client": SpaceClient(), "timeout": 3, "token": "hf_sentinel"}, "its own token, timeout"),
        ({"client": SpaceClient(), "space": "ada/phi-4"}, "its own space"),
        ({"token": {"hf_sentinel": 1}}, "token"),
        ({"token": "hf_sentinel\n2"}, "token"),
    ],
)
def test_bad_arguments_are_refused_at_once(fields: dict[str, Any], told: str) -> None:
    """The error names the argument, and the nearest that exists; it never repeats what may be a token."""
    with pytest.raises(ValidationError) as caught:
        Phi4(**fields)

    assert told in str(caught.value)
    assert "sentinel" not in str(caught.value)


def test_what_describes_no_llm_is_refused() -> None:
    """Where pydantic is handed something else, in a user's own model."""
    with pytest.raises(ValidationError, match="Phi4"):
        Phi4.model_validate("ada/phi-4")


def test_a_window_without_room_is_found_later_too() -> None:
    """Fields that are set on a living object are checked when core asks."""
    llm = Phi4()
    llm.num_output = llm.context_window

    with pytest.raises(ValueError, match="must be less than context_window"):
        _ = llm.metadata


# --- the eight endpoints ------------------------------------------------------------------------------


async def drained(stream: Any) -> list[Any]:
    return [response async for response in await stream]


ENDPOINTS: dict[str, Callable[[Phi4], list[Any]]] = {
    "chat": lambda llm: [llm.chat(HI)],
    "stream_chat": lambda llm: list(llm.stream_chat(HI)),
    "achat": lambda llm: [asyncio.run(llm.achat(HI))],
    "astream_chat": lambda llm: asyncio.run(drained(llm.astream_chat(HI))),
    "complete": lambda llm: [llm.complete("hi")],
    "stream_complete": lambda llm: list(llm.stream_complete("hi")),
    "acomplete": lambda llm: [asyncio.run(llm.acomplete("hi"))],
    "astream_complete": lambda llm: asyncio.run(drained(llm.astream_complete("hi"))),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_endpoint_asks_once_and_answers(endpoint: str) -> None:
    """All eight send the same turn, verbatim, and give the same answer."""
    space = streaming("Hel", "lo", " Ada")

    responses = ENDPOINTS[endpoint](phi4(space))

    assert str(responses[-1]).removeprefix("assistant: ") == "Hello Ada"
    assert prompts(space) == ["hi"]
    assert responses[-1].raw["space"] == URL
    if "stream" in endpoint:
        assert [response.delta for response in responses] == ["Hel", "lo", " Ada", ""]
    else:
        assert responses[0].delta is None


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_empty_answer_is_an_answer(endpoint: str) -> None:
    """Each endpoint gives at least one response, also when the Space says nothing."""
    responses = ENDPOINTS[endpoint](phi4(saying("")))

    assert [str(response).removeprefix("assistant: ") for response in responses] == [""]


def test_text_that_the_space_takes_back() -> None:
    """The message follows the Space; the delta brings the new text whole."""
    space = ScriptedSpace(
        {"data": [events(ESTIMATION, STARTS, generating("Helo"), replaced("Hello!"), completed("Hello!"))]}
    )

    responses = list(phi4(space).stream_chat(HI))

    assert [response.message.content for response in responses] == ["Helo", "Hello!", "Hello!"]
    assert [response.delta for response in responses] == ["Helo", "Hello!", ""]


def test_bad_input_fails_at_the_call_of_a_stream() -> None:
    """Blocks are translated before the generator is handed out."""
    llm = phi4(ScriptedSpace())
    film = [ChatMessage(role="user", blocks=[VideoBlock(video=b"film")])]

    with pytest.raises(UnsupportedContent, match="Message 0"):
        llm.stream_chat(film)
    with pytest.raises(UnsupportedContent, match="Message 0"):
        asyncio.run(llm.astream_chat(film))


def test_asynchronous_calls_overlap() -> None:
    """Three at a time are all on their way before any is answered."""

    async def at_once() -> set[str]:
        all_joined = asyncio.Barrier(3)

        async def join(_: object) -> httpx.Response:
            await asyncio.wait_for(all_joined.wait(), 10)
            return httpx.Response(200, json={"event_id": "event"})

        llm = phi4(ScriptedSpace({"join": [join, join, join]}), client={"max_retries": 0})
        said = await asyncio.gather(*(llm.achat(HI) for _ in range(3)))
        return {str(response.message.content) for response in said}

    assert asyncio.run(at_once()) == {"an answer"}


# --- what goes with a call ----------------------------------------------------------------------------


def test_completion_to_prompt_shapes_the_prompt() -> None:
    """Unless the caller says that it is formatted already."""
    space = ScriptedSpace()
    llm = phi4(space, completion_to_prompt=lambda prompt: f"Q: {prompt}")

    llm.complete("hi")
    llm.complete("hi", formatted=True)

    assert prompts(space) == ["Q: hi", "hi"]


def test_a_formatted_prompt_is_sent_as_it_is() -> None:
    """With its control tokens, and in the place of the client's own template."""
    space = ScriptedSpace()
    llm = phi4(space, client={"prompt_style": "template"})

    llm.complete("<|user|>hi<|end|><|assistant|>", formatted=True)
    llm.complete("<|user|>hi")

    assert prompts(space) == ["<|user|>hi<|end|><|assistant|>", "<|user|>< |user|>hi<|end|><|assistant|>"]


@pytest.mark.parametrize("name", ["image_documents", "images"])
@pytest.mark.parametrize("formatted", [False, True])
def test_images_of_a_completion_are_sent(name: str, formatted: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """As users of multimodal LLMs write it, by nodes or by blocks."""
    (tmp_path / "cat.png").write_bytes(PNG)
    images = [ImageDocument(image_path=str(tmp_path / "cat.png")), ImageBlock(image=PNG + b"2")]
    space = ScriptedSpace()
    llm = phi4(space, local_files=tmp_path)

    llm.complete("What is this?", formatted=formatted, **{name: images})
    list(llm.stream_complete("What is this?", formatted=formatted, **{name: images}))

    assert uploaded(space) == [2, 2]
    assert prompts(space) == ["What is this?"] * 2


def test_what_is_no_image_is_refused() -> None:
    """By its place and kind, before anything is sent."""
    space = ScriptedSpace()

    with pytest.raises(UnsupportedContent, match=r"image_documents\[0\]: It is a str"):
        phi4(space).complete("hi", images=["cat.png"])

    assert space.asked == []


def test_more_files_than_the_space_takes_are_refused() -> None:
    """The error names the limit, and nothing is sent."""
    space = ScriptedSpace()
    images = [ImageBlock(image=PNG + bytes([number])) for number in range(3)]
    llm = phi4(space, client={"max_files": 2})

    with pytest.raises(TooManyFiles, match="2") as caught:
        llm.chat([ChatMessage(role="user", blocks=[*images, TextBlock(text="Compare.")])])

    assert (caught.value.count, caught.value.limit) == (3, 2)
    assert space.asked == []


def test_an_answer_ends_before_a_stop_string() -> None:
    """The field's strings hold for each call, a call's own come in their place, and [] is none."""
    space = saying("one END two", "one END two STOP three", "one END two", "one END two", "a b")
    llm = phi4(space, stop=["END"])

    assert str(llm.complete("hi")) == "one "
    assert str(llm.complete("hi", stop=["STOP"])) == "one END two "
    assert str(llm.complete("hi", stop=[])) == "one END two"
    response = llm.chat(HI)
    assert (response.message.content, (response.raw or {})["stopped_by"]) == ("one ", "END")
    assert str(llm.complete("hi", stop=" ")) == "a"


def test_a_stop_string_is_found_across_deltas() -> None:
    """The part of it that came first is not shown either."""
    responses = list(phi4(streaming("one EN", "D two"), stop=["END"]).stream_chat(HI))

    assert "".join(response.delta or "" for response in responses) == "one "


def test_what_the_space_cannot_honour_is_said_once() -> None:
    """Sampling options warn, each once, wherever they come from."""
    llm = phi4(ScriptedSpace(), temperature=0.2, max_tokens=7, additional_kwargs={"top_p": 0.9})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        llm.chat(HI)
        llm.complete("hi", temperature=0.1, seed=3)

    told = " ".join(str(one.message) for one in caught if one.category is OptionIgnored)
    assert all(name in told for name in ("temperature", "max_tokens", "top_p", "seed"))
    assert told.count("temperature") == 1


def test_strictly_it_is_an_error() -> None:
    """With `strict`, an option of no effect is refused before the question is sent."""
    space = ScriptedSpace()

    with pytest.raises(InvalidOption, match="temperature"):
        phi4(space, client={"strict": True}, temperature=0.2).chat(HI)

    assert space.steps() == ["config"]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda llm: llm.chat(HI, tool_choise="any"), "'tool_choise'. Did you mean tool_choice?"),
        (lambda llm: llm.chat(HI, image_documents=[]), "A chat takes no argument 'image_documents'"),
        (lambda llm: llm.complete("hi", tools=[ADD]), "A completion takes no argument 'tools'"),
        (lambda llm: llm.chat(HI, response_format=3), "response_format"),
        (lambda llm: llm.chat(HI, stop=3), "stop=[...]"),
        (
            lambda llm: llm.complete(HI),
            "The prompt is of type list, not a string. For messages, there is chat.",
        ),
        (lambda llm: list(llm.stream_complete(None)), "The prompt is of type NoneType"),
        (lambda llm: llm.chat(HI, tool_choice="subtract", tools=[ADD]), "tool_choice"),
    ],
)
def test_unknown_arguments_of_a_call_are_refused(ask: Callable[[Phi4], object], told: str) -> None:
    """Nothing is dropped silently; the error names the nearest that exists."""
    with pytest.raises(InvalidOption) as caught:
        ask(phi4(ScriptedSpace()))

    assert told in str(caught.value)


def test_what_core_sends_to_any_llm_is_let_pass() -> None:
    """DocumentContextExtractor sends headers for another provider with each call."""
    space = ScriptedSpace()

    phi4(space).chat(HI, extra_headers={"anthropic-beta": "x"})

    assert prompts(space) == ["hi"]


class City(BaseModel):
    """A city."""

    name: str


@pytest.mark.parametrize(
    "form",
    [
        City,
        ResponseFormat(City.model_json_schema()),
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "city", "schema": City.model_json_schema()}},
    ],
)
def test_response_format_gives_bare_json(form: Any) -> None:
    """In each form in which users write it: fences and prose around the JSON are gone."""
    llm = phi4(saying('Sure:\n```json\n{"name": "Lima"}\n```'))

    assert json.loads(str(llm.complete("Which city?", response_format=form))) == {"name": "Lima"}


def test_response_format_text_asks_for_nothing() -> None:
    """OpenAI's "text" is the usual answer."""
    space = saying("Lima")

    assert str(phi4(space).complete("Which city?", response_format={"type": "text"})) == "Lima"
    assert prompts(space) == ["Which city?"]


def test_the_system_prompt_is_applied_by_predict_and_not_by_chat() -> None:
    """As core has it: `predict` says it once, `chat` and `complete` leave it to the caller."""
    space = ScriptedSpace()
    llm = phi4(space, system_prompt="Be kind.")

    llm.predict(PromptTemplate("{word}"), word="hi")
    llm.chat(HI)

    assert prompts(space) == ["System: Be kind.\nUser: hi\nAssistant:", "hi"]


# --- tools --------------------------------------------------------------------------------------------


def test_a_question_with_tools_leaves_the_history_alone() -> None:
    """The caller's list is copied, not appended to."""
    space = saying(calling(("add", {"a": 1, "b": 2})))
    history = [ChatMessage(role="system", content="Count.")]

    response = phi4(space).chat_with_tools([ADD], user_msg="1 + 2?", chat_history=history)

    assert [ChatMessage(role="system", content="Count.")] == history
    assert '"name": "add"' in prompts(space)[0]
    assert prompts(space)[0].endswith("User: 1 + 2?\nAssistant:")
    (selection,) = phi4(space).get_tool_calls_from_response(response)
    assert (selection.tool_id, selection.tool_name) == ("call_1", "add")
    assert selection.tool_kwargs == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("user", "history"), [(None, HI), (HI[0], None), ("hi", []), (None, [*HI]), (HI[0], [])]
)
def test_the_question_may_stand_in_either_place(user: Any, history: Any) -> None:
    """As text, as a message, or at the end of the history."""
    prepared = Phi4()._prepare_chat_with_tools([ADD], user_msg=user, chat_history=history)

    assert [message.content for message in prepared["messages"]] == ["hi"]
    assert prepared["tools"][0]["function"]["name"] == "add"
    assert (prepared["tool_choice"], prepared["allow_parallel_tool_calls"]) == ("auto", False)
    json.dumps(prepared["tools"])


TWO = calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))


@pytest.mark.parametrize(("parallel", "count"), [(True, 2), (False, 1)])
def test_parallel_calls_are_allowed_or_not(parallel: bool, count: int) -> None:  # noqa: FBT001
    """Where they are not, the first counts: in an answer, and in the last response of a stream."""
    llm = phi4(saying(TWO, TWO))

    whole_answer = llm.chat_with_tools([ADD], "sum?", allow_parallel_tool_calls=parallel)
    *_, last = llm.stream_chat_with_tools([ADD], "sum?", allow_parallel_tool_calls=parallel)

    assert len(llm.get_tool_calls_from_response(whole_answer)) == count
    assert len(llm.get_tool_calls_from_response(last)) == count


def test_parallel_calls_have_ids_of_their_own() -> None:
    """Two calls of one tool do not collide, and reading twice gives the same ids."""
    llm = phi4(saying(TWO))

    response = llm.chat_with_tools([ADD], "sum?", allow_parallel_tool_calls=True)

    first, again = (
        [selection.tool_id for selection in llm.get_tool_calls_from_response(response)] for _ in range(2)
    )
    assert first == again == ["call_1", "call_2"]


def test_a_streamed_call_leaks_no_markup() -> None:
    """Words before the call are shown; not one character of the call is."""
    call = calling(("add", {"a": 1, "b": 2}))
    pieces = [call[place : place + 7] for place in range(0, len(call), 7)]
    llm = phi4(streaming("Let me see. ", *pieces))

    responses = list(llm.stream_chat_with_tools([ADD], "1 + 2?"))

    assert "".join(response.delta or "" for response in responses).strip() == "Let me see."
    assert all("tool_call" not in (response.message.content or "") for response in responses)
    assert [[]] * (len(responses) - 1) == [
        llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) for response in responses[:-1]
    ]
    assert llm.get_tool_calls_from_response(responses[-1])[0].tool_name == "add"


def test_a_must_is_met_by_asking_once_more() -> None:
    """tool_required is enforced: prose is answered with one more question."""
    space = saying("I would add them.", calling(("add", {"a": 1, "b": 2})))
    llm = phi4(space)

    response = llm.chat_with_tools([ADD], "1 + 2?", tool_required=True)

    assert llm.get_tool_calls_from_response(response)
    assert len(prompts(space)) == 2


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"tool_choice": "none"}, "Do not call a tool."),
        ({"tool_choice": "required"}, "You must call at least one tool."),
        ({"tool_choice": "add"}, "You must call the tool add."),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, "You must call the tool add."),
        ({"tool_required": True}, "You must call at least one tool."),
    ],
)
def test_tool_choice_reaches_the_model(told: dict[str, Any], asked: str) -> None:
    """In each form that core and users write it; nothing of it goes to the Space beside the prompt."""
    space = saying(calling(("add", {"a": 1, "b": 2})))

    phi4(space).chat_with_tools([ADD], "1 + 2?", **told)

    assert asked in prompts(space)[0]
    assert "tool_choice" not in json.dumps(space.bodies("predict") + space.bodies("join"))


def test_tools_may_be_handed_to_a_chat() -> None:
    """Without core's `..._with_tools`, with the same arguments; several calls are allowed then."""
    space = saying(TWO)
    llm = phi4(space)

    response = llm.chat(HI, tools=[ADD], tool_required=True)

    assert "You must call at least one tool." in prompts(space)[0]
    assert len(llm.get_tool_calls_from_response(response)) == 2


def test_no_call_where_one_has_to_be_is_an_error() -> None:
    """As in other integrations; the text tells what was said in its place."""
    llm = phi4(saying("Three."))
    response = llm.chat_with_tools([ADD], "1 + 2?")

    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match=r"called no tool, and said 'Three\.'"):
        llm.get_tool_calls_from_response(response)


# --- closing ------------------------------------------------------------------------------------------


def test_closing_closes_what_was_made_here() -> None:
    """Also before the first call, and as often as one likes; the next call opens new connections."""
    llm = Phi4(space="http://127.0.0.1:9", max_retries=0)

    llm.close()
    asyncio.run(llm.aclose())
    llm._to_client()
    llm.close()
    asyncio.run(llm.aclose())

    assert llm._own is not None
    assert llm._to_client() is llm._own[1]


def test_leaving_a_with_block_closes() -> None:
    """Both kinds of `with` hand out the LLM itself."""

    async def inside() -> None:
        async with Phi4() as llm:
            assert isinstance(llm, Phi4)

    asyncio.run(inside())
    with Phi4() as llm:
        assert isinstance(llm, Phi4)


def test_the_users_client_is_never_closed() -> None:
    """It is the user's, and may serve others."""
    closed: list[str] = []

    class Client(SpaceClient):
        async def aclose(self) -> None:
            closed.append("aclose")

        def close(self) -> None:
            closed.append("close")

    with Phi4(client=Client()) as llm:
        asyncio.run(llm.aclose())

    assert closed == []


# --- leaving early ------------------------------------------------------------------------------------


async def left_early(llm: Phi4) -> None:
    stream = await llm.astream_chat(HI)
    assert (await anext(stream)).delta == "Hel"
    await stream.aclose()


async def cancelled(llm: Phi4) -> None:
    task = asyncio.create_task(llm.achat(HI))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])


def left_early_here(llm: Phi4) -> None:
    stream = llm.stream_complete("hi")
    assert next(stream).delta == "Hel"
    stream.close()


@pytest.mark.parametrize(
    "leave",
    [
        left_early_here,
        lambda llm: asyncio.run(left_early(llm)),
        lambda llm: asyncio.run(cancelled(llm)),
    ],
    ids=["close", "aclose", "cancel"],
)
def test_who_leaves_early_frees_the_space(leave: Callable[[Phi4], None]) -> None:
    """The job is taken back before the call that leaves returns."""
    space = ScriptedSpace({"data": [hanging("Hel")]})

    leave(phi4(space))

    assert space.steps()[-1] == "cancel"


def test_a_media_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The client's errors come through as they are."""
    (tmp_path / "cat.png").write_bytes(PNG)
    image = ImageDocument(image_path=str(tmp_path / "cat.png"))
    (tmp_path / "cat.png").unlink()

    with pytest.raises(MediaNotReadable, match=r"cat\.png"):
        phi4(ScriptedSpace(), local_files=True).complete("hi", image_documents=[image])


# --- what a call costs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "threads"), [(TextBlock(text="hi"), 0), (ImageBlock(image=square(1, 2, 3)), 1)]
)
def test_words_alone_are_read_without_a_thread(
    monkeypatch: pytest.MonkeyPatch, block: TextBlock | ImageBlock, threads: int
) -> None:
    """A thread costs more than all the rest; files, which others may hold, are read in one."""
    llm = phi4(ScriptedSpace())
    used: list[object] = []
    to_thread = asyncio.to_thread

    async def recorded(function: Callable[..., Any], *args: Any) -> Any:
        used.append(function)
        return await to_thread(function, *args)

    monkeypatch.setattr("llama_index_phi4.base.asyncio.to_thread", recorded)

    asyncio.run(llm.achat([ChatMessage(role="user", blocks=[block])]))

    assert len(used) == threads


def test_a_whole_answer_is_one_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each response holds all the text so far, so that one for each piece would take the square of it."""
    llm = phi4(streaming("a", "b", "c"))
    made: list[ChatResponse] = []

    def make(**fields: Any) -> ChatResponse:
        made.append(ChatResponse(**fields))
        return made[-1]

    monkeypatch.setattr("llama_index_phi4._output.ChatResponse", make)

    response = llm.chat([ChatMessage(content="hi")])

    assert made == [response]
    assert response.delta is None
