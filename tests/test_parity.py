"""Two frameworks, one client: the same conversation makes the same requests and gets the same words."""

from __future__ import annotations

import asyncio
import math
import warnings
from base64 import b64encode
from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Annotated, Any, Required, TypedDict

import httpx
import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.tools import StructuredTool
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from media import square, tone
from pydantic import BaseModel, ValidationError
from scripted import URL, ScriptedSpace, events, whole
from tidy import files_of

from langchain_phi4 import ChatPhi4
from langchain_phi4._messages import to_turns as langchain_turns
from langchain_phi4._options import to_options
from langchain_phi4._structured import schema_to_format
from langchain_phi4._structured import to_format as langchain_format
from llama_index_phi4 import Phi4
from llama_index_phi4._messages import to_turns as llama_index_turns
from llama_index_phi4._options import to_chat
from llama_index_phi4._structured import OutputFormat
from llama_index_phi4._structured import to_format as llama_index_format
from phi4_space import (
    Environment,
    InvalidInput,
    InvalidOption,
    OptionIgnored,
    Options,
    ResponseFormat,
    SpaceClient,
    Turn,
)
from phi4_space.interop import SAMPLING_OPTIONS, read_data_uri

Ask = Callable[[SpaceClient], Any]
PNG, WAV = square(220, 30, 30), tone(440)
CALL = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Lima"}}]<|/tool_call|>'


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city and its weather."""

    city: str
    degrees: int


def base64(data: bytes) -> str:
    """Bytes as LangChain takes them."""
    return b64encode(data).decode()


# LlamaIndex's blocks stand on lines of their own, LangChain's as they are.
LANGCHAIN = [
    SystemMessage("You are brief."),
    HumanMessage(
        [
            {"type": "text", "text": "Look: "},
            {"type": "image", "base64": base64(PNG), "mime_type": "image/png"},
            {"type": "text", "text": "\nAnd say the weather in Lima."},
        ]
    ),
    AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Lima"}, "id": "call_1"}]),
    ToolMessage("sunny", tool_call_id="call_1", name="get_weather"),
    AIMessage("It is sunny."),
    HumanMessage(
        [
            {"type": "audio", "base64": base64(WAV), "mime_type": "audio/wav"},
            {"type": "text", "text": "And this?"},
        ]
    ),
]
LLAMA_INDEX = [
    ChatMessage(role="system", content="You are brief."),
    ChatMessage(
        role="user",
        blocks=[
            TextBlock(text="Look: "),
            ImageBlock(image=PNG),
            TextBlock(text="And say the weather in Lima."),
        ],
    ),
    ChatMessage(
        role="assistant",
        blocks=[ToolCallBlock(tool_call_id="call_1", tool_name="get_weather", tool_kwargs={"city": "Lima"})],
    ),
    ChatMessage(
        role="tool", content="sunny", additional_kwargs={"tool_call_id": "call_1", "name": "get_weather"}
    ),
    ChatMessage(role="assistant", content="It is sunny."),
    ChatMessage(role="user", blocks=[AudioBlock(audio=WAV), TextBlock(text="And this?")]),
]
LANGCHAIN_TOOL = StructuredTool.from_function(get_weather)
LLAMA_INDEX_TOOL = FunctionTool.from_defaults(get_weather, description="The weather in a city.")


def asked(answer: str, ask: Callable[[SpaceClient], Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """What a framework makes of an answer, and what it sent for it."""
    names = iter(("session-1", "session-2"))
    space = ScriptedSpace({"data": [events(*whole(answer))]})
    environment = Environment(transport=space, new_session_hash=lambda: next(names))
    with SpaceClient(URL, environment=environment) as client:
        told = ask(client)
    return told, [(step, sent(request)) for step, request in space.asked]


def sent(request: httpx.Request) -> Any:
    """What a request carries, without the random boundary."""
    kind = request.headers.get("content-type", "")
    return files_of(request.content, kind) if "boundary" in kind else (request.url, request.content)


@pytest.mark.parametrize(
    ("langchain", "llama_index"),
    [
        (
            lambda client: ChatPhi4(client=client).invoke(LANGCHAIN).text,
            lambda client: Phi4(client=client).chat(LLAMA_INDEX).message.content,
        ),
        (
            lambda client: asyncio.run(ChatPhi4(client=client).ainvoke(LANGCHAIN)).text,
            lambda client: asyncio.run(Phi4(client=client).achat(LLAMA_INDEX)).message.content,
        ),
        (
            lambda client: "".join(chunk.text for chunk in ChatPhi4(client=client).stream(LANGCHAIN)),
            lambda client: "".join(part.delta or "" for part in Phi4(client=client).stream_chat(LLAMA_INDEX)),
        ),
        (
            lambda client: ChatPhi4(client=client, stop=["no"]).invoke("Is it sunny?").text,
            lambda client: Phi4(client=client, stop=["no"]).complete("Is it sunny?").text,
        ),
    ],
    ids=["plain", "asynchronous", "streamed", "a question and a stop string"],
)
def test_the_same_conversation(langchain: Ask, llama_index: Ask) -> None:
    """Words, picture, call, result and sound go out alike, and the answer is the same."""
    answer = "It is a tone, and no more."

    one, other = asked(answer, langchain), asked(answer, llama_index)

    assert one == other
    assert one[0]


def test_the_same_tools() -> None:
    """Tools are told in the same words, and a call is read alike."""
    one, sent_by_one = asked(
        CALL, lambda client: ChatPhi4(client=client).bind_tools([LANGCHAIN_TOOL]).invoke("Lima?")
    )
    other, sent_by_other = asked(
        CALL, lambda client: Phi4(client=client).chat_with_tools([LLAMA_INDEX_TOOL], user_msg="Lima?")
    )

    (selection,) = Phi4().get_tool_calls_from_response(other)
    (call,) = one.tool_calls
    assert (call["name"], call["args"]) == (selection.tool_name, selection.tool_kwargs)
    assert sent_by_one == sent_by_other


def test_the_same_structure() -> None:
    """A model of pydantic's is asked for, checked and filled alike."""
    answer = '{"city": "Lima", "degrees": 24}'
    one = asked(
        answer,
        lambda client: ChatPhi4(client=client).with_structured_output(City).invoke("24 degrees in Lima"),
    )
    other = asked(
        answer,
        lambda client: Phi4(client=client).structured_predict(City, PromptTemplate("24 degrees in Lima")),
    )

    assert one == other
    assert one[0] == City(city="Lima", degrees=24)


# --- what both read alike ---------------------------------------------------------------------------------


def of_langchain(block: dict[str, Any]) -> Turn | type[Exception]:
    """The turn that LangChain's block makes, or the class of the error that it raises."""
    try:
        (turn,) = langchain_turns([HumanMessage([block])])
    except InvalidInput as error:
        return type(error)
    return turn


def of_llama_index(block: Callable[[], ContentBlock]) -> Turn | type[Exception]:
    """The same of LlamaIndex's."""
    try:
        (turn,) = llama_index_turns([ChatMessage(role="user", blocks=[block()])])
    except InvalidInput as error:
        return type(error)
    return turn


DOCUMENTS = {
    "text": b"Words, and more.",
    "text with a byte order mark": b"\xef\xbb\xbfWords.",
    "letters of base64": b"Password",
    "JSON": b'{"a": 1}',
    "an image": PNG,
    "audio": WAV,
    "PDF": b"%PDF-1.7\nall of it in ASCII",
    "RTF": rb"{\rtf1 words}",
    "PostScript": b"%!PS-Adobe-3.0",
    "ZIP": b"PK\x03\x04\x14\x00\x06\x00",
    "an old encoding": "Größe".encode("latin-1"),
    "a control character": b"words \x00 words",
    "a bell": b"words \x07 words",
}


@pytest.mark.parametrize("what", DOCUMENTS)
@pytest.mark.parametrize("mime_type", ["text/plain", "application/octet-stream"])
def test_the_same_document(what: str, mime_type: str) -> None:
    """The same bytes are the same text, the same file, or refused with the same error."""
    data = DOCUMENTS[what]
    uri = f"data:{mime_type};base64,{base64(data)}"
    one = of_langchain({"type": "file", "base64": base64(data), "mime_type": mime_type})
    ways = [
        of_langchain({"type": "document", "source": {"bytes": data}, "mime_type": mime_type}),
        of_langchain({"type": "file", "url": uri}),
        of_llama_index(lambda: DocumentBlock(data=data, document_mimetype=mime_type)),
        of_llama_index(lambda: DocumentBlock(data=BytesIO(data), document_mimetype=mime_type)),
        of_llama_index(lambda: DocumentBlock(url=uri, document_mimetype=mime_type)),
    ]

    assert [sources(way) for way in ways] == [sources(one)] * len(ways)
    readable = ("text", "text with a byte order mark", "letters of base64", "JSON", "an image", "audio")
    assert isinstance(one, Turn) is (what in readable)


def sources(turn: Turn | type[Exception]) -> object:
    """A turn's text and the bytes of its media, in whichever form they are handed on."""
    if not isinstance(turn, Turn):
        return turn
    loaded = [
        read_data_uri(medium.source).data if isinstance(medium.source, str) else medium.source
        for medium in turn.media
    ]
    return turn.text, loaded


MEDIA: dict[str, tuple[dict[str, Any], Callable[[], ContentBlock]]] = {
    "bytes": ({"type": "image", "base64": base64(PNG)}, lambda: ImageBlock(image=PNG)),
    "sound": ({"type": "audio", "base64": base64(WAV)}, lambda: AudioBlock(audio=WAV)),
    "a URL": (
        {"type": "image", "url": "https://x.test/a.png"},
        lambda: ImageBlock(url="https://x.test/a.png"),
    ),
    "a data URI": (
        {"type": "image", "url": f"data:image/png;base64,{base64(PNG)}"},
        lambda: ImageBlock(url=f"data:image/png;base64,{base64(PNG)}"),
    ),
    "another scheme": (
        {"type": "image", "url": "s3://b/a.png"},
        lambda: ImageBlock(url="s3://b/a.png"),
    ),
    "half a surrogate pair": (
        {"type": "audio", "url": "data:audio/wav,\ud800"},
        lambda: AudioBlock.model_construct(url="data:audio/wav,\ud800"),
    ),
    "nothing": ({"type": "image", "base64": ""}, lambda: ImageBlock(image=b"")),
}


@pytest.mark.parametrize("what", MEDIA)
def test_the_same_media(what: str) -> None:
    """A provider's block and a framework's make the same reference, or raise the same error."""
    langchain, llama_index = MEDIA[what]

    assert of_langchain(langchain) == of_llama_index(llama_index)


class Harbour(BaseModel):
    """A harbour and its cities."""

    cities: list[City]
    open_since: date


class Quay(TypedDict, total=False):
    """A quay and its city."""

    city: Required[City]
    depth: Annotated[float, "In metres"]


class Basin(BaseModel):
    """A basin, which may be within another."""

    within: Basin | None = None


@pytest.mark.parametrize(
    "spec",
    [
        None,
        City,
        Harbour,
        Quay,
        Basin,
        Basin.model_json_schema(),
        list[City],
        City | None,
        ResponseFormat(),
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "City", "schema": City.model_json_schema()}},
        {"type": "json_schema", "name": "City", "schema": City.model_json_schema()},
        {"type": "json_schema"},
        City.model_json_schema(),
        {"properties": {"a": {"type": "integer"}}},
        {"type": "string"},
        {"type": "xml"},
        {},
        "json",
        5,
    ],
)
def test_the_same_response_format(spec: object) -> None:
    """One schema and one check, or the same error."""
    assert options_or_error(langchain_format, spec) == options_or_error(llama_index_format, spec)


def test_a_plain_schema_is_a_response_format() -> None:
    """The client and both adapters take one as it is, and ask and check alike."""
    schema, answer = City.model_json_schema(), '{"city": "Lima", "degrees": 24}'
    answers = [
        asked(f"Here it is: {answer}", ask)
        for ask in (
            lambda client: client.reply("24 degrees in Lima", response_format=schema).text,
            lambda client: ChatPhi4(client=client).invoke("24 degrees in Lima", response_format=schema).text,
            lambda client: Phi4(client=client).complete("24 degrees in Lima", response_format=schema).text,
        )
    ]

    assert answers == [answers[0]] * 3
    assert answers[0][0] == answer


@pytest.mark.parametrize(
    "spec", [{}, {"type": "json_schema"}, {"type": "xml"}, {"name": "City"}, City, "json"]
)
def test_the_client_takes_no_other_mapping_for_a_schema(spec: Any) -> None:
    """Providers' forms and classes are for the adapters: an error says what the client takes."""
    with pytest.raises(InvalidOption, match="response_format is a ResponseFormat or a JSON Schema"):
        SpaceClient(URL).reply("hi", response_format=spec)


def test_the_same_schema_for_an_object_within_an_object() -> None:
    """The class that is predicted is described to the model alike, its parts included."""
    one = schema_to_format(Harbour)
    other = llama_index_format(OutputFormat.of(Harbour))

    assert one == other
    assert one.check is not None
    assert one.check({"cities": [], "open_since": "1998-05-01"}) == Harbour(
        cities=[], open_since=date(1998, 5, 1)
    )


@pytest.mark.parametrize(
    "kwargs",
    [
        *({name: 1} for name in SAMPLING_OPTIONS),
        {"temperature": None},
        {"stop": "END"},
        {"stop": ["a", "b"]},
        {"stop": ""},
        {"temperatur": 1},
        {"base_url": "https://x.test"},
    ],
    ids=str,
)
def test_the_same_options(kwargs: dict[str, Any]) -> None:
    """Sampling options and stop strings reach the client alike; others are refused alike."""

    def langchain(given: dict[str, Any]) -> object:
        rest = {name: value for name, value in given.items() if name != "stop"}
        return to_options(rest, stop=given.get("stop"), defaults={})

    assert options_or_error(langchain, kwargs) == options_or_error(
        lambda given: to_chat([], given).options, kwargs
    )


def options_or_error(read: Callable[[Any], object], given: object) -> object:
    """What is read, or the class of the error."""
    try:
        return read(given)
    except InvalidInput as error:
        return type(error)


@pytest.mark.parametrize("stop", ["END", ["END"]])
def test_the_same_stop_string(stop: Any) -> None:
    """A single string is a list of one, for the model and for a call."""
    answer = "Before END after."

    answers = [
        asked(answer, ask)
        for ask in (
            lambda client: ChatPhi4(client=client, stop=stop).invoke("Hi").text,
            lambda client: ChatPhi4(client=client).invoke("Hi", stop=stop).text,
            lambda client: Phi4(client=client, stop=stop).complete("Hi").text,
            lambda client: Phi4(client=client).complete("Hi", stop=stop).text,
        )
    ]

    assert [text for text, _ in answers] == ["Before "] * 4
    assert ChatPhi4(stop=stop).stop == Phi4(stop=stop).stop == ["END"]


@pytest.mark.parametrize("arguments", ['{"a": 1}', "", "[1]", '{"a": NaN}', '{"a":'])
def test_the_same_arguments(arguments: str) -> None:
    """A call in a history is read alike, and stays text where it cannot be."""
    block = {"type": "tool_call", "id": "1", "name": "f", "args": arguments}
    (one,) = langchain_turns([AIMessage([block])])
    (other,) = llama_index_turns(
        [
            ChatMessage(
                role="assistant",
                blocks=[ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs=arguments)],
            )
        ]
    )

    assert one == other


async def _consumed(chunks: Any) -> None:
    async for _ in chunks:
        pass


async def _in_a_task(client: SpaceClient) -> None:
    await asyncio.gather(client.areply("hi", seed=1))


def _chat(client: SpaceClient) -> ChatPhi4:
    return ChatPhi4(client=client)


ASK: dict[str, Callable[[SpaceClient], Any]] = {
    "SpaceClient.reply": lambda client: client.reply("hi", seed=1),
    "SpaceClient.stream": lambda client: [*client.stream("hi", seed=1)],
    "SpaceClient.areply": lambda client: asyncio.run(client.areply("hi", seed=1)),
    "SpaceClient.areply, in a task": lambda client: asyncio.run(_in_a_task(client)),
    "invoke": lambda client: _chat(client).invoke("hi", seed=1),
    "stream": lambda client: [*_chat(client).stream("hi", seed=1)],
    "ainvoke": lambda client: asyncio.run(_chat(client).ainvoke("hi", seed=1)),
    "astream": lambda client: asyncio.run(_consumed(_chat(client).astream("hi", seed=1))),
    "bind": lambda client: _chat(client).bind(seed=1).invoke("hi"),
    "a chain": lambda client: (_chat(client).bind(seed=1) | StrOutputParser()).invoke("hi"),
    "complete": lambda client: Phi4(client=client).complete("hi", seed=1),
    "chat": lambda client: Phi4(client=client).chat([ChatMessage(content="hi")], seed=1),
    "stream_chat": lambda client: [*Phi4(client=client).stream_chat([ChatMessage(content="hi")], seed=1)],
    "achat": lambda client: asyncio.run(Phi4(client=client).achat([ChatMessage(content="hi")], seed=1)),
    "predict": lambda client: Phi4(client=client, additional_kwargs={"seed": 1}).predict(
        PromptTemplate("hi")
    ),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_a_warning_points_at_the_program(ask: Callable[[SpaceClient], Any]) -> None:
    """Not at an adapter or a framework, whichever of their methods is called."""
    client = SpaceClient(URL, environment=Environment(transport=ScriptedSpace()))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OptionIgnored)
        ask(client)

    (warning,) = (one for one in caught if one.category is OptionIgnored)
    assert warning.filename == __file__


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: _chat(client).bind(max_new_tokens=5).invoke("hi", max_tokens=7),
        lambda client: Phi4(client=client, additional_kwargs={"max_new_tokens": 5}).complete(
            "hi", max_tokens=7
        ),
        lambda client: Phi4(client=client, max_tokens=5).complete("hi", max_completion_tokens=7),
        lambda client: ChatPhi4(client=client, max_tokens=5).invoke("hi", max_new_tokens=7),
    ],
)
def test_a_calls_own_option_counts(
    ask: Callable[[SpaceClient], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever name it or an earlier one has."""
    sent: list[object] = []

    def choose(_policy: object, options: dict[str, object], *_: object) -> dict[str, object]:
        sent.append(options["max_tokens"])
        return {}

    monkeypatch.setattr("phi4_space._turn.option_policy.OptionPolicy.choose", choose)
    ask(SpaceClient(URL, environment=Environment(transport=ScriptedSpace())))

    assert sent == [7]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: _client(temperature=0.5, stop=["END"]).reply("hi", temperature=None, stop=None).text,
        lambda: ChatPhi4(client=_client(), temperature=0.5, stop=["END"]).invoke("hi", temperature=None).text,
        lambda: ChatPhi4(client=_client(temperature=0.5, stop=["END"])).invoke("hi", temperature=None).text,
        lambda: Phi4(client=_client(), temperature=0.5, stop=["END"]).complete("hi", temperature=None).text,
        lambda: (
            Phi4(client=_client(), temperature=0.5, stop=["END"], additional_kwargs={"temperature": None})
            .complete("hi", stop=None)
            .text
        ),
        lambda: Phi4(client=_client(temperature=0.5, stop="END")).complete("hi", stop=None).text,
    ],
)
def test_none_is_not_set(ask: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A call's None leaves what the model or client has, everywhere."""
    sent: list[object] = []

    def choose(_policy: object, options: dict[str, object], *_: object) -> dict[str, object]:
        sent.append(options)
        return {}

    monkeypatch.setattr("phi4_space._turn.option_policy.OptionPolicy.choose", choose)

    assert ask() == "one "
    assert sent == [{"temperature": 0.5}]


def _client(**options: Any) -> SpaceClient:
    space = ScriptedSpace({"data": [events(*whole("one END two"))]})
    return SpaceClient(URL, environment=Environment(transport=space), **options)


def test_what_is_none_in_a_call_of_the_client_is_as_good_as_left_out() -> None:
    """So that a program may pass on what it has, or has not; a name that nobody knows is refused still."""
    nothing: dict[str, Any] = dict.fromkeys(Options.__annotations__)

    assert _client().reply("hi", **nothing).text == "one END two"
    with pytest.raises(InvalidOption, match="temperatur"):
        _client().reply("hi", temperatur=None)  # type: ignore[call-arg] # no such option


@pytest.mark.parametrize("model", [SpaceClient, ChatPhi4, Phi4])
@pytest.mark.parametrize(
    "option",
    [
        {"temperature": True},
        {"temperature": "0.5"},
        {"temperature": -1},
        {"temperature": math.nan},
        {"max_tokens": True},
        {"max_tokens": "5"},
        {"max_tokens": 2.0},
        {"max_tokens": 0},
        {"stop": 5},
        {"stop": [""]},
        {"max_retries": True},
        {"max_retries": "2"},
        {"max_files": True},
        {"max_files": "2"},
        {"strict": "yes"},
        {"strict": 1},
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused_where_a_model_is_made(
    model: Callable[..., object], option: dict[str, Any]
) -> None:
    """Not at the first call, and not made into a number: with the framework's usual error, a ValueError."""
    (name,) = option
    with pytest.raises(ValueError, match=name) as caught:
        model(**option)

    assert isinstance(caught.value, InvalidOption if model is SpaceClient else ValidationError)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ChatPhi4(top_p=True),
        lambda: ChatPhi4(top_p=1.5),
        lambda: Phi4(additional_kwargs={"top_p": True}),
        lambda: Phi4(additional_kwargs={"top_p": 1.5}),
        lambda: ChatPhi4(timeout=True),
        lambda: Phi4(timeout="30"),  # type: ignore[arg-type] # a mistake
    ],
)
def test_an_option_of_one_adapter_alone_is_refused_there(make: Callable[[], object]) -> None:
    """`top_p` is a field of ChatPhi4, and an argument of each call for Phi4; both have a timeout."""
    with pytest.raises(ValidationError, match=r"top_p is a number greater than 0 to 1|timeout"):
        make()


def test_numbers_of_numpy_are_numbers_everywhere() -> None:
    """As the client has it."""
    options: dict[str, Any] = {"temperature": np.float32(0.5), "max_tokens": np.int64(5)}

    assert SpaceClient(**options).options == {"temperature": 0.5, "max_tokens": 5}
    for model in (ChatPhi4(**options), Phi4(**options)):
        assert (model.temperature, model.max_tokens) == (0.5, 5)


def test_no_stop_string_is_a_choice_as_well() -> None:
    """An empty list in a call stands in place of the client's own."""
    for ask in (
        lambda client: _chat(client).invoke("hi", stop=[]).content,
        lambda client: Phi4(client=client).complete("hi", stop=[]).text,
        lambda client: client.reply("hi", stop=[]).text,
    ):
        space = ScriptedSpace({"data": [events(*whole("one END two"))]})
        client = SpaceClient(URL, stop="END", environment=Environment(transport=space))
        assert ask(client) == "one END two"
