"""Messages as turns: who speaks, in what order, and what becomes of calls and their results."""

from __future__ import annotations

import base64
import copy
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.utils.function_calling import tool_example_to_messages
from pydantic import BaseModel
from scripted import URL as SPACE
from scripted import ScriptedSpace

from langchain_phi4._messages import to_turns
from phi4_space import InvalidInput, Media, SpaceClient, ToolCall, Turn, UnsupportedContent, UrlRefused
from phi4_space._environment import Environment

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
PICTURE = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
URL = "https://example.com/a.png"
CALL = tool_call(name="add", args={"a": 1}, id="1")


def said(*turns: Turn) -> list[tuple[str, str]]:
    """Who said what."""
    return [(turn.role, turn.text) for turn in turns]


def prompt(messages: Sequence[BaseMessage]) -> str:
    """What the Space is sent for the messages, through the client's public door."""
    with_answer = SpaceClient(SPACE, environment=Environment(transport=ScriptedSpace()))
    try:
        return with_answer.reply(to_turns(messages)).sent.prompt
    finally:
        with_answer.close()


# --- who speaks ---------------------------------------------------------------------------------------

CLASSES: dict[str, tuple[BaseMessage, Turn]] = {
    "system": (SystemMessage("Hi"), Turn(role="system", text="Hi")),
    "human": (HumanMessage("Hi"), Turn(role="user", text="Hi")),
    "AI": (AIMessage("Hi"), Turn(role="assistant", text="Hi")),
    "tool": (ToolMessage("Hi", tool_call_id="1"), Turn(role="tool", text="Hi", tool_call_id="1")),
    "named tool": (
        ToolMessage("Hi", tool_call_id="1", name="f", artifact=object()),
        Turn(role="tool", text="Hi", tool_call_id="1", name="f"),
    ),
    "function": (FunctionMessage(content="Hi", name="f"), Turn(role="tool", text="Hi", name="f")),
    "system chunk": (SystemMessageChunk(content="Hi"), Turn(role="system", text="Hi")),
    "human chunk": (HumanMessageChunk(content="Hi"), Turn(role="user", text="Hi")),
    "AI chunk": (AIMessageChunk(content="Hi"), Turn(role="assistant", text="Hi")),
    "tool chunk": (
        ToolMessageChunk(content="Hi", tool_call_id="1"),
        Turn(role="tool", text="Hi", tool_call_id="1"),
    ),
    "function chunk": (FunctionMessageChunk(content="Hi", name="f"), Turn(role="tool", text="Hi", name="f")),
    "chat chunk": (ChatMessageChunk(content="Hi", role="user"), Turn(role="user", text="Hi")),
    "chat as system": (ChatMessage(content="Hi", role=" System "), Turn(role="system", text="Hi")),
    "chat as developer": (ChatMessage(content="Hi", role="developer"), Turn(role="system", text="Hi")),
    "chat as user": (ChatMessage(content="Hi", role=" User "), Turn(role="user", text="Hi")),
    "chat as human": (ChatMessage(content="Hi", role="human"), Turn(role="user", text="Hi")),
    "chat as assistant": (ChatMessage(content="Hi", role="assistant"), Turn(role="assistant", text="Hi")),
    "chat as AI": (ChatMessage(content="Hi", role="ai"), Turn(role="assistant", text="Hi")),
    "chat as model": (ChatMessage(content="Hi", role="model"), Turn(role="assistant", text="Hi")),
    "chat as tool": (ChatMessage(content="Hi", role="tool"), Turn(role="tool", text="Hi")),
    "chat as function": (
        ChatMessage(content="Hi", role="function", name="f"),
        Turn(role="tool", text="Hi", name="f"),
    ),
    "chat as somebody": (ChatMessage(content="Hi", role="critic"), Turn(role="user", text="critic: Hi")),
    "chat as somebody named": (
        ChatMessage(content="Hi", role="critic", name="Ann"),
        Turn(role="user", text="Ann (critic): Hi"),
    ),
    "chat as nobody": (ChatMessage(content="Hi", role=""), Turn(role="user", text="Hi")),
    "named human": (HumanMessage("Hi", name="Ann"), Turn(role="user", text="Ann: Hi")),
    "named system": (SystemMessage("Hi", name="example_user"), Turn(role="system", text="example_user: Hi")),
    "human named in lines": (HumanMessage("Hi", name="Ann\nLee "), Turn(role="user", text="Ann Lee: Hi")),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_has_its_role(kind: str) -> None:
    """Each class of message becomes a turn of its role, chunks as whole messages do; a name is told."""
    message, turn = CLASSES[kind]
    assert to_turns([message]) == [turn]


def test_a_name_goes_before_a_picture_too() -> None:
    """Who speaks is told first, whatever is said."""
    [turn] = to_turns([HumanMessage([PICTURE, "What is it?"], name="Ann")])
    assert turn.parts == ("Ann: ", Media(PNG), "What is it?")


def test_the_name_of_one_assistant_is_told_once() -> None:
    """An assistant's own name stands in the system turn: before its words it would be imitated."""
    turns = to_turns(
        [
            SystemMessage("Help."),
            HumanMessage("Hi"),
            AIMessage("Yo", name="bot"),
            AIMessage("Yes", name="bot"),
        ]
    )
    assert said(*turns) == [
        ("system", "Help."),
        ("system", "The assistant is named bot."),
        ("user", "Hi"),
        ("assistant", "Yo"),
        ("assistant", "Yes"),
    ]


def test_several_assistants_are_told_apart() -> None:
    """Where several assistants speak, each name goes before the words, as a user's does."""
    turns = to_turns(
        [
            AIMessage("A", name="ann"),
            AIMessage("B", name="bob"),
            ChatMessage(content="C", role="assistant"),
            AIMessage("D"),
        ]
    )
    assert [turn.text for turn in turns] == ["ann: A", "bob: B", "C", "D"]


def test_runs_of_one_role_stay() -> None:
    """Messages of one role in a row are turns in a row; the client merges where it has to."""
    messages: list[BaseMessage] = [
        SystemMessage("a"),
        SystemMessage("b"),
        HumanMessage("c"),
        HumanMessage("d"),
        AIMessage("e"),
        AIMessage("f"),
        HumanMessage("g"),
    ]
    assert [turn.text for turn in to_turns(messages)] == list("abcdefg")
    assert prompt(messages) == (
        "System: a\nb\nUser: c\nUser: d\nAssistant: e\nAssistant: f\nUser: g\nAssistant:"
    )


def test_what_says_nothing_is_no_turn() -> None:
    """A message without words, media and calls leaves no trace; a result without words does."""
    reasoning = AIMessage([{"type": "reasoning", "reasoning": "Hm."}], name="bot")
    turns = to_turns([HumanMessage(""), HumanMessage([], name="Ann"), AIMessage(""), reasoning])
    assert [turn.role for turn in turns] == []
    assert to_turns([ToolMessage("", tool_call_id="1")]) == [Turn(role="tool", tool_call_id="1")]
    assert to_turns([]) == []


class Unknown(BaseMessage):
    """A message of a class that nobody knows."""

    type: str = "unknown"


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (RemoveMessage(id="1"), "RemoveMessage"),
        (Unknown(content="x"), "Unknown"),
        ("hi", "str"),
        (("human", "x"), "tuple"),
    ],
)
def test_unknown_messages_are_refused_by_name(message: Any, name: str) -> None:
    """A message that says nothing to a model is refused, with its place and class."""
    with pytest.raises(UnsupportedContent, match=rf"messages\[1\] is a {name}"):
        to_turns([HumanMessage("Hi"), message])


# --- content ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SystemMessage, HumanMessage, AIMessage])
def test_order_is_kept(kind: type[BaseMessage]) -> None:
    """Words and pictures stand in their turn as they stood in the message; words run on as in `.text`."""
    message = kind(content=["Look", {"type": "text", "text": " here: "}, PICTURE, "and", PICTURE])
    [turn] = to_turns([message])
    assert turn.parts == ("Look here: ", Media(PNG), "and", Media(PNG))
    assert turn.text == message.text


def test_a_picture_in_a_result_reaches_the_model() -> None:
    """What a tool shows is media of its turn."""
    [_, turn] = to_turns(
        [AIMessage("", tool_calls=[CALL]), ToolMessage(["A plot: ", PICTURE], tool_call_id="1")]
    )
    assert (turn.role, turn.name, turn.parts) == ("tool", "add", ("A plot: ", Media(PNG)))
    assert prompt(
        [
            HumanMessage("Plot."),
            AIMessage("", tool_calls=[CALL]),
            ToolMessage(["A plot: ", PICTURE], tool_call_id="1"),
        ]
    ).endswith("Tool: add -> A plot: [image 1]\nAssistant:")


def test_a_document_stands_on_lines_of_its_own() -> None:
    """A document's text does not run into the words around it."""
    document = {"type": "text-plain", "text": "Words.", "title": "Notes"}
    [turn] = to_turns([HumanMessage(["Sum up:", document, "Briefly."])])
    assert turn.text == 'Sum up:\nDocument "Notes":\nWords.\nBriefly.'
    [turn] = to_turns([HumanMessage(["", document, ""])])
    assert turn.text == 'Document "Notes":\nWords.'


@pytest.mark.parametrize(
    ("messages", "kind", "told"),
    [
        (
            [HumanMessage("Hi"), HumanMessage(["Look", {"type": "video", "url": URL}])],
            UnsupportedContent,
            "messages[1] (HumanMessage): content[1]: Phi-4 takes no content of type 'video'.",
        ),
        (
            [ToolMessage([{"type": "file", "file_id": "f"}], tool_call_id="1")],
            UnsupportedContent,
            "messages[0] (ToolMessage): content[0]: type 'file': It is stored at its provider (file_id).",
        ),
        (
            [SystemMessage([{"type": "image", "url": "a.png"}])],
            UrlRefused,
            "messages[0] (SystemMessage): content[0]: type 'image': Only http(s) URLs",
        ),
        (
            [AIMessage([{"type": "hologram"}])],
            UnsupportedContent,
            "messages[0] (AIMessage): content[0]: Phi-4 takes no content of type 'hologram'.",
        ),
        (
            [HumanMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {}}])],
            UnsupportedContent,
            "messages[0] (HumanMessage): Only an assistant calls tools, and this calls 'f'.",
        ),
        (
            [ToolMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {}}], tool_call_id="1")],
            UnsupportedContent,
            "Only an assistant calls tools",
        ),
        (
            [AIMessage("", additional_kwargs={"audio": {"id": "audio_1"}})],
            UnsupportedContent,
            "messages[0] (AIMessage): The audio in additional_kwargs has no transcript",
        ),
    ],
)
def test_a_refusal_says_where(messages: list[BaseMessage], kind: type[InvalidInput], told: str) -> None:
    """What is refused is found: the message, the place in it, and the type are in the text."""
    with pytest.raises(kind) as caught:
        to_turns(messages)
    assert told in str(caught.value)


# --- calls and results --------------------------------------------------------------------------------


def test_a_history_with_calls() -> None:
    """A call goes back in Phi-4's form, its result under the tool's name, the words as they were."""
    assert prompt(
        [
            SystemMessage("Be exact."),
            HumanMessage("1+2, 3+4?"),
            AIMessage(
                "I add.",
                tool_calls=[
                    tool_call(name="add", args={"a": 1, "b": 2}, id="x"),
                    tool_call(name="add", args={"a": 3, "b": 4}, id="y"),
                ],
            ),
            ToolMessage("3", tool_call_id="x"),
            ToolMessage("No.", tool_call_id="y", status="error"),
        ]
    ) == (
        "System: Be exact.\n"
        "User: 1+2, 3+4?\n"
        'Assistant: I add. <|tool_call|>[{"name": "add", "arguments": {"a": 1, "b": 2}}, '
        '{"name": "add", "arguments": {"a": 3, "b": 4}}]<|/tool_call|>\n'
        "Tool: add (call 1) -> 3\n"
        "Tool: add (call 2) -> Error: No.\n"
        "Assistant:"
    )


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_few_shot_examples_of_calls() -> None:
    """What core makes of examples is told: the call, its result and what was said then."""

    class Person(BaseModel):
        """A person."""

        name: str

    turns = to_turns(tool_example_to_messages("I am Ann.", [Person(name="Ann")], ai_response="Noted."))
    assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant"]
    assert [(call.name, call.arguments) for call in turns[1].tool_calls] == [("Person", {"name": "Ann"})]
    assert turns[2].tool_call_id == turns[1].tool_calls[0].id
    assert turns[2].name == "Person"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("No such city", "Error: No such city"),
        ("Error: no such city", "Error: no such city"),
        (" error invoking tool", " error invoking tool"),
        ("", "Error"),
        ([PICTURE], "Error: "),
        ([{"type": "text-plain", "text": "x"}], "Error: Document:\nx"),
    ],
)
def test_a_failed_call_says_so(content: Any, text: str) -> None:
    """The result of a call that failed begins with that, unless its words do."""
    [turn] = to_turns([ToolMessage(content, tool_call_id="1", status="error")])
    assert turn.text == text


def test_a_call_in_the_content_is_told_once() -> None:
    """A call that stands in the content and in `tool_calls` is one call, with the arguments of the latter."""
    content: list[str | dict[str, Any]] = [
        {"type": "text", "text": "Hm."},
        {"type": "tool_use", "id": "1", "name": "add", "input": {}},
    ]
    [turn] = to_turns([AIMessage(content, tool_calls=[CALL])])
    assert turn == Turn(role="assistant", text="Hm.", tool_calls=(ToolCall("1", "add", {"a": 1}),))


def test_a_call_that_only_stands_in_the_content_is_told() -> None:
    """Content written by hand, without `tool_calls`, calls all the same."""
    [turn] = to_turns([AIMessage([{"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}])])
    assert turn.tool_calls == (ToolCall("1", "add", {"a": 1}),)


@pytest.mark.parametrize("call_id", ["1", None])
def test_calls_without_ids_are_matched_by_name(call_id: str | None) -> None:
    """Content that brings no ids is not told twice."""
    content: list[str | dict[str, Any]] = [
        {"type": "function_call", "name": "add", "args": {}},
        {"type": "function_call", "name": "sub", "args": {"b": 2}},
    ]
    [turn] = to_turns([AIMessage(content, tool_calls=[{**CALL, "id": call_id}])])
    assert [(call.name, call.arguments) for call in turn.tool_calls] == [("add", {"a": 1}), ("sub", {"b": 2})]
    assert len({call.id for call in turn.tool_calls}) == 2


def test_an_id_that_is_used_again_names_the_latest_call() -> None:
    """Providers that count calls in each message anew do not mix up the results."""
    turns = to_turns(
        [
            AIMessage("", tool_calls=[tool_call(name="add", args={}, id="0")]),
            ToolMessage("3", tool_call_id="0"),
            AIMessage("", tool_calls=[tool_call(name="sub", args={}, id="0")]),
            ToolMessage("4", tool_call_id="0"),
        ]
    )
    assert [turn.name for turn in turns if turn.role == "tool"] == ["add", "sub"]
    ids = [call.id for turn in turns for call in turn.tool_calls]
    assert ids == ["0", "0_2"]
    assert [turn.tool_call_id for turn in turns if turn.role == "tool"] == ids


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            invalid_tool_call(name=None, args='<|tool_call|>[{"a" 1', id="1", error="?"),
            '<|tool_call|>[{"a" 1',
        ),
        (invalid_tool_call(name="add", args='{"a" 1', id="1", error="?"), 'add({"a" 1)'),
        (invalid_tool_call(name="add", args="{}", id=None, error=None), "add({})"),
    ],
)
def test_an_unreadable_call_goes_back_as_it_was(call: Any, text: str) -> None:
    """The model sees the text of its broken call, as words: it can do better."""
    [turn] = to_turns([AIMessage("", invalid_tool_calls=[call])])
    assert turn == Turn(role="assistant", text=text)


@pytest.mark.parametrize("args", [None, "", "  ", "null"])
def test_a_call_without_arguments_is_one(args: str | None) -> None:
    """Other integrations cannot parse it, and list it as invalid (langchain 27602)."""
    call = invalid_tool_call(name="now", args=args, id="1", error="?")
    turns = to_turns([AIMessage("", invalid_tool_calls=[call]), ToolMessage("noon", tool_call_id="1")])

    assert turns[0] == Turn(role="assistant", tool_calls=(ToolCall("1", "now"),))
    assert turns[1].name == "now"


def test_openais_call_without_arguments_is_one() -> None:
    """As core reads it from an answer of OpenAI's."""
    function = {"name": "now", "arguments": ""}
    kept = {"tool_calls": [{"id": "1", "type": "function", "function": function}]}

    [turn] = to_turns([AIMessage("", additional_kwargs=kept)])

    assert turn.tool_calls == (ToolCall("1", "now"),)


def test_arguments_of_any_type_are_written_as_json_would() -> None:
    """Tools of others are called with dates and the like (agent-framework 2219)."""
    args = {"at": datetime(2026, 1, 2, tzinfo=UTC), "ids": {UUID(int=1)}, "raw": b"x", "x": math.nan}
    written = '{"at": "2026-01-02T00:00:00Z", "ids": ["00000000-0000-0000-0000-000000000001"]'

    message = AIMessage("", tool_calls=[tool_call(name="add", args=args, id="1")])

    assert f'{written}, "raw": "x", "x": null}}' in prompt([HumanMessage("hi"), message])
    assert message.tool_calls[0]["args"]["ids"] == {UUID(int=1)}


def test_an_argument_that_json_cannot_hold_is_named() -> None:
    """Which message, which call, and which argument."""
    message = AIMessage("", tool_calls=[CALL, tool_call(name="sub", args={"b": object()}, id="2")])

    with pytest.raises(InvalidInput) as refused:
        to_turns([HumanMessage("hi"), message])

    assert refused.value.what == (
        "messages[1] (AIMessage): The tool calls cannot be written as JSON: the argument 'b' of the call of"
        " 'sub': object is not a JSON type"
    )


def test_an_unreadable_call_in_the_content_is_told_once() -> None:
    """A broken call that stands in both places is told once, and its result has its name."""
    broken = invalid_tool_call(name="add", args="{", id="1", error="?")
    content: list[str | dict[str, Any]] = ["Hm.", {"type": "tool_use", "id": "1", "name": "add", "input": {}}]
    turns = to_turns(
        [AIMessage(content, invalid_tool_calls=[broken]), ToolMessage("Malformed", tool_call_id="1")]
    )
    assert said(*turns) == [("assistant", "Hm.\nadd({)"), ("tool", "Malformed")]
    assert turns[1].name == "add"


def test_chunks_call_too() -> None:
    """A chunk's pieces of calls are read as core reads them, a broken one as broken."""
    chunk = AIMessageChunk(
        content="",
        tool_call_chunks=[
            tool_call_chunk(name="add", args='{"a": 1}', id="1", index=0),
            tool_call_chunk(name="add", args="oops", id="2", index=1),
        ],
    )
    [turn] = to_turns([chunk])
    assert (turn.text, turn.tool_calls) == ("add(oops)", (ToolCall("1", "add", {"a": 1}),))


def test_functions_of_old() -> None:
    """OpenAI's first form of calls is told, also one that cannot be read."""
    old = {"function_call": {"name": "add", "arguments": '{"a": 1}'}}
    turns = to_turns([AIMessage("", additional_kwargs=old), FunctionMessage(content="3", name="add")])
    assert [(call.name, call.arguments) for call in turns[0].tool_calls] == [("add", {"a": 1})]
    assert said(turns[1]) == [("tool", "3")]
    broken = {"function_call": {"name": "add", "arguments": "{"}}
    assert said(*to_turns([AIMessage("", additional_kwargs=broken)])) == [("assistant", "add({)")]
    twice = AIMessage("", additional_kwargs=old, tool_calls=[CALL])
    assert len(to_turns([twice])[0].tool_calls) == 1
    unread = AIMessage(
        "", additional_kwargs=old, invalid_tool_calls=[invalid_tool_call(name="add", args="{", id="1")]
    )
    assert to_turns([unread]) == [Turn(role="assistant", text="add({)")]


def test_results_among_a_users_words() -> None:
    """Anthropic's results stand in a user's message: each is a turn of its own, in order."""
    messages = [
        AIMessage([{"type": "tool_use", "id": "1", "name": "add", "input": {}}]),
        HumanMessage(
            [
                {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "3"}]},
                {"type": "tool_result", "tool_use_id": "9", "content": "?", "is_error": True},
                {"type": "text", "text": "And now?"},
            ]
        ),
    ]
    turns = to_turns(messages)
    assert said(*turns[1:]) == [("tool", "3"), ("tool", "Error: ?"), ("user", "And now?")]
    assert [(turn.tool_call_id, turn.name) for turn in turns[1:3]] == [("1", "add"), ("9", None)]


def test_a_result_within_a_result() -> None:
    """A tool message that holds Anthropic's result is that result."""
    block = {"type": "tool_result", "tool_use_id": "1", "content": ["3", PICTURE], "is_error": True}
    [turn] = to_turns([ToolMessage(["So: ", block], tool_call_id="1")])
    assert turn.parts == ("Error: So: 3", Media(PNG))


def test_a_search_at_the_provider() -> None:
    """What another provider's own tool did is told in order: the call, what it gave, the words after it."""
    content: list[str | dict[str, Any]] = [
        {"type": "text", "text": "I look."},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "rain"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "title": "Rain", "encrypted_content": "xyz"}],
        },
        {"type": "text", "text": "It rains.", "citations": [{"url": URL}]},
    ]
    metadata = {"model_provider": "anthropic"}
    turns = to_turns([AIMessage(content, response_metadata=metadata, tool_calls=[CALL])])
    assert said(*turns) == [
        ("assistant", "I look."),
        ("tool", '{"type": "web_search_result", "title": "Rain"}'),
        ("assistant", "It rains."),
    ]
    assert turns[0].tool_calls == (ToolCall("s", "web_search", {"query": "rain"}),)
    assert (turns[1].tool_call_id, turns[1].name) == ("s", "web_search")
    assert turns[2].tool_calls == (ToolCall("1", "add", {"a": 1}),)


def test_words_after_a_call_come_after_it() -> None:
    """Words that follow a call are a turn of their own: a turn's calls stand at its end."""
    call = {"type": "tool_use", "id": "1", "name": "add", "input": {}}
    turns = to_turns([AIMessage(["Before.", call, "After."])])
    assert [(turn.text, len(turn.tool_calls)) for turn in turns] == [("Before.", 1), ("After.", 0)]


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"refusal": "I will not."}, "I will not."),
        ({"refusal": None}, ""),
        ({"audio": {"id": "a", "data": "xx", "transcript": "Hello."}}, "Hello."),
        ({"reasoning_content": "Hm."}, ""),
    ],
)
def test_words_beside_the_content(kwargs: dict[str, Any], text: str) -> None:
    """What OpenAI's messages say beside their content is told; thoughts are not."""
    turns = to_turns([AIMessage("", additional_kwargs=kwargs)])
    assert "".join(turn.text for turn in turns) == text


def test_a_message_of_the_responses_api() -> None:
    """A message of OpenAI's newer API is told as one of the older is."""
    content: list[str | dict[str, Any]] = [
        {"type": "reasoning", "id": "rs", "summary": []},
        {"type": "text", "text": "I add.", "annotations": [], "index": 1},
        {"type": "function_call", "id": "fc", "call_id": "1", "name": "add", "arguments": '{"a": 1}'},
    ]
    metadata = {"model_provider": "openai"}
    [turn] = to_turns([AIMessage(content, response_metadata=metadata, tool_calls=[CALL])])
    assert turn == Turn(role="assistant", text="I add.", tool_calls=(ToolCall("1", "add", {"a": 1}),))


def test_a_message_of_version_1() -> None:
    """An answer kept as core's standard blocks is told as its text and calls."""
    blocks = [{"type": "text", "text": "I add."}, {**CALL, "extras": {}}]
    message = AIMessage(content_blocks=blocks, response_metadata={"output_version": "v1"})  # type: ignore[arg-type]
    [turn] = to_turns([message])
    assert turn == Turn(role="assistant", text="I add.", tool_calls=(ToolCall("1", "add", {"a": 1}),))


# --- for any history ----------------------------------------------------------------------------------

_TEXT = st.text(max_size=6)
_BLOCKS = st.lists(
    _TEXT
    | st.builds(lambda text: {"type": "text", "text": text, "index": 0}, _TEXT)
    | st.just(PICTURE)
    | st.builds(lambda text: {"type": "thinking", "thinking": text, "index": 1}, _TEXT),
    max_size=4,
)
_CONTENT = _TEXT | _BLOCKS
_CALLS = st.lists(
    st.builds(
        lambda name, id_: tool_call(name=name, args={"n": 1}, id=id_),
        st.sampled_from(["add", "sub"]),
        st.sampled_from(["0", "1"]) | st.none(),
    ),
    max_size=2,
)
_NAMES = st.none() | st.sampled_from(["Ann", "Bob"])
_MESSAGES = st.lists(
    st.builds(HumanMessage, _CONTENT, name=_NAMES)
    | st.builds(SystemMessage, _CONTENT)
    | st.builds(
        AIMessage,
        _CONTENT,
        name=_NAMES,
        tool_calls=_CALLS,
        response_metadata=st.sampled_from([{}, {"model_provider": "anthropic"}]),
    )
    | st.builds(ToolMessage, _CONTENT, tool_call_id=st.sampled_from(["0", "1"]), status=st.just("error")),
    max_size=6,
)


@settings(deadline=None)
@given(messages=_MESSAGES)
def test_nothing_is_lost_or_changed(messages: list[BaseMessage]) -> None:
    """All words, pictures and calls arrive, in order; ids are unique; what was passed is as it was."""
    before = copy.deepcopy(messages)
    turns = to_turns(messages)
    assert messages == before
    told = iter("".join(turn.text for turn in turns))
    assert all(letter in told for message in messages for letter in str(message.text))
    pictures = sum(
        block == PICTURE
        for message in messages
        if isinstance(message.content, list)
        for block in message.content
    )
    assert sum(len(turn.media) for turn in turns) == pictures
    calls = [call for turn in turns for call in turn.tool_calls]
    wanted = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    assert [(call.name, call.arguments) for call in calls] == [
        (call["name"], call["args"]) for call in wanted
    ]
    assert len({call.id for call in calls}) == len(calls)
