"""Thoughts and files of an answer, as LangChain has them: reasoning blocks and metadata."""

from __future__ import annotations

from functools import reduce
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, replaced
from thinking import answer, snapshot, thinking_space, thinks

from langchain_phi4 import ChatPhi4
from phi4_space import Environment, ReplyFile, SpaceClient

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_waiting"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]
CALL = '<|tool_call|>[{"name": "look", "arguments": {}}]<|/tool_call|>'
STATES = (
    answer("", ["Let me", "Thinking"]),
    answer("", ["Let me see.", "Thinking"]),
    answer("It is", ["Let me see.", "Thinking"]),
    answer("It is so.", ["Let me see.", "Thinking"]),
)
WHOLE = [{"type": "reasoning", "reasoning": "Let me see."}, {"type": "text", "text": "It is so."}]


@tool
def look() -> str:
    """Looks."""
    return "blue"


def chat(space: ScriptedSpace, **options: Any) -> ChatPhi4:
    return ChatPhi4(client=SpaceClient(URL, environment=Environment(transport=space)), **options)


def summed(chunks: list[Any]) -> AIMessageChunk:
    return reduce(lambda one, other: one + other, chunks)  # type: ignore[no-any-return] # chunks


def blocks(message: Any) -> list[dict[str, Any]]:
    """The blocks, without their numbers."""
    return [
        {name: value for name, value in block.items() if name != "index"} for block in message.content_blocks
    ]


async def test_a_whole_answer_has_a_reasoning_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text remains a string, and is the text alone."""
    model = chat(thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES)))

    for message in (model.invoke("Why?"), await model.ainvoke("Why?")):
        assert blocks(message) == WHOLE
        assert message.content == message.text == "It is so."
        assert message.response_metadata["thoughts"] == [{"title": "Thinking", "text": "Let me see."}]


async def test_reasoning_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it grows, before the text; the chunks make up the whole message."""
    model = chat(thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES)))

    for chunks in (list(model.stream("Why?")), [chunk async for chunk in model.astream("Why?")]):
        assert [block for chunk in chunks for block in blocks(chunk)] == [
            {"type": "reasoning", "reasoning": "Let me"},
            {"type": "reasoning", "reasoning": " see."},
            {"type": "text", "text": "It is"},
            {"type": "text", "text": " so."},
        ]
        assert blocks(summed(chunks)) == WHOLE
        assert summed(chunks).text == "It is so."
        assert summed(chunks).response_metadata["thoughts"][0]["title"] == "Thinking"


async def test_version_1_has_reasoning_in_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is the same blocks, streamed or whole; a thought after text is a block of its own."""
    states = [answer("It", "Well."), answer("It", "Well.", "So."), answer("It is.", "Well.", "So.")]
    space = thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES), thinks(*states))
    model = chat(space, output_version="v1")

    assert blocks(model.invoke("Why?")) == model.invoke("Why?").content == WHOLE
    assert blocks(summed(list(model.stream("Why?")))) == [
        {"type": "reasoning", "reasoning": "Well."},
        {"type": "text", "text": "It"},
        {"type": "reasoning", "reasoning": "\n\nSo."},
        {"type": "text", "text": " is."},
    ]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("text", ["", "I look. "])
def test_calls_come_after_thoughts_and_text(monkeypatch: pytest.MonkeyPatch, version: str, text: str) -> None:
    """A call has a number of its own, so that it is merged into neither."""
    states = [answer("", "Hm."), answer(f"{text}{CALL}", "Hm.")]
    model = chat(thinking_space(monkeypatch, thinks(*states)), output_version=version)

    message = summed(list(model.bind_tools([look]).stream("Look.")))

    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", *(["text"] if text else []), "tool_call"]
    assert message.text == text
    assert [call["name"] for call in message.tool_calls] == ["look"]


async def test_event_streams_have_reasoning(monkeypatch: pytest.MonkeyPatch) -> None:
    """`astream_events`, in its second and third version."""
    model = chat(thinking_space(monkeypatch, *(thinks(*STATES) for _ in range(3))))

    chunks = [
        event["data"]["chunk"]
        async for event in model.astream_events("Why?", version="v2")
        if event["event"] == "on_chat_model_stream"
    ]
    assert blocks(summed(chunks)) == WHOLE

    stream = await model.astream_events("Why?", version="v3")
    assert "".join([part async for part in stream.reasoning]) == "Let me see."
    events_of_v3 = list(model.stream_events("Why?", version="v3"))
    finished = [event["content"] for event in events_of_v3 if event["event"] == "content-block-finish"]
    assert [block["type"] for block in finished] == ["reasoning", "text"]


@pytest.mark.parametrize(
    ("states", "streamed", "at_the_end"),
    [
        ([["one"], ["one", "two"]], "one\n\ntwo", ["one", "two"]),
        ([["one"], ["one more"]], "one more", ["one more"]),
        ([["wait"], ["well"]], "wait\n\nwell", ["well"]),
        ([["one"], []], "one", []),
        ([["one"], ["one", "two"], ["one more", "two"]], "one\n\ntwo\n\n more", ["one more", "two"]),
    ],
)
def test_thoughts_that_change_follow_each_other(
    monkeypatch: pytest.MonkeyPatch, states: list[list[str]], streamed: str, at_the_end: list[str]
) -> None:
    """Chunks cannot be withdrawn; the metadata have the thoughts as they were at the end."""
    outputs = [*(answer("", *state) for state in states), answer("Yes.", *states[-1])]

    message = summed(list(chat(thinking_space(monkeypatch, thinks(*outputs))).stream("Why?")))

    assert message.additional_kwargs == {"reasoning_content": streamed}
    told = message.response_metadata.get("thoughts", [])
    assert [one["text"] for one in told] == at_the_end


def test_thoughts_of_a_repeated_attempt_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that showed thoughts alone is tried again."""
    broken = events(ESTIMATION, STARTS, snapshot(answer("", "Let me see")), httpx.ReadError("gone"))
    space = thinking_space(monkeypatch, broken, thinks(answer("Yes.", "Let us look.")))

    message = summed(list(chat(space).stream("Why?")))

    assert (message.text, message.additional_kwargs["reasoning_content"]) == (
        "Yes.",
        "Let me see\n\nLet us look.",
    )


def test_an_answer_without_thoughts_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a block nor a key."""
    message = chat(thinking_space(monkeypatch, thinks(answer("Yes.")))).invoke("Why?")

    assert blocks(message) == [{"type": "text", "text": "Yes."}]
    assert message.additional_kwargs == {}
    assert not {"thoughts", "reply_files"} & message.response_metadata.keys()


def test_a_history_is_sent_without_thoughts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever form a message has them in: our own, whole or streamed, and that of content blocks."""
    jobs = [thinks(*STATES) for _ in range(4)]
    space = thinking_space(monkeypatch, *jobs)
    model, first = chat(space), chat(space, output_version="v1")
    told = [model.invoke("Why?"), first.invoke("Why?"), summed(list(model.stream("Why?")))]
    blocks_of_others = AIMessage(
        content=[{"type": "thinking", "thinking": "Let me see."}, {"type": "text", "text": "It is so."}]
    )

    history = [one for message in (*told, blocks_of_others) for one in (HumanMessage("Why?"), message)]
    model.invoke([*history, HumanMessage("Sure?")])

    sent = str(space.bodies("join")[-1])
    assert "Let me see" not in sent
    assert sent.count("It is so.") == 4


def test_agents_go_on_with_thoughts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages of an agent keep them; the model is asked without."""
    space = thinking_space(
        monkeypatch,
        thinks(answer("", "I should look."), answer(CALL, "I should look.")),
        thinks(answer("Blue.", "It says blue.")),
    )

    result = create_agent(chat(space), [look]).invoke({"messages": [HumanMessage("What colour?")]})

    _, calling, _, last = result["messages"]
    assert [block["type"] for block in calling.content_blocks] == ["reasoning", "tool_call"]
    assert blocks(last)[0] == {"type": "reasoning", "reasoning": "It says blue."}
    assert "I should look" not in str(space.bodies("join")[1])


class City(BaseModel):
    """A city."""

    name: str


def test_structured_output_is_read_from_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON in a thought is none of the answer."""
    states = [answer("", '{"name": "Lima"}'), answer('{\n  "name": "Oslo"\n}', '{"name": "Lima"}')]
    model = chat(thinking_space(monkeypatch, thinks(*states), thinks(*states)))

    structured = model.with_structured_output(City)

    assert structured.invoke("Where?") == City(name="Oslo")
    assert list(structured.stream("Where?"))[-1] == City(name="Oslo")


async def test_files_are_in_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamed or whole; each makes a `ReplyFile` again, which the client reads."""
    chart = ("/srv/chart.png", "chart.png", "image/png")
    jobs = [thinks(answer("", files=[chart])) for _ in range(2)]
    space = thinking_space(monkeypatch, *jobs)
    space.script["chart.png"] = [httpx.Response(200, content=b"PNG")]
    model = chat(space)

    for message in (model.invoke("Draw."), summed(list(model.stream("Draw.")))):
        assert message.text == ""
        assert [ReplyFile(**file) for file in message.response_metadata["reply_files"]] == [ReplyFile(*chart)]
    client = SpaceClient(URL, environment=Environment(transport=space))
    assert await client.aread_file(ReplyFile(**message.response_metadata["reply_files"][0])) == b"PNG"


INDENTED = [
    generating("Birds:\n- gulls"),
    replaced("Birds:\n  - gulls\nFish"),
    completed("Birds:\n  - gulls\nFish"),
]


def test_indented_text_is_streamed_once() -> None:
    """A list that Gradio tidies as it grows is not repeated; the metadata have it as it was last."""
    message = summed(list(chat(ScriptedSpace({"data": [events(ESTIMATION, STARTS, *INDENTED)]})).stream("?")))

    assert message.text == "Birds:\n- gulls\nFish"
    assert message.response_metadata["final_text"] == "Birds:\n  - gulls\nFish"


def test_indented_text_is_whole_in_messages() -> None:
    """Whoever waits for the answer gets it as it was last."""
    message = chat(ScriptedSpace({"data": [events(ESTIMATION, STARTS, *INDENTED)]})).invoke("?")

    assert message.text == "Birds:\n  - gulls\nFish"
    assert "final_text" not in message.response_metadata
