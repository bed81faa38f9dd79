"""Whatever is handed to a framework's package is sent, or refused by an error of ours that says where."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import langchain_core.utils.json
import pytest
from chats import chat, saying
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from llama_index.core.base.llms import types as llama
from llama_index.core.schema import NodeWithScore
from llama_index.core.tools import FunctionTool
from phi4s import phi4
from pydantic import BaseModel
from scripted import ScriptedSpace

from langchain_phi4 import ChatPhi4
from langchain_phi4._content import _READERS
from langchain_phi4._messages import to_turns as to_langchain_turns
from langchain_phi4._options import to_options
from langchain_phi4._structured import schema_to_format, to_format
from langchain_phi4._tools import to_choice, to_specs
from llama_index_phi4._media import images_to_media
from llama_index_phi4._messages import to_turns as to_llama_turns
from llama_index_phi4._options import to_chat, to_completion
from llama_index_phi4._structured import OutputFormat
from llama_index_phi4._tools import to_specs as to_llama_specs
from phi4_space import (
    InvalidInput,
    InvalidOption,
    Phi4Error,
    UnexpectedAnswer,
    UnsupportedContent,
    UrlRefused,
)

HALF = "\ud800"  # of a surrogate pair, which no UTF-8 can hold


def nested(depth: int, key: str = "content", **around: Any) -> Any:
    """A dict in a dict in a dict."""
    value: Any = "x"
    for _ in range(depth):
        value = {**around, key: value}
    return value


def listed(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def in_itself(key: str, **around: Any) -> dict[str, Any]:
    made: dict[str, Any] = dict(around)
    made[key] = made
    return made


STRANGE: Mapping[str, Any] = {
    "none": None,
    "a number": 5,
    "half a character": HALF,
    "half a character in base64": f"data:;base64,{HALF}",
    "half a character in a data URI": f"data:text/plain,{HALF}",
    "half a character in a URL": f"https://media.test/{HALF}",
    "500 deep": nested(500),
    "3,000 deep": nested(3000),
    "a list 3,000 deep": listed(3000),
    "in itself": in_itself("content"),
    "a list in itself": [in_itself("x")],
    "bytes": b"\xff",
    "a set": {1},
    "no number": float("nan"),
    "an object": object(),
    "keys that are none": {5: {None: 6}},
    "empty": "",
    "a class": int,
    "a type of its own": {"type": ["text"]},
}
FIELDS = (
    *("text", "content", "json", "base64", "data", "url", "image_url", "file", "source", "value", "args"),
    *(
        "input",
        "arguments",
        "output",
        "outputs",
        "results",
        "action",
        "code",
        "name",
        "id",
        "call_id",
        "title",
    ),
    *("filename", "mime_type", "context", "document", "image", "audio", "toolUse", "toolResult", "status"),
    *(
        "type",
        "source_type",
        "media_type",
        "refusal",
        "guardContent",
        "queries",
        "error",
        "is_error",
        "extras",
    ),
)


def wrong(ask: Callable[..., object], *args: Any) -> str:
    """What is raised that is no error of ours, or one that cannot be shown; empty where all is well."""
    try:
        ask(*args)
    except Phi4Error as error:
        return "" if str(error).encode(errors="replace").decode() == str(error) else repr(error)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return type(error).__name__
    return ""


def faults(ask: Callable[[Any], object], table: Mapping[str, Any]) -> dict[str, str]:
    """What goes wrong with which value of a table."""
    return {name: fault for name, value in table.items() if (fault := wrong(ask, value))}


def changed(message: Any, **fields: Any) -> Any:
    """The message with fields that its class would not take."""
    message.__dict__.update(fields)
    return message


def message_of(place: int) -> BaseMessage:
    """One of each class in turn."""
    return [AIMessage("x"), HumanMessage("x"), ToolMessage("x", tool_call_id="1")][place % 3]


# --- LangChain ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*_READERS, "x_tool_result", "unknown"])
def test_every_block_of_langchain_is_read_or_refused(kind: str) -> None:
    """In a user's, an assistant's and a tool's message, with anything in any field."""
    table = {
        f"{field}: {name}": changed(message_of(place), content=[{"type": kind, field: value}])
        for place, field in enumerate(FIELDS)
        for name, value in STRANGE.items()
    }

    assert faults(lambda message: to_langchain_turns([message]), table) == {}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("tool_result", "content"), ("non_standard", "value"), ("web_fetch_result", "content")),
        *(("document", "content"), ("text", "text"), ("x_tool_result", "content"), ("toolUse", "toolUse")),
        *(("image", "source"), ("file", "file"), ("search_result", "source"), ("json", "json")),
    ],
)
@pytest.mark.parametrize("depth", [500, 3000, None], ids=["500 deep", "3,000 deep", "in itself"])
def test_blocks_within_blocks_have_an_end(kind: str, key: str, depth: int | None) -> None:
    """Nested 500 or 3,000 deep, or in themselves, they are an error with the message's place, or read."""
    block = in_itself(key, type=kind) if depth is None else nested(depth, key, type=kind)

    assert wrong(to_langchain_turns, [AIMessage.model_construct(content=[block])]) == ""


@pytest.mark.parametrize(
    "content",
    [
        [nested(3000, "value", type="non_standard")],
        [in_itself("value", type="non_standard")],
        ["fine", in_itself("content", type="tool_result")],
    ],
)
def test_an_error_says_which_message_it_was(content: Any) -> None:
    """And what to do, in a text of bounded length."""
    messages = [HumanMessage("hi"), AIMessage.model_construct(content=content)]

    with pytest.raises(UnsupportedContent, match=r"messages\[1\] \(AIMessage\): ") as error:
        to_langchain_turns(messages)

    assert "nested too deep, or in itself. Pass text" in str(error.value)
    assert len(str(error.value)) < 1000


MESSAGES: Mapping[str, Any] = {
    **{f"content: {name}": changed(HumanMessage("x"), content=value) for name, value in STRANGE.items()},
    **{f"a block: {name}": changed(HumanMessage("x"), content=[value]) for name, value in STRANGE.items()},
    **{f"name: {name}": changed(SystemMessage("x"), name=value) for name, value in STRANGE.items()},
    **{
        f"role: {name}": changed(ChatMessage(content="x", role="user"), role=value)
        for name, value in STRANGE.items()
    },
    **{f"calls: {name}": changed(AIMessage("x"), tool_calls=value) for name, value in STRANGE.items()},
    **{
        f"arguments: {name}": changed(AIMessage("x"), tool_calls=[{"name": "f", "args": value, "id": "1"}])
        for name, value in STRANGE.items()
    },
    **{
        f"ids: {name}": changed(AIMessage("x"), tool_calls=[{"name": value, "args": {}, "id": value}])
        for name, value in STRANGE.items()
    },
    **{
        f"broken: {name}": changed(
            AIMessage("x"), invalid_tool_calls=[{"name": value, "args": value, "id": 1}]
        )
        for name, value in STRANGE.items()
    },
    **{
        f"beside: {name}": changed(
            AIMessage("x"), additional_kwargs={"function_call": value, "audio": value, "refusal": value}
        )
        for name, value in STRANGE.items()
    },
    **{
        f"no dict beside: {name}": changed(AIMessage("x"), additional_kwargs=value)
        for name, value in STRANGE.items()
    },
    **{f"no message: {name}": value for name, value in STRANGE.items()},
}


def test_every_message_of_langchain_is_read_or_refused() -> None:
    """With anything in any of its fields, and with anything in the place of messages."""
    assert faults(lambda message: to_langchain_turns([message]), MESSAGES) == {}
    assert faults(to_langchain_turns, STRANGE) == {}


def test_counting_tokens_refuses_what_cannot_be_sent() -> None:
    """An estimate needs no words that can be sent, and says what has none."""
    model = ChatPhi4()

    assert model.get_num_tokens(HALF) == 1
    assert faults(lambda message: model.get_num_tokens_from_messages([message]), MESSAGES) == {}


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
kinds = st.sampled_from([*_READERS])
blocks = st.dictionaries(st.sampled_from(FIELDS), json_like, max_size=5)


@given(kinds, blocks)
@example("text", {"text": HALF})
def test_any_block_is_read_or_refused(kind: str, block: dict[str, Any]) -> None:
    """Whatever JSON somebody makes up."""
    message = HumanMessage.model_construct(content=[{"type": kind, **block}])

    assert wrong(to_langchain_turns, [message]) == ""


@pytest.mark.parametrize("url", STRANGE["half a character in base64"].split())
def test_half_a_character_is_no_url(url: str) -> None:
    """It is said with the message, before anything is sent."""
    for block in ({"type": "image", "url": url}, {"type": "image_url", "image_url": {"url": url}}):
        with pytest.raises(UrlRefused, match=r"messages\[0\] .*half of a surrogate pair"):
            to_langchain_turns([HumanMessage.model_construct(content=[block])])


TOOLS: Mapping[str, Any] = {
    **{f"tools: {name}": value for name, value in STRANGE.items()},
    **{f"a tool: {name}": [value] for name, value in STRANGE.items()},
    **{f"name: {name}": [{"name": value, "parameters": {}}] for name, value in STRANGE.items()},
    **{f"parameters: {name}": [{"name": "f", "parameters": value}] for name, value in STRANGE.items()},
    **{f"function: {name}": [{"type": "function", "function": value}] for name, value in STRANGE.items()},
    **{
        f"schema: {name}": [{"title": "t", "type": "object", "properties": value}]
        for name, value in STRANGE.items()
    },
    **{f"type: {name}": [{"type": value, "name": "x"}] for name, value in STRANGE.items()},
    **{f"toolSpec: {name}": [{"toolSpec": value}] for name, value in STRANGE.items()},
    **{f"input_schema: {name}": [{"name": "x", "input_schema": value}] for name, value in STRANGE.items()},
}
FORMATS: Mapping[str, Any] = {
    **STRANGE,
    **{
        f"json_schema: {name}": {"type": "json_schema", "json_schema": {"schema": value}}
        for name, value in STRANGE.items()
    },
    **{
        f"of OpenAI: {name}": {"type": "json_schema", "json_schema": value} for name, value in STRANGE.items()
    },
    **{f"a function: {name}": {"name": "f", "parameters": value} for name, value in STRANGE.items()},
    **{f"no type: {name}": {"type": value} for name, value in STRANGE.items()},
}


@pytest.mark.parametrize(
    ("read", "table"),
    [
        (to_specs, TOOLS),
        (lambda value: to_choice(value, to_specs([{"name": "f", "parameters": {}}])), STRANGE),
        (to_format, FORMATS),
        (schema_to_format, FORMATS),
        (lambda value: ChatPhi4().with_structured_output(value), FORMATS),
        (lambda value: ChatPhi4().with_structured_output(value, method="function_calling"), FORMATS),
        (lambda value: ChatPhi4().bind_tools(value), TOOLS),
        (lambda value: to_options({"model": value}, stop=None, defaults={}), STRANGE),
    ],
    ids=["tools", "choice", "response_format", "schema", "structured", "by call", "bind_tools", "model"],
)
def test_every_option_of_langchain_is_read_or_refused(
    read: Callable[[Any], object], table: Mapping[str, Any]
) -> None:
    """Tools, choices and schemas of any shape, nested in themselves or thousands deep."""
    assert faults(read, table) == {}


@pytest.mark.timeout(30)
def test_a_data_uri_is_read_in_one_go() -> None:
    """Blanks before a comma that never comes took the cube of their number."""
    for uri in ("data:" + " " * 100_000 + "x", "data:" + ";" * 100_000, "data:a" + " ;" * 50_000 + "x,"):
        assert wrong(to_langchain_turns, [HumanMessage([{"type": "file", "url": uri}])]) == ""


# --- LlamaIndex -----------------------------------------------------------------------------------------


def llama_blocks() -> Iterator[tuple[str, Any]]:
    """Blocks of each class of core's, with anything in each of their fields."""
    classes: list[type[BaseModel]] = [
        llama.TextBlock,
        llama.ImageBlock,
        llama.AudioBlock,
        llama.VideoBlock,
        llama.DocumentBlock,
    ]
    classes += [llama.CitableBlock, llama.CitationBlock, llama.ThinkingBlock, llama.ToolCallBlock]
    classes += [llama.CachePoint]
    for made in classes:
        usual = dict.fromkeys(made.model_fields)
        yield made.__name__, made.model_construct()
        yield f"{made.__name__} of nothing", made.model_construct(**usual)
        for field in made.model_fields:
            for name, value in STRANGE.items():
                yield f"{made.__name__}.{field}: {name}", made.model_construct(**{**usual, field: value})


def citing(depth: int) -> Any:
    block: Any = llama.TextBlock(text="x")
    for _ in range(depth):
        block = llama.CitableBlock.model_construct(title="", source="", content=[block])
    return block


def citing_itself() -> Any:
    block = llama.CitableBlock.model_construct(title="", source="", content=[])
    block.content.append(block)  # type: ignore[arg-type] # as meant
    return block


def message(*blocks: Any, role: str = "assistant", beside: Any = None) -> Any:
    message = llama.ChatMessage(role=role, blocks=[])
    return changed(message, blocks=[*blocks], additional_kwargs={} if beside is None else beside)


def test_every_block_of_llama_index_is_read_or_refused() -> None:
    """In each role, with anything in any field."""
    for role in ("user", "assistant", "tool"):
        table = {name: message(block, role=role) for name, block in llama_blocks()}
        assert faults(lambda message: to_llama_turns([message]), table) == {}


def test_every_message_of_llama_index_is_read_or_refused() -> None:
    """With anything in the place of blocks, of what stands beside them, of a message, and of all messages."""
    calls = [{"tool_calls": value} for value in STRANGE.values()]
    calls += [{"tool_calls": [{"id": v, "function": {"name": v, "arguments": v}}]} for v in STRANGE.values()]
    calls += [{"tool_calls": [{"function": {"name": "f", "arguments": v}}]} for v in STRANGE.values()]
    calls += [{"tool_call_id": value, "name": value} for value in STRANGE.values()]
    table = [
        *(message(value) for value in STRANGE.values()),
        *(changed(message(), blocks=value) for value in STRANGE.values()),
        *(changed(message(), role=value) for value in STRANGE.values()),
        *(changed(message(), additional_kwargs=value) for value in STRANGE.values()),
        *(message(beside=beside, role=role) for beside in calls for role in ("assistant", "tool")),
        *STRANGE.values(),
    ]

    assert faults(lambda message: to_llama_turns([message]), dict(zip(map(str, range(999)), table))) == {}  # noqa: B905 - as many as there are
    assert faults(to_llama_turns, STRANGE) == {}


@pytest.mark.parametrize("block", [citing(3000), citing_itself()], ids=["3,000 deep", "in itself"])
def test_citations_have_an_end(block: Any) -> None:
    """The error says which message it was, and what to do."""
    with pytest.raises(
        UnsupportedContent, match=r"Message 1 \(user\): .*nested too deep, or in itself"
    ) as error:
        to_llama_turns([message(role="user"), message(block, role="user")])

    assert "Pass text" in str(error.value)
    assert wrong(to_llama_turns, [message(citing(500), role="user")]) == ""


@pytest.mark.parametrize("kind", [llama.ImageBlock, llama.AudioBlock, llama.DocumentBlock])
def test_half_a_character_is_no_url_of_a_block(kind: Any) -> None:
    """It is said with the message, before anything is sent."""
    block = kind.model_construct(url=f"data:text/plain,{HALF}")

    with pytest.raises(InvalidInput, match=r"Message 0 \(user\): .*half of a surrogate pair"):
        to_llama_turns([message(block, role="user")])


class Unwritable(BaseModel):
    """What JSON Schema cannot say."""

    check: Callable[[int], int]


def ask(thing: Unwritable) -> str:
    """Asks."""
    return str(thing)


@pytest.mark.parametrize(
    ("read", "table"),
    [
        (lambda value: to_chat([], {"tools": value}), TOOLS),
        (lambda value: to_chat([], {"tools": [{"name": "f"}], "tool_choice": value}), STRANGE),
        (lambda value: to_chat([], {"response_format": value}), {**FORMATS, "unwritable": Unwritable}),
        (lambda value: to_chat([], {"stop": value}), STRANGE),
        (lambda value: to_chat([], {"temperature": value}), STRANGE),
        (lambda value: to_completion("hi", {"images": value}, formatted=False), STRANGE),
        (lambda value: to_completion("hi", {"images": [value]}, formatted=False), STRANGE),
        (lambda value: to_completion(value, {}, formatted=True), STRANGE),
        (lambda value: to_llama_specs([FunctionTool.from_defaults(value)]), {"unwritable": ask}),
        (OutputFormat.of, {"unwritable": Unwritable}),
    ],
)
def test_every_option_of_llama_index_is_read_or_refused(
    read: Callable[[Any], object], table: Mapping[str, Any]
) -> None:
    """Tools, choices, formats and images of any shape; none of the errors is a RuntimeError."""
    assert faults(read, table) == {}


def test_images_of_any_shape_are_read_or_refused() -> None:
    """The error says which of them it was."""
    node = NodeWithScore.model_construct(node=None)
    node.node = node  # type: ignore[assignment] # as meant
    assert wrong(images_to_media, [node]) == ""
    assert faults(lambda block: images_to_media([block]), dict(llama_blocks())) == {}
    with pytest.raises(UnsupportedContent, match=r"image_documents\[1\]: it is nested too deep"):
        images_to_media([llama.ImageBlock(image=b"x"), node])


def test_a_class_that_json_schema_cannot_say_is_refused_by_name() -> None:
    """By an error that core does not take for nested loops."""
    space = ScriptedSpace()

    with pytest.raises(InvalidOption, match="Unwritable has no JSON Schema"):
        phi4(space).complete("hi", response_format=Unwritable)

    assert space.asked == []


# --- what an answer makes the frameworks do -------------------------------------------------------------


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of each text that core tries to read as JSON."""
    lengths: list[int] = []
    loads = json.loads

    class Json:
        JSONDecodeError = json.JSONDecodeError

        @staticmethod
        def loads(text: str, **options: Any) -> Any:
            lengths.append(len(text))
            return loads(text, **options)

    monkeypatch.setattr(langchain_core.utils.json, "json", Json)
    return lengths


TOOL = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize("text", ["x", "{", '"', '{"a":', "[["])
@pytest.mark.parametrize("how", ["stream", "invoke"])
def test_a_broken_call_is_not_mended_letter_by_letter(how: str, text: str, attempts: list[int]) -> None:
    """Core tries each beginning of a broken text: 40,000 characters took a minute and a half."""
    answer = f"<|tool_call|>[{{{text * 4_000}"
    model = chat(saying(answer, answer)).bind_tools([TOOL])

    message = model.invoke("hi") if how == "invoke" else summed(model.stream("hi"))

    (call,) = message.invalid_tool_calls
    assert answer in (call["args"] or "")
    assert len(attempts) < 20


def summed(chunks: Iterator[Any]) -> Any:
    first, *others = chunks
    for chunk in others:
        first += chunk
    return first


class City(BaseModel):
    """A city."""

    city: str


@pytest.mark.parametrize("schema", [{"title": "t", "type": "object"}, City], ids=["dict", "class"])
@pytest.mark.parametrize("text", ["{", '"', "x", '{"a":'])
def test_broken_json_is_not_mended_letter_by_letter(schema: Any, text: str, attempts: list[int]) -> None:
    """Nor the object that a stream is to give, as it grows."""
    answer = f'{{"city": {text * 4_000}'
    model = chat(saying(answer, answer)).with_structured_output(schema, method="json_mode")

    with pytest.raises(Phi4Error):
        list(model.stream("hi"))

    assert len(attempts) < 20


@pytest.mark.parametrize("broken", [False, True])
def test_an_answer_calls_so_often_and_no_more(*, broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Core merges each call with all others."""
    monkeypatch.setattr("langchain_phi4._output._MOST_CALLS", 20)
    calls = [{"name": "f", "arguments": {}}] * 21
    answer = "<|tool_call|>x" * 21 if broken else f"<|tool_call|>{json.dumps(calls)}<|/tool_call|>"
    model = chat(saying(answer, answer)).bind_tools([TOOL])

    with pytest.raises(UnexpectedAnswer, match="calls tools 21 times"):
        model.invoke("hi")
    with pytest.raises(UnexpectedAnswer, match="calls tools 21 times"):
        list(chat(saying(answer, answer)).bind_tools([TOOL]).stream("hi"))


def test_calls_without_ids_are_numbered_in_one_go() -> None:
    """Each looks for a free number where the last one found it."""
    looked = 0

    class Counted(str):
        __slots__ = ()

        def __format__(self, spec: str) -> str:
            nonlocal looked
            looked += 1
            return super().__format__(spec)

    calls = [{"name": "f", "args": {}, "id": Counted("x")}] * 1_000
    turn = to_langchain_turns([changed(AIMessage(""), tool_calls=calls)])[0]

    assert len({call.id for call in turn.tool_calls}) == 1_000
    assert looked < 2_000
    looked = 0
    kept = [{"id": "x", "function": {"name": "f", "arguments": {}}}] * 1_000
    (turn,) = to_llama_turns([message(beside={"tool_calls": kept})])
    assert len({call.id for call in turn.tool_calls}) == 1_000
