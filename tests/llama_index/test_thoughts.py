"""Thoughts and files of an answer, as LlamaIndex has them: thinking blocks and raw."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ThinkingBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from phi4s import phi4
from pydantic import BaseModel
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, replaced
from thinking import answer, snapshot, thinking_space, thinks

from phi4_space import Environment, ReplyFile, SpaceClient

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_waiting"),
    # Of the workflows below core's agents.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

CALL = '<|tool_call|>[{"name": "look", "arguments": {}}]<|/tool_call|>'
STATES = (
    answer("", ["Let me", "Thinking"]),
    answer("", ["Let me see.", "Thinking"]),
    answer("It is", ["Let me see.", "Thinking"]),
    answer("It is so.", ["Let me see.", "Thinking"]),
)
THOUGHT = ThinkingBlock(content="Let me see.", additional_information={"title": "Thinking"})
WHY = [ChatMessage("Why?")]


def thinking_deltas(responses: list[ChatResponse]) -> list[str]:
    """What is new of thoughts, response by response."""
    told = [response.additional_kwargs.get("thinking_delta") for response in responses]
    return [delta for delta in told if delta is not None]


def thoughts(message: ChatMessage) -> list[str | None]:
    return [block.content for block in message.blocks if isinstance(block, ThinkingBlock)]


async def test_a_whole_answer_has_a_thinking_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands behind the text, which core looks for first; `content` is the text alone."""
    llm = phi4(thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES)))

    for response in (llm.chat(WHY), await llm.achat(WHY)):
        assert response.message.blocks == [TextBlock(text="It is so."), THOUGHT]
        assert response.message.content == "It is so."
        assert response.additional_kwargs == {}


async def test_thoughts_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As core's agents expect it: what is new is `thinking_delta`, and the message has all so far."""
    llm = phi4(thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES)))
    streams = [list(llm.stream_chat(WHY)), [response async for response in await llm.astream_chat(WHY)]]

    for responses in streams:
        assert thinking_deltas(responses) == ["Let me", " see."]
        assert [response.delta for response in responses] == ["", "", "It is", " so.", ""]
        assert thoughts(responses[0].message) == ["Let me"]
        assert responses[0].message.content == ""
        assert responses[-1].message.blocks == [TextBlock(text="It is so."), THOUGHT]


def test_completions_have_the_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new of thoughts goes along while they are streamed."""
    llm = phi4(thinking_space(monkeypatch, thinks(*STATES), thinks(*STATES)))

    assert llm.complete("Why?").text == "It is so."
    streamed = list(llm.stream_complete("Why?"))
    assert "".join(response.delta or "" for response in streamed) == streamed[-1].text == "It is so."
    assert streamed[0].additional_kwargs == {"thinking_delta": "Let me"}


@pytest.mark.parametrize(
    ("states", "deltas", "at_the_end"),
    [
        ([["one"], ["one", "two"]], ["one", "\n\ntwo"], ["one", "two"]),
        ([["wait"], ["well"]], ["wait", "\n\nwell"], ["well"]),
        ([["one", "two"], ["one"]], ["one", "\n\ntwo"], ["one"]),
        ([["one", "two"], ["one more", "two"]], ["one", "\n\ntwo", "\n\n more"], ["one more", "two"]),
        ([["one"], []], ["one"], []),
        ([[""], ["one"]], ["one"], ["one"]),
    ],
)
def test_thoughts_that_change(
    monkeypatch: pytest.MonkeyPatch, states: list[list[str]], deltas: list[str], at_the_end: list[str]
) -> None:
    """Deltas cannot be withdrawn; each message has the thoughts as they are then."""
    outputs = [*(answer("", *state) for state in states), answer("Yes.", *states[-1])]

    responses = list(phi4(thinking_space(monkeypatch, thinks(*outputs))).stream_chat(WHY))

    assert thinking_deltas(responses) == deltas
    assert [thoughts(response.message) for response in responses[-2:]] == [at_the_end] * 2


def test_a_title_alone_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that has a name and no text is one; what has neither is none."""
    llm = phi4(thinking_space(monkeypatch, thinks(answer("Yes.", ["", "Searched the web"], ["", None]))))

    _, *blocks = llm.chat(WHY).message.blocks

    assert blocks == [ThinkingBlock(content="", additional_information={"title": "Searched the web"})]


def test_thoughts_of_a_repeated_attempt_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that showed thoughts alone is tried again."""
    broken = events(ESTIMATION, STARTS, snapshot(answer("", "Let me see")), httpx.ReadError("gone"))
    space = thinking_space(monkeypatch, broken, thinks(answer("Yes.", "Let us look.")))

    responses = list(phi4(space).stream_chat(WHY))

    assert thinking_deltas(responses) == ["Let me see", "\n\nLet us look."]
    assert thoughts(responses[-1].message) == ["Let us look."]


def test_a_history_is_sent_without_thoughts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own messages, streamed or whole, and those of others."""
    space = thinking_space(monkeypatch, *(thinks(*STATES) for _ in range(3)))
    llm = phi4(space)
    mine = [llm.chat(WHY).message, list(llm.stream_chat(WHY))[-1].message]
    others = ChatMessage(role="assistant", blocks=[THOUGHT, TextBlock(text="It is so.")])

    history = [one for message in (*mine, others) for one in (*WHY, message)]
    llm.chat([*history, ChatMessage("Sure?")])

    sent = str(space.bodies("join")[-1])
    assert "Let me see" not in sent
    assert sent.count("It is so.") == 3


def look() -> str:
    """Looks."""
    return "blue"


async def test_agents_stream_thoughts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AgentStream.thinking_delta` has them; the model goes on without."""
    space = thinking_space(
        monkeypatch,
        thinks(answer("", "I should look."), answer(CALL, "I should look.")),
        thinks(answer("", "It says blue."), answer("Blue.", "It says blue.")),
    )
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(look)], llm=phi4(space))

    running = agent.run("What colour?")
    streamed = [event async for event in running.stream_events() if isinstance(event, AgentStream)]
    result = await running

    assert [event.thinking_delta for event in streamed if event.thinking_delta] == [
        "I should look.",
        "It says blue.",
    ]
    assert str(result) == "Blue."
    assert "I should look" not in str(space.bodies("join")[1])


class City(BaseModel):
    """A city."""

    name: str


def test_structured_output_is_read_from_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON in a thought is none of the answer, streamed or whole."""
    states = [answer("", '{"name": "Lima"}'), answer('{\n  "name": "Oslo"\n}', '{"name": "Lima"}')]
    llm = phi4(thinking_space(monkeypatch, thinks(*states), thinks(*states)))

    assert llm.structured_predict(City, PromptTemplate("Where?")) == City(name="Oslo")
    partials = [
        getattr(one, "name", None) for one in llm.stream_structured_predict(City, PromptTemplate("?"))
    ]
    assert partials[-1] == "Oslo"
    assert "Lima" not in partials


async def test_files_are_in_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes a `ReplyFile` again, which the client reads; `files` are those that were sent."""
    chart = ("/srv/chart.png", "chart.png", None)
    space = thinking_space(monkeypatch, *(thinks(answer("", files=[chart])) for _ in range(2)))
    space.script["chart.png"] = [httpx.Response(200, content=b"PNG")]
    llm = phi4(space)

    for response in (llm.chat(WHY), list(llm.stream_chat(WHY))[-1]):
        assert isinstance(response.raw, dict)
        (file,) = [ReplyFile(**one) for one in response.raw["reply_files"]]
        assert file == ReplyFile(*chart)
        assert response.raw["files"] == []
    client = SpaceClient(URL, environment=Environment(transport=space))
    assert await client.aread_file(file) == b"PNG"


def test_indented_text_is_streamed_once() -> None:
    """A list that Gradio tidies as it grows is not repeated; the last message has it as it was last."""
    states: list[Any] = [
        generating("Birds:\n- gulls"),
        replaced("Birds:\n  - gulls\nFish"),
        completed("Birds:\n  - gulls\nFish"),
    ]

    responses = list(phi4(ScriptedSpace({"data": [events(ESTIMATION, STARTS, *states)]})).stream_chat(WHY))

    assert [response.delta for response in responses] == ["Birds:\n- gulls", "\nFish", ""]
    assert responses[-1].message.content == "Birds:\n  - gulls\nFish"
