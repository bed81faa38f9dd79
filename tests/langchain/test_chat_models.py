from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from blockbuster import blockbuster_ctx
from chats import Ears, calling, chat, client, in_pieces, prompts, saying, streaming
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableLambda
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from scripted import (
    CLOSE,
    ESTIMATION,
    STARTS,
    URL,
    ScriptedSpace,
    completed,
    events,
    failed,
    replaced,
)
from scripted import generating as first

from langchain_phi4 import ChatPhi4, __version__
from langchain_phi4._messages import to_turns
from phi4_space import (
    Environment,
    InvalidOption,
    OptionIgnored,
    SpaceClient,
    SpaceError,
    ToolChoiceNotMet,
)

CALLS = calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))

pytestmark = pytest.mark.usefixtures("no_waiting")


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def summed(chunks: Any) -> AIMessageChunk:
    total: AIMessageChunk | None = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    assert total is not None
    return total


async def gathered(model: Any, *args: Any, **kwargs: Any) -> list[Any]:
    return [chunk async for chunk in model.astream(*args, **kwargs)]


def by_stream(model: Any, ears: Ears) -> None:
    list(model.stream("hi", {"callbacks": [ears]}))


def by_astream(model: Any, ears: Ears) -> None:
    asyncio.run(gathered(model, "hi", {"callbacks": [ears]}))


def by_invoke(model: Any, ears: Ears) -> None:
    model.invoke("hi", {"callbacks": [ears]})


def by_ainvoke(model: Any, ears: Ears) -> None:
    asyncio.run(model.ainvoke("hi", {"callbacks": [ears]}))


def by_v3(model: Any, ears: Ears) -> None:
    list(model.stream_events("hi", {"callbacks": [ears]}, version="v3"))


def by_async_v3(model: Any, ears: Ears) -> None:
    async def listen() -> None:
        async for _ in await model.astream_events("hi", {"callbacks": [ears]}, version="v3"):
            pass
        while not ears.ends:  # core's producer ends some steps after its last event
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    asyncio.run(listen())


def by_batch(model: Any, ears: Ears) -> None:
    model.batch(["hi"], {"callbacks": [ears]})


STREAMS = [by_stream, by_astream, by_v3, by_async_v3]
PLAIN = [by_invoke, by_ainvoke, by_batch]
v3 = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")


# --- answers ------------------------------------------------------------------------------------------


def test_an_answer_is_a_message() -> None:
    """Plain invoke gives the words, and says which Space and Gradio gave them, when, and why they end."""
    message = chat(saying("Hello")).invoke("hi")

    assert (message.content, message.tool_calls, message.usage_metadata) == ("Hello", [], None)
    told = message.response_metadata
    assert told["model_provider"] == "phi4"
    assert (told["model_name"], told["finish_reason"]) == ("phi-4-multimodal", "stop")
    assert (told["space"], told["gradio_version"], told["event_id"]) == (URL, "6.31.0", "event")
    assert told["timing"]["done"] >= told["timing"]["queued"] >= 0
    assert told["attempts"] == 1


@pytest.mark.anyio
async def test_all_doors_give_the_same() -> None:
    """Streamed or not, waited for or not, the words and calls are the same."""
    answer = f"Let me see. {CALLS}"
    model = chat(ScriptedSpace({"data": [in_pieces(answer[:20], answer[20:]) for _ in range(4)]}))
    model_with_tools = model.bind_tools([add])

    answers = [
        await asyncio.to_thread(model_with_tools.invoke, "hi"),
        await model_with_tools.ainvoke("hi"),
        summed(await asyncio.to_thread(lambda: list(model_with_tools.stream("hi")))),
        summed(await gathered(model_with_tools, "hi")),
    ]

    for number, message in enumerate(answers):
        assert message.content == "Let me see. "
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [
            ("add", {"a": 1, "b": 2}),
            ("add", {"a": 3, "b": 4}),
        ]
        assert [call["id"] for call in message.tool_calls] == [f"call_{2 * number + n}" for n in (1, 2)]
        assert message.response_metadata["finish_reason"] == "tool_calls"


def test_words_come_before_the_space_has_finished() -> None:
    """Streaming is true: the first chunk is there while the answer has no end."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})
    chunks = chat(space).stream("hi")

    assert next(chunks).content == "Hel"
    chunks.close()  # type: ignore[attr-defined] # it is a generator


@pytest.mark.anyio
async def test_words_come_before_the_space_has_finished_for_asynchronous_callers() -> None:
    """Streaming is true here, too, and does not wait in a thread."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})

    async with aclosing(chat(space).astream("hi")) as chunks:  # type: ignore[type-var] # it is a generator
        assert (await anext(chunks)).content == "Hel"


def test_conversations_go_as_a_transcript() -> None:
    """Messages reach the model by the room that translates them."""
    space = saying("Fine")

    chat(space).invoke([("system", "Be kind"), ("human", "hi"), ("ai", "yo"), ("human", "well?")])

    assert prompts(space) == ["System: Be kind\nUser: hi\nAssistant: yo\nUser: well?\nAssistant:"]


# --- v1 and v3 ----------------------------------------------------------------------------------------


def test_version_1_has_blocks_of_text_and_calls() -> None:
    """A v1 stream sums to one text block and a block for each call, none merged into another."""
    answer = f"Let me see. {CALLS}"
    model = chat(streaming(answer[:5], answer[5:]), output_version="v1").bind_tools([add])

    message = summed(model.stream("hi"))

    blocks: Any = message.content
    kinds = [(block["type"], block.get("text"), block.get("args")) for block in blocks]
    assert kinds == [
        ("text", "Let me see. ", None),
        ("tool_call", None, {"a": 1, "b": 2}),
        ("tool_call", None, {"a": 3, "b": 4}),
    ]


@pytest.mark.parametrize(("words", "calls"), [("Let me see. ", ""), ("", CALLS), ("Let me see. ", CALLS)])
def test_version_1_keeps_a_broken_call_to_itself(words: str, calls: str) -> None:
    """It becomes no call and no words, takes nothing of what came before it, and can be handed on."""
    broken = '<|tool_call|>[{"name": "add", "arguments": {"a": 1'
    space = ScriptedSpace({"data": [in_pieces(words + calls, broken), in_pieces(broken)]})
    model = chat(space, output_version="v1").bind_tools([add])

    message = summed(model.stream("hi"))

    assert (message.text, len(message.tool_calls)) == (words, 2 * bool(calls))
    assert [call["args"] for call in message.invalid_tool_calls] == [broken]
    assert broken in [line for turn in to_turns([message]) for line in turn.text.splitlines()]


@v3
@pytest.mark.parametrize("words", ["", "Let me see. "])
@pytest.mark.parametrize("broken", ["", '<|tool_call|>[{"name": "add", "arguments": {"a": 1'])
@pytest.mark.anyio
async def test_version_3_events_are_well_formed(words: str, broken: str) -> None:
    """Text, calls and broken calls make blocks that begin, grow and end in order, both ways."""
    answer = words + CALLS + broken
    space = ScriptedSpace({"data": [in_pieces(*answer) for _ in range(4)]})
    model = chat(space).bind_tools([add])

    told = await asyncio.to_thread(lambda: list(model.stream_events("hi", version="v3")))
    stream = await model.astream_events("hi", version="v3")
    heard = [event async for event in stream]

    for found in (told, heard):
        assert_valid_event_stream(found)
        done = [event["content"] for event in found if event["event"] == "content-block-finish"]
        kinds = ["text"] * bool(words) + ["tool_call"] * 2 + ["invalid_tool_call"] * bool(broken)
        assert [block["type"] for block in done] == kinds
    message = await stream.output
    assert [call["args"] for call in message.tool_calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


# --- callbacks ----------------------------------------------------------------------------------------


@v3
@pytest.mark.parametrize("by", STREAMS)
def test_each_chunk_is_told_once(by: Callable[[Any, Ears], None]) -> None:
    """Callbacks hear each chunk, with its object, in every way of streaming."""
    ears = Ears()

    by(chat(streaming("Hel", "lo")), ears)

    assert ears.tokens == ["Hel", "lo", ""]
    assert ears.ends == ["end"]


@pytest.mark.parametrize("by", PLAIN)
def test_no_tokens_are_told_where_nobody_streams(by: Callable[[Any, Ears], None]) -> None:
    """Plain invoke has no tokens."""
    ears = Ears()

    by(chat(streaming("Hel", "lo")), ears)

    assert (ears.tokens, ears.ends) == ([], ["end"])


@pytest.mark.parametrize("by", [by_invoke, by_ainvoke])
def test_streaming_makes_invoke_tell_tokens(by: Callable[[Any, Ears], None]) -> None:
    """streaming=True is for those who watch an invoke grow."""
    ears = Ears()

    by(chat(streaming("Hel", "lo"), streaming=True), ears)

    assert ears.tokens == ["Hel", "lo", ""]
    assert [name for name, _ in ears.events] == ["phi4_queued", "phi4_started"]


def test_streaming_can_be_forbidden() -> None:
    """streaming=False makes stream give the whole answer at once."""
    (message,) = chat(streaming("Hel", "lo"), streaming=False).stream("hi")

    assert (message.content, message.chunk_position) == ("Hello", "last")


@v3
@pytest.mark.parametrize("by", [*STREAMS, *PLAIN])
def test_what_happens_meanwhile_is_told(by: Callable[[Any, Ears], None]) -> None:
    """Queue, progress and notices are custom events of the model's own run, in every door."""
    ears = Ears()
    progress = {"index": 1, "length": 4, "unit": "steps", "progress": None, "desc": None}
    told = [
        {**ESTIMATION, "rank": 2, "queue_size": 3},
        STARTS,
        {"event_id": "event", "msg": "progress", "progress_data": [progress]},
        {"event_id": "event", "msg": "log", "log": "Be patient", "level": "info"},
        completed("done"),
        CLOSE,
    ]

    by(chat(ScriptedSpace({"data": [events(*told)]})), ears)

    assert [name for name, _ in ears.events] == [
        "phi4_queued",
        "phi4_started",
        "phi4_progress",
        "phi4_notice",
    ]
    assert ears.events[0][1] == {"position": 2, "size": 3, "eta": None}
    assert ears.events[3][1]["text"] == "Be patient"
    assert len(ears.runs) == 1


def test_what_happened_meanwhile_stands_in_the_metadata() -> None:
    """Who did not listen finds the queue, the last progress and all notices with the answer."""
    progress = {"index": 1, "length": 4, "unit": "steps", "progress": None, "desc": None}
    told = [
        {**ESTIMATION, "rank": 2, "queue_size": 3},
        ESTIMATION,
        STARTS,
        {"event_id": "event", "msg": "progress", "progress_data": [progress]},
        {"event_id": "event", "msg": "log", "log": "Be patient", "level": "info"},
        completed("done"),
        CLOSE,
    ]

    metadata = chat(ScriptedSpace({"data": [events(*told)]})).invoke("hi").response_metadata

    assert metadata["queue"]["position"] == 2
    assert metadata["progress"]["done"] == 1
    assert [notice["text"] for notice in metadata["notices"]] == ["Be patient"]


@pytest.mark.anyio
async def test_events_are_seen_by_those_who_stream_events() -> None:
    """astream_events has them, on the model alone and within a chain, with the model's run."""
    for model in (chat(saying("a")), chat(saying("b")) | RunnableLambda(lambda message: message.content)):
        seen = [event async for event in model.astream_events("hi", version="v2")]

        custom = [event for event in seen if event["event"] == "on_custom_event"]
        (begun,) = [event for event in seen if event["event"] == "on_chat_model_start"]
        assert [event["name"] for event in custom] == ["phi4_queued", "phi4_started"]
        assert {event["run_id"] for event in custom} == {begun["run_id"]}


def test_the_models_own_callbacks_and_tags_are_heeded() -> None:
    """Handlers given to the constructor hear events, too, with all tags and metadata of the run."""

    class Tags(Ears):
        def on_custom_event(self, name: str, data: Any, **told: Any) -> None:  # noqa: ARG002 - core's
            self.events.append((name, (told["tags"], told["metadata"].get("from"))))

    ears = Tags()
    model = chat(saying("a"), callbacks=[ears], tags=["mine"], metadata={"from": "model"})

    list(model.stream("hi", {"tags": ["call"]}))

    assert ears.events[0] == ("phi4_queued", (["call", "mine"], "model"))


@pytest.mark.anyio
async def test_calls_at_the_same_time_have_their_own_listeners() -> None:
    """One model serves many; each hears of its own call alone, under the run that it named."""
    model, both = chat(ScriptedSpace()), [Ears(), Ears()]
    runs = [uuid4(), uuid4()]

    async def ask(ears: Ears, run: UUID) -> None:
        await gathered(model, "hi", {"callbacks": [ears], "run_id": run})

    await asyncio.gather(*map(ask, both, runs))

    for ears, run in zip(both, runs, strict=True):
        assert [name for name, _ in ears.events] == ["phi4_queued", "phi4_started"]
        assert ears.runs == {run}


@pytest.mark.parametrize("by", [by_invoke, by_ainvoke, by_stream, by_astream])
def test_a_run_has_the_id_that_it_is_given(by: Callable[[Any, Ears], None]) -> None:
    """Who names a run, to find its trace again, names its events, too."""
    ears, run_id = Ears(), uuid4()

    by(chat(saying("a")).with_config(run_id=run_id), ears)

    assert ears.events
    assert ears.runs == {run_id}


@pytest.mark.anyio
async def test_the_doors_below_work_without_listeners() -> None:
    """Who calls core's hooks themselves has no run, and an answer all the same."""
    model = chat(ScriptedSpace())
    said: list[BaseMessage] = [HumanMessage("hi")]

    whole = model._generate(said), await model._agenerate(said)
    streamed = [*model._stream(said)], [chunk async for chunk in model._astream(said)]

    assert [result.generations[0].text for result in whole] == ["an answer"] * 2
    assert ["".join(chunk.text for chunk in chunks) for chunks in streamed] == ["an answer"] * 2


# --- leaving early ------------------------------------------------------------------------------------


def test_leaving_a_stream_takes_the_job_back() -> None:
    """A consumer who breaks off frees the Space at once, before close returns."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})
    ears = Ears()
    chunks = chat(space).stream("hi", {"callbacks": [ears]})
    next(chunks)

    chunks.close()  # type: ignore[attr-defined] # it is a generator

    assert space.steps()[-1] == "cancel"
    assert ears.ends == ["GeneratorExit"]


@pytest.mark.anyio
async def test_leaving_an_asynchronous_stream_takes_the_job_back() -> None:
    """Here, too, before aclose returns, and not when the collector comes by."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})
    ears = Ears()
    chunks = chat(space).astream("hi", {"callbacks": [ears]})
    await anext(chunks)

    await chunks.aclose()  # type: ignore[attr-defined] # it is a generator

    assert space.steps()[-1] == "cancel"
    assert ears.ends == ["GeneratorExit"]


@pytest.mark.parametrize("ask", [lambda model: model.ainvoke("hi"), lambda model: gathered(model, "hi")])
@pytest.mark.anyio
async def test_a_cancelled_task_takes_the_job_back(ask: Callable[[Any], Any]) -> None:
    """Who gives up waiting frees the Space."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})
    task = asyncio.ensure_future(ask(chat(space)))
    while "data" not in space.steps():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert space.steps()[-1] == "cancel"


@v3
@pytest.mark.anyio
async def test_leaving_version_3_takes_the_job_back() -> None:
    """Core cancels its producer, which ends in the same way."""
    space = ScriptedSpace({"data": [in_pieces("Hel", end=False)]})
    stream = await chat(space).astream_events("hi", version="v3")
    async for event in stream:
        if event["event"] == "content-block-delta":
            break

    await stream.aclose()
    while space.steps()[-1] != "cancel":
        await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_the_loop_is_never_blocked() -> None:
    """No asynchronous door waits for a file, a lock or a socket on the loop's own thread."""
    model = chat(ScriptedSpace({"data": [in_pieces("Hel", "lo") for _ in range(3)]}))
    with blockbuster_ctx():
        assert (await model.ainvoke("hi")).content == "Hello"
        assert summed(await gathered(model, "hi")).content == "Hello"
        assert [event async for event in model.astream_events("hi", version="v2")]


# --- what a call may say ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "given", "text"), [(None, ["lo"], "Hel"), (["el"], None, "H"), (["el"], ["o"], "Hell")]
)
def test_stop_ends_the_answer(own: list[str] | None, given: list[str] | None, text: str) -> None:
    """Also where the word is split across pieces; a call's own strings go before the constructor's."""
    model = chat(ScriptedSpace({"data": [in_pieces("He", "l", "lo") for _ in range(2)]}), stop=own)

    message = model.invoke("hi", stop=given)

    assert message.content == text
    assert message.response_metadata["stop_sequence"] == (given or own or [""])[0]
    assert summed(model.stream("hi", stop=given)).content == text


def test_sampling_is_handed_on() -> None:
    """What the contract cannot carry the client tells, once for each client."""
    model = chat(saying("a", "b"), temperature=0.5)

    with pytest.warns(OptionIgnored) as caught:
        model.invoke("hi", max_tokens=3, top_p=None)
    assert [str(one.message).split()[0] for one in caught] == ["temperature", "max_tokens"]
    assert model.invoke("hi").content == "b"


def test_all_sampling_options_are_fields() -> None:
    """Each may be set for all calls; what is none is refused at once, and a cache tells them apart."""
    options: dict[str, Any] = {
        "temperature": 0.5,
        "max_tokens": 3,
        "top_p": 0.9,
        "top_k": 4,
        "seed": 7,
        "repetition_penalty": 1.1,
    }
    model = ChatPhi4(client=client(saying("a")), **options)

    with pytest.warns(OptionIgnored) as caught:
        model.invoke("hi")
    assert {str(one.message).split()[0] for one in caught} == {*options}
    assert options.items() <= model._identifying_params.items()
    with pytest.raises(ValueError, match="seed"):
        ChatPhi4(seed="seven")  # type: ignore[arg-type] # as meant


def test_strict_clients_refuse_sampling() -> None:
    """With a strict client it is an error, and one of core's kinds."""
    model = ChatPhi4(client=client(saying("a"), strict=True), temperature=0.5)

    with pytest.raises(ModelInvalidRequestError):
        model.invoke("hi")


def test_unknown_arguments_of_a_call_are_refused() -> None:
    """The nearest name is told with the error, and what agents pass along is no typo."""
    model = chat(saying("a"))

    with pytest.raises(InvalidOption, match="Did you mean tool_choice"):
        model.invoke("hi", tool_choise="any")
    model.invoke("hi", strict=True, stream_usage=True, parallel_tool_calls=True, model="phi-4")


def test_another_model_is_refused() -> None:
    """A Space has one model; the answer of another is not passed off as the one asked for."""
    with pytest.raises(InvalidOption, match="no model 'gpt-4'"):
        chat(saying("a")).invoke("hi", model="gpt-4")


def test_unknown_constructor_arguments_are_refused() -> None:
    """The error has the nearest real name."""
    with pytest.raises(ValueError, match="Did you mean max_retries"):
        ChatPhi4(max_retry=3)  # type: ignore[call-arg] # as meant


def test_a_copy_takes_no_unknown_field() -> None:
    """Pydantic would set it, and nobody would read it."""
    with pytest.raises(InvalidOption, match="Use space="):
        chat(saying()).model_copy(update={"spaces": "ada/phi-4"})


# --- tools --------------------------------------------------------------------------------------------


def test_tools_are_bound_in_openais_form() -> None:
    """Whatever form they came in, so that cache keys and traces are the same in every process."""
    bound = chat(saying()).bind_tools([add], tool_choice="any", strict=True, parallel_tool_calls=False)

    (tool,) = bound.kwargs["tools"]  # type: ignore[attr-defined] # it is a binding
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "add"
    assert bound.kwargs["tool_choice"] == "required"  # type: ignore[attr-defined] # it is a binding


@pytest.mark.parametrize(
    "bind",
    [
        lambda model: model.bind_tools([{"type": "web_search_20250305", "name": "web_search"}]),
        lambda model: model.bind_tools([add], tool_choice="ad"),
        lambda model: model.with_structured_output(method="json_schema"),
    ],
)
def test_what_cannot_be_bound_is_of_cores_kinds(bind: Callable[[Any], Any]) -> None:
    """Agents bind with each call: middleware is to know that another try would fail as well."""
    with pytest.raises(InvalidOption) as caught:
        bind(chat(saying()))

    assert isinstance(caught.value, ModelInvalidRequestError)
    assert not caught.value.is_retryable


def test_no_tools_bind_nothing() -> None:
    """Agents without tools bind an empty list, sometimes with a format."""
    space = saying('{"a": 1}')
    model = chat(space).bind_tools([], response_format={"type": "json_object"})

    assert model.invoke("hi").content == '{"a": 1}'


def test_tools_may_come_with_the_call() -> None:
    """Bind is a convenience; a call may bring them itself."""
    message = chat(saying(CALLS)).invoke("hi", tools=[add], tool_choice="add")

    assert [call["name"] for call in message.tool_calls] == ["add", "add"]


def test_one_call_at_a_time() -> None:
    """parallel_tool_calls=False keeps the first call, streamed or not."""
    model = chat(saying(CALLS, CALLS)).bind_tools([add], parallel_tool_calls=False)

    assert [call["args"]["a"] for call in model.invoke("hi").tool_calls] == [1]
    assert [call["args"]["a"] for call in summed(model.stream("hi")).tool_calls] == [1]


def test_a_forced_call_comes_or_an_error() -> None:
    """Prose where a call was asked for is asked for again once, and then no answer."""
    space = saying("I would rather not.", "No.")

    with pytest.raises(ToolChoiceNotMet) as caught:
        chat(space).bind_tools([add], tool_choice="any").invoke("hi")

    assert len(prompts(space)) == 2
    assert caught.value.partial_text == "No."


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [by_invoke, by_ainvoke, by_stream, by_astream])
def test_errors_are_of_cores_kinds(by: Callable[[Any, Ears], None]) -> None:
    """Middleware and fallbacks know them, and they stay ours."""
    ears = Ears()

    with pytest.raises(SpaceError, match="no luck") as caught:
        by(chat(ScriptedSpace({"data": [events(ESTIMATION, STARTS, failed("no luck"), CLOSE)]})), ears)

    assert isinstance(caught.value, ModelAPIError)
    assert ears.ends == ["SpaceError"]


def test_text_taken_back_is_told_and_followed() -> None:
    """A stream cannot take back what it showed: the new text follows, and the metadata has it alone."""
    ears = Ears()
    told = [ESTIMATION, STARTS, first("Thinking"), replaced("A cat."), completed("A cat."), CLOSE]
    space = ScriptedSpace({"data": [events(*told), events(*told)]})

    message = summed(chat(space).stream("hi", {"callbacks": [ears]}))

    assert message.content == "Thinking\n\nA cat."
    assert message.response_metadata["final_text"] == "A cat."
    assert ears.events[-1] == ("phi4_rewritten", {"text": "A cat."})
    assert chat(space).invoke("hi").content == "A cat."


def test_json_that_is_rejected_is_in_no_stream() -> None:
    """A stream of an answer with a format has the second answer alone, as invoke."""
    answers = ['{"a": "x"}', '{"a": 1}']
    space = ScriptedSpace({"data": [in_pieces(answer[:6], answer[6:]) for answer in answers * 2]})
    schema = {"title": "A", "type": "object", "properties": {"a": {"type": "integer"}}}
    model = chat(space).bind(response_format={"type": "json_schema", "json_schema": {"schema": schema}})

    assert "".join(chunk.text for chunk in model.stream("hi")) == model.invoke("hi").text == '{"a": 1}'


# --- clients ------------------------------------------------------------------------------------------


def test_a_clients_settings_are_its_own() -> None:
    """What a client brings is not said twice; its Space and style are the model's."""
    own = client(saying("a"), prompt_style="template", endpoint="process_message")
    model = ChatPhi4(client=own)

    assert (model.space, model.model, model.prompt_style) == (own.space, own.model, "template")
    assert model.endpoint == "process_message"
    for double in (
        {"endpoint": "chat_completion"},
        {"token": "hf_x"},
        {"timeout": 3},
        {"space": "ada/other"},
        {"max_files": 2},
    ):
        with pytest.raises(ValueError, match=f"brings its own {next(iter(double))}"):
            ChatPhi4(client=own, **double)


def test_settings_reach_the_client() -> None:
    """One of our own is made from the fields, and made anew when they are changed."""
    settings: dict[str, Any] = {"max_retries": 1, "prompt_style": "template", "endpoint": "process_message"}
    model = ChatPhi4(space="ada/phi", token="hf_x", timeout=3, **settings)
    made = model._client()

    assert made == SpaceClient("ada/phi", token="hf_x", timeouts=3, max_files=None, **settings)
    assert model._client() is made
    model.space = "ada/other"
    assert model._client().space == "ada/other"


def test_one_client_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Space that a model settles on is one more setting, and no reason for another client."""
    made = Mock(side_effect=SpaceClient)
    monkeypatch.setattr("langchain_phi4._config.SpaceClient", made)

    ChatPhi4()._client()

    assert made.call_count == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"space": "no name"}, "space"),
        ({"model": "gpt-4"}, "no model of that name"),
        ({"max_retries": -1}, "max_retries"),
    ],
)
def test_senseless_settings_are_refused_at_once(fields: dict[str, Any], told: str) -> None:
    """The constructor says what is wrong, before the first call, and repeats no secret."""
    with pytest.raises(ValueError, match=told) as caught:
        ChatPhi4(**fields, api_key="hf_sentinel")  # type: ignore[call-arg] # an alias

    assert "hf_sentinel" not in str(caught.value)


def test_a_model_is_valid_as_it_stands() -> None:
    """A field of a larger pydantic model may hold one; it is not taken apart, and nothing else passes."""
    model = ChatPhi4(space="ada/phi")

    assert ChatPhi4.model_validate(model) is model
    with pytest.raises(ValueError, match="ChatPhi4"):
        ChatPhi4.model_validate("ada/phi")


def test_the_environment_names_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """PHI4_SPACE is read by the client, when the model is made."""
    monkeypatch.setenv("PHI4_SPACE", "ada/mine")

    assert ChatPhi4().space == "ada/mine"


@pytest.mark.anyio
async def test_closing_spares_a_users_client() -> None:
    """A client of one's own stays open: it may serve others, too."""
    space, closed = saying("a", "b"), []

    async def close() -> None:
        closed.append(space)

    space.aclose = close  # type: ignore[method-assign] # notes when it is let go
    model = chat(space)
    await model.ainvoke("hi")

    await model.aclose()
    await asyncio.to_thread(model.close)

    assert closed == []


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> ScriptedSpace:
    """What a model's own clients talk to."""
    space = ScriptedSpace()
    made = partial(SpaceClient, environment=Environment(transport=space))
    monkeypatch.setattr("langchain_phi4._config.SpaceClient", made)
    return space


@pytest.mark.anyio
async def test_a_model_may_be_used_after_it_was_closed(own: ScriptedSpace) -> None:
    """Close ends the connections that all calls share, and not the model."""
    closed = []

    async def close() -> None:
        closed.append(len(own.asked))

    own.aclose = close  # type: ignore[method-assign] # notes when it is let go
    model = ChatPhi4(space=URL)

    for _ in range(2):
        await model.ainvoke("hi")
    await model.aclose()
    await asyncio.to_thread(model.invoke, "hi")
    await asyncio.to_thread(model.close)

    assert len(closed) == 2
    assert own.steps().count("config") == 1
    assert own.steps().count("data") == 3


def test_nothing_is_closed_before_the_first_call() -> None:
    """A model that was never used has nothing to close."""
    model = ChatPhi4(space="ada/phi")

    model.close()


class Counting(BaseRateLimiter):
    """Counts who asks."""

    asked = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        assert blocking
        Counting.asked += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


@pytest.mark.anyio
async def test_a_rate_limiter_is_asked_once_a_call() -> None:
    """All doors wait for it, a batch for each of its inputs."""
    model = chat(ScriptedSpace(), rate_limiter=Counting())

    await model.abatch(["a", "b", "c"], {"max_concurrency": 2})
    await gathered(model, "d")
    await asyncio.to_thread(model.batch, ["e", "f"], {"max_concurrency": 1})

    assert Counting.asked == 6


def test_messages_are_left_as_they_were() -> None:
    """What is passed is not changed."""
    said = [HumanMessage("hi"), AIMessage("yo"), HumanMessage("well?")]
    before = [message.model_copy(deep=True) for message in said]

    list(chat(saying("a")).stream(said))

    assert said == before


def test_the_version_is_the_distributions() -> None:
    """Traces carry it."""
    model = ChatPhi4()

    assert model.metadata is not None
    assert model.metadata["lc_versions"]["phi4-space"] == __version__
