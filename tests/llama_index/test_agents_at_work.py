"""Agents that solve tasks in several steps on our own Space, with the offline model deciding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.agent.react import ReActChatFormatter
from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from servers import ROOT, Servers
from stage import Stage

from llama_index_phi4 import Phi4
from phi4_space import SpaceClient

pytestmark = [
    pytest.mark.anyio,
    # core's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning:inspect"),
    # core's ReActAgent asks that in each step
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]
CORPUS = ROOT / "examples" / "llama_index" / "corpus"
TASK = "What do 3 nights cost? Convert the result to euros."
STEPS = [
    ("price_of_nights", {"nights": 3}, "42 crowns"),
    ("convert_to_euros", {"crowns": 42}, "3.65 euros"),
]


def price_of_nights(nights: int) -> str:
    """Tells what some nights at a berth cost, in crowns."""
    return f"{14 * nights} crowns"


def convert_to_euros(crowns: float) -> str:
    """Converts an amount of crowns to euros."""
    return f"{crowns / 11.5:.2f} euros"


def ferry_times(destination: str) -> str:
    """Tells when the ferry to a destination leaves."""
    return f"The ferry to the {destination} leaves at nine."


def show_flag() -> ImageBlock:
    """Shows the picture of the flag."""
    return ImageBlock(path=CORPUS / "flag.png")


@pytest.fixture
def llm(own_space: Stage) -> Iterator[Phi4]:
    """Phi4 on our own Space, recorded or live."""
    with own_space.client() as client:
        yield Phi4(client=client, local_files=CORPUS)


async def solve(
    agent: FunctionAgent | ReActAgent | AgentWorkflow, task: str | ChatMessage, **told: Any
) -> Any:
    """What an agent says at last, its calls with their results, and what it streamed."""
    run = agent.run(task, **told)
    heard = [event async for event in run.stream_events()]
    output: AgentOutput = await run
    calls = [
        (event.tool_name, event.tool_kwargs, str(event.tool_output))
        for event in heard
        if isinstance(event, ToolCallResult)
    ]
    return output, calls, [event.delta for event in heard if isinstance(event, AgentStream)]


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
async def test_a_function_agent_solves_a_task_of_two_steps(llm: Phi4, *, streaming: bool) -> None:
    """The second call takes what the first returned; no markup of calls reaches who watches."""
    agent = FunctionAgent(llm=llm, tools=[price_of_nights, convert_to_euros], streaming=streaming)

    output, calls, deltas = await solve(agent, TASK)

    assert calls == STEPS
    assert "3.65 euros" in str(output)
    assert "<|" not in "".join(deltas)
    assert ("".join(deltas) == str(output)) is streaming


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
async def test_a_react_agent_solves_it_by_prompts_alone(llm: Phi4, *, streaming: bool) -> None:
    """The same task, the same steps, without native calls."""
    plain = llm.model_copy(update={"is_function_calling_model": False})
    agent = ReActAgent(llm=plain, tools=[price_of_nights, convert_to_euros], streaming=streaming)

    output, calls, _ = await solve(agent, TASK)

    assert [(name, told) for _, name, told in calls] == [(name, told) for _, name, told in STEPS]
    assert "3.65 euros" in str(output)


async def test_a_question_on_a_picture_keeps_it_through_the_steps(llm: Phi4) -> None:
    """After a tool was called, the answer still comes from the pixels, too."""
    question = "What do 3 nights cost, and what colour is the ferry in the picture?"
    blocks = [ImageBlock(path=CORPUS / "ferry.png"), TextBlock(text=question)]

    output, calls, _ = await solve(
        FunctionAgent(llm=llm, tools=[price_of_nights]), ChatMessage(role="user", blocks=blocks)
    )

    assert calls == STEPS[:1]
    assert "42 crowns" in str(output)
    assert "blue" in str(output)


async def test_a_tool_may_return_a_picture(llm: Phi4) -> None:
    """The Space looks at it."""
    output, calls, _ = await solve(FunctionAgent(llm=llm, tools=[show_flag]), "Show me the flag.")

    assert [name for name, *_ in calls] == ["show_flag"]
    assert "yellow" in str(output)
    assert "128 x 96" in str(output)


async def test_a_memory_goes_on(llm: Phi4) -> None:
    """A second run knows the first."""
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    agent = FunctionAgent(llm=llm, tools=[price_of_nights])

    await solve(agent, "My name is Ada.", memory=memory)
    output, calls, _ = await solve(agent, "What is my name?", memory=memory)

    assert calls == []
    assert "Ada" in str(output)


def office(llm: Phi4, kind: type[FunctionAgent | ReActAgent] = FunctionAgent) -> AgentWorkflow:
    """A clerk, who is asked first, and a purser; each may hand over to the other."""
    clerk = kind(
        name="clerk",
        description="Knows the berths: what they cost and which are free.",
        llm=llm,
        tools=[FunctionTool.from_defaults(price_of_nights)],
        can_handoff_to=["purser"],
    )
    purser = kind(
        name="purser",
        description="Knows the ferry: when it leaves and where it goes.",
        llm=llm,
        tools=[FunctionTool.from_defaults(ferry_times)],
        can_handoff_to=["clerk"],
    )
    return AgentWorkflow(agents=[clerk, purser], root_agent="clerk")


async def test_agents_hand_over_what_another_knows(llm: Phi4) -> None:
    """The clerk hands the question on, the purser calls a tool of its own and answers."""
    output, calls, _ = await solve(office(llm), "When does the ferry leave for the island?")

    assert [(name, told.get("to_agent")) for name, told, _ in calls] == [
        ("handoff", "purser"),
        ("ferry_times", None),
    ]
    assert output.current_agent_name == "purser"
    assert "The ferry to the island leaves at nine." in str(output)


async def test_no_agent_hands_over_what_it_knows(llm: Phi4) -> None:
    """The clerk answers questions on berths."""
    output, calls, _ = await solve(office(llm), "What do 3 nights cost?")

    assert calls == STEPS[:1]
    assert output.current_agent_name == "clerk"


async def test_react_agents_hand_over(llm: Phi4) -> None:
    """By prompts alone, too."""
    plain = llm.model_copy(update={"is_function_calling_model": False})

    output, calls, _ = await solve(office(plain, ReActAgent), "When does the ferry leave for the island?")

    assert [name for name, *_ in calls] == ["handoff", "ferry_times"]
    assert "leaves at nine" in str(output)


@pytest.mark.loopback
async def test_two_calls_at_once_are_both_carried_out(servers: Servers) -> None:
    """What the clerk knows and what it hands on, in one turn; live, as either may be done first."""
    task = "What do 3 nights cost, and when does the ferry leave for the island?"
    async with SpaceClient(servers.url("answering")) as client:
        output, calls, _ = await solve(office(Phi4(client=client)), task)

    assert sorted(name for name, *_ in calls[:2]) == ["handoff", "price_of_nights"]
    assert [name for name, *_ in calls[2:]] == ["ferry_times"]
    assert "42 crowns" in str(output)
    assert "leaves at nine" in str(output)


def test_predict_and_call_makes_the_call(llm: Phi4) -> None:
    """Plainly."""
    tools = [FunctionTool.from_defaults(price_of_nights), FunctionTool.from_defaults(ferry_times)]

    assert str(llm.predict_and_call(tools, "What do 3 nights cost?")) == "42 crowns"


async def test_predict_and_call_makes_the_call_asynchronously(llm: Phi4) -> None:
    """In a coroutine, and two calls at once where they are allowed."""
    tools = [FunctionTool.from_defaults(price_of_nights), FunctionTool.from_defaults(ferry_times)]
    task = "What do 3 nights cost, and when does the ferry leave for the island?"

    response = await llm.apredict_and_call(tools, task, allow_parallel_tool_calls=True)

    assert [source.content for source in response.sources] == [
        "42 crowns",
        "The ferry to the island leaves at nine.",
    ]


def test_predict_and_call_works_by_prompts_alone(llm: Phi4) -> None:
    """Core's ReAct takes over where functions are not called natively."""
    plain = llm.model_copy(update={"is_function_calling_model": False})

    response = plain.predict_and_call(
        [FunctionTool.from_defaults(price_of_nights)],
        "What do 3 nights cost?",
        react_chat_formatter=ReActChatFormatter(),
        output_parser=ReActOutputParser(),
    )

    assert "42 crowns" in str(response)
