"""What the standard suites take for granted: that each flag which is true has its effect on our own Space."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any, TypedDict

import httpx
import media
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from servers import Servers
from stage import Stage
from web import on_the_web

from langchain_phi4 import ChatPhi4
from phi4_space import InvalidOption, UnsupportedContent

pytestmark = pytest.mark.anyio

Block = dict[str, Any]
Form = Callable[[str, str], Block]
"""A content block from base64 and a MIME type."""

PICTURES: Mapping[str, Form] = {
    "v1": lambda data, mime: {"type": "image", "base64": data, "mime_type": mime},
    "v1 URL": lambda data, _: {"type": "image", "url": f"https://pictures.test/{digest(data)}.png"},
    "v1 data URI": lambda data, mime: {"type": "image", "url": f"data:{mime};base64,{data}"},
    "v0": lambda data, mime: {"type": "image", "source_type": "base64", "data": data, "mime_type": mime},
    "OpenAI": lambda data, mime: {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{data}"}},
    "OpenAI, bare": lambda data, mime: {"type": "image_url", "image_url": f"data:{mime};base64,{data}"},
    "Anthropic": lambda data, mime: {
        "type": "image",
        "source": {"type": "base64", "media_type": mime, "data": data},
    },
}
SOUNDS: Mapping[str, Form] = {
    "v1": lambda data, mime: {"type": "audio", "base64": data, "mime_type": mime},
    "v0": lambda data, mime: {"type": "audio", "source_type": "base64", "data": data, "mime_type": mime},
    "OpenAI": lambda data, _: {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
}
COLOURS = ["red", "lime", "blue", "yellow", "black", "white", "magenta"]
PIXELS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 0, 0), (255, 255, 255), (255, 0, 255)]


def digest(data: str) -> str:
    """The digest of bytes that are given as base64."""
    return hashlib.sha256(base64.b64decode(data)).hexdigest()


def encoded(data: bytes) -> str:
    """The bytes as base64."""
    return base64.b64encode(data).decode()


@pytest.fixture
def model(own_space: Stage) -> Iterator[ChatPhi4]:
    """A model on our own Space."""
    with own_space.client() as client:
        yield ChatPhi4(client=client)


def uploaded(stage: Stage) -> list[str]:
    """The digests of all files that were sent, in order."""
    return [file["sha256"] for files in stage.sent("upload") for file in files]


def asked(stage: Stage) -> list[str]:
    """The messages that were sent, in order, each time as JSON."""
    return [json.dumps(sent["data"][0], ensure_ascii=False) for sent in stage.sent("join")]


# --- media ----------------------------------------------------------------------------------------------


def test_pictures_arrive_in_every_form(
    own_space: Stage, model: ChatPhi4, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that are given are those that are sent, and the answer comes from their pixels."""
    pictures = [encoded(media.square(*pixels)) for pixels in PIXELS]
    by_path = {f"/{digest(data)}.png": base64.b64decode(data) for data in pictures}
    on_the_web(monkeypatch, lambda request: httpx.Response(200, content=by_path[request.url.path]))

    answers = [
        model.invoke(
            [HumanMessage([{"type": "text", "text": "What colour is it?"}, form(data, "image/png")])]
        )
        for form, data in zip(PICTURES.values(), pictures, strict=True)
    ]

    assert uploaded(own_space) == [digest(data) for data in pictures]
    assert {
        form: colour
        for form, colour, answer in zip(PICTURES, COLOURS, answers, strict=True)
        if colour not in answer.text
    } == {}


def test_sounds_arrive_in_every_form(own_space: Stage, model: ChatPhi4) -> None:
    """So it is with samples."""
    lengths = [0.5, 1.0, 1.5]
    sounds = [encoded(media.tone(440, seconds=length)) for length in lengths]

    answers = [
        model.invoke([HumanMessage([{"type": "text", "text": "How long is it?"}, form(data, "audio/wav")])])
        for form, data in zip(SOUNDS.values(), sounds, strict=True)
    ]

    assert uploaded(own_space) == [digest(data) for data in sounds]
    assert [answer.text for answer in answers] == [f"It lasts {length:.2f} seconds." for length in lengths]


def test_media_keep_their_order(own_space: Stage, model: ChatPhi4) -> None:
    """Among words and over messages: the second picture is the second."""
    red, blue = (
        PICTURES["v1"](encoded(media.square(*pixels)), "image/png") for pixels in (PIXELS[0], PIXELS[2])
    )
    messages: list[AnyMessage] = [
        HumanMessage(["Before: ", red]),
        AIMessage("Thank you."),
        HumanMessage(["After: ", blue, " What is the main colour of the second picture?"]),
    ]

    assert "blue" in model.invoke(messages).text
    assert uploaded(own_space) == [digest(red["base64"]), digest(blue["base64"])]


@pytest.mark.parametrize("form", ["v1", "OpenAI"])
def test_a_tools_picture_is_seen(own_space: Stage, model: ChatPhi4, form: str) -> None:
    """A picture that a tool returns reaches the model, which answers from its pixels."""
    picture = encoded(media.square(*PIXELS[2]))
    messages: list[AnyMessage] = [
        HumanMessage("Take a photo and tell me its main colour."),
        AIMessage("", tool_calls=[{"name": "take_photo", "args": {}, "id": "1", "type": "tool_call"}]),
        ToolMessage([PICTURES[form](picture, "image/png")], tool_call_id="1", name="take_photo"),
    ]

    answer = model.bind_tools([take_photo]).invoke(messages)

    assert uploaded(own_space) == [digest(picture)]
    assert "blue" in answer.text
    assert answer.tool_calls == []


def test_what_is_not_taken_is_refused_by_name(own_space: Stage, model: ChatPhi4) -> None:
    """The flags that are false: a PDF, another model. Nothing is sent."""
    pdf = {"type": "file", "base64": encoded(b"%PDF-1.7"), "mime_type": "application/pdf"}
    with pytest.raises(UnsupportedContent, match=r"PDF|pdf"):
        model.invoke([HumanMessage(["Summarize this:", pdf])])
    with pytest.raises(InvalidOption, match="another-model"):
        model.invoke("Hello", model="another-model")
    assert own_space.steps == []


# --- tools ----------------------------------------------------------------------------------------------


@tool
def take_photo() -> str:
    """Takes a photo."""
    return ""


@tool
def book_table(guests: int, name: str, *, outdoors: bool = False) -> str:
    """Books a table in a restaurant.

    Args:
        guests: How many guests will come.
        name: The name of the one who books.
        outdoors: Whether to sit outdoors.
    """
    return f"{guests}, {name}, {outdoors}"


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return city


def summed(chunks: Iterable[AIMessage]) -> AIMessageChunk:
    """The chunks of a stream as one."""
    first, *others = (chunk for chunk in chunks if isinstance(chunk, AIMessageChunk))
    return first + others


def called(message: AIMessage) -> list[tuple[str, dict[str, Any]]]:
    """The calls of an answer, without their ids."""
    return [(call["name"], call["args"]) for call in message.tool_calls]


def test_arguments_are_the_texts(model: ChatPhi4) -> None:
    """A call holds what the text says, each of its own type, streamed or not, by signs of any alphabet."""
    offered = model.bind_tools([book_table, get_weather])
    question = "Book a table for 4 guests outdoors; the name is 'Ёлка 东京'."
    expected = [("book_table", {"guests": 4, "name": "Ёлка 东京", "outdoors": True})]

    assert called(offered.invoke(question)) == expected
    assert called(summed(offered.stream(question))) == expected


def test_calls_come_in_parallel(model: ChatPhi4) -> None:
    """Two calls are two, with an id each, also in a stream, and one where one is wanted at most."""
    offered = model.bind_tools([get_weather])
    question = "What is the weather in Lima and in Oslo?"
    expected = [("get_weather", {"city": "Lima"}), ("get_weather", {"city": "Oslo"})]

    answers = [offered.invoke(question), summed(offered.stream(question))]

    assert [called(answer) for answer in answers] == [expected, expected]
    assert len({call["id"] for answer in answers for call in answer.tool_calls}) == 4
    assert called(model.bind_tools([get_weather], parallel_tool_calls=False).invoke(question)) == expected[:1]


@pytest.mark.parametrize(
    "choice",
    [
        "get_weather",
        {"type": "function", "function": {"name": "get_weather"}},
        {"type": "tool", "name": "get_weather"},
    ],
    ids=["name", "OpenAI", "Anthropic"],
)
def test_a_chosen_tool_is_called(model: ChatPhi4, choice: Any) -> None:
    """A greeting asks for no tool, and yet the one that was chosen is called, and no other."""
    answer = model.bind_tools([book_table, get_weather], tool_choice=choice).invoke("Hello!")

    assert [name for name, _ in called(answer)] == ["get_weather"]


def test_no_tool_is_called_where_none_may_be(model: ChatPhi4) -> None:
    """The question asks for the weather, and the answer is words."""
    answer = model.bind_tools([get_weather], tool_choice="none").invoke("What is the weather in Lima?")

    assert (answer.tool_calls, bool(answer.text)) == ([], True)


# --- structures -----------------------------------------------------------------------------------------


class Person(BaseModel):
    """A person."""

    name: str = Field(description="The first name")
    age: int = Field(description="The age in years")


class PersonV1(BaseModelV1):
    """A person."""

    name: str
    age: int


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int


ADA: Mapping[str, Any] = {"name": "Ada", "age": 36}
ABOUT_ADA = "Ada is 36 years old."


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_structures_are_of_the_schema(model: ChatPhi4, method: Any) -> None:
    """By each method, what comes back is of the schema's own kind and holds what the text says."""
    kinds: dict[type, Any] = {Person: Person(**ADA), PersonV1: PersonV1(**ADA), PersonDict: ADA}
    question = ABOUT_ADA + (" Give JSON with the keys name and age." if method == "json_mode" else "")

    for schema, expected in kinds.items():
        assert model.with_structured_output(schema, method=method).invoke(question) == expected
    told = model.with_structured_output(Person.model_json_schema(), method=method)
    assert await told.ainvoke(question) == ADA
    assert [part async for part in told.astream(question)][-1] == ADA


def test_structures_come_whole(model: ChatPhi4) -> None:
    """A stream of JSON gives the object once it was judged."""
    parts = [*model.with_structured_output(PersonDict).stream(ABOUT_ADA)]

    assert parts == [ADA]


def test_the_raw_answer_comes_along(model: ChatPhi4) -> None:
    """include_raw gives the message, what was made of it, and no error."""
    told = model.with_structured_output(Person, include_raw=True).invoke(ABOUT_ADA)

    assert isinstance(told, dict)
    assert (told["parsed"], told["parsing_error"]) == (Person(**ADA), None)
    assert told["raw"].text == '{"name": "Ada", "age": 36}'


# --- words ----------------------------------------------------------------------------------------------

OPENING = "The library opens at nine. When does the library open?"


def test_stop_truncates(model: ChatPhi4) -> None:
    """The answer ends before the word, streamed or not; a call's own words go before the model's."""
    bound = model.model_copy(update={"stop": ["at nine"]})

    assert model.invoke(OPENING).text == "The library opens at nine."
    assert bound.invoke(OPENING).text == "The library opens "
    assert summed(bound.stream(OPENING)).text == "The library opens "
    assert bound.invoke(OPENING, stop=["library"]).text == "The "
    assert bound.invoke(OPENING, stop=["library"]).response_metadata["stop_sequence"] == "library"


def test_anthropics_blocks_are_told(own_space: Stage, model: ChatPhi4) -> None:
    """The result that a user's message holds is known to the model; thoughts and cache marks are not sent."""
    answer = model.bind_tools([get_weather]).invoke(
        [
            HumanMessage("What is the weather in Lima?"),
            AIMessage(
                [
                    {"type": "thinking", "thinking": "I had better look.", "signature": "c2lnbmVk"},
                    {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Lima"}},
                ]
            ),
            HumanMessage(
                [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [{"type": "text", "text": "14 degrees and fog"}],
                        "cache_control": {"type": "ephemeral"},
                    }
                ]
            ),
        ]
    )

    assert "14 degrees and fog" in answer.text
    (messages,) = asked(own_space)
    assert not any(word in messages for word in ("better", "c2lnbmVk", "ephemeral"))


def test_a_conversation_is_remembered(model: ChatPhi4) -> None:
    """What was said earlier is known."""
    messages: list[AnyMessage] = [
        HumanMessage("My name is Ada."),
        AIMessage("Nice to meet you."),
        HumanMessage("What is my name?"),
    ]

    assert "Ada" in model.invoke(messages).text


# --- time -----------------------------------------------------------------------------------------------


@pytest.mark.loopback
async def test_the_first_words_do_not_wait_for_the_last(servers: Servers) -> None:
    """On a wire: an answer that takes a second is read from its beginning on."""
    model = ChatPhi4(space=servers.url("faulty"))
    times = [time.monotonic() async for _ in model.astream("SLOW 1")]
    await model.aclose()

    assert times[-1] - times[0] > 0.5


@pytest.mark.loopback
async def test_who_leaves_a_stream_frees_the_space(servers: Servers) -> None:
    """Where one is answered at a time, the next need not wait for the end of what was left."""
    model = ChatPhi4(space=servers.url("faulty"), timeout=10)
    chunks = model.astream("SLOW 30")
    assert isinstance(chunks, AsyncGenerator)
    async with aclosing(chunks):
        assert (await anext(chunks)).text
    assert (await model.ainvoke("hi")).text == "hi (files: 0, entries: 1)"

    pieces = model.stream("SLOW 30")
    assert isinstance(pieces, Generator)
    with closing(pieces):
        assert next(pieces).text
    assert model.invoke("hi").text == "hi (files: 0, entries: 1)"
    model.close()
    await model.aclose()
