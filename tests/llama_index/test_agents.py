from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.agent.react import ReActChatFormatter, ReActOutputParser
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from media import square
from phi4s import calling, in_pieces, phi4, prompts, saying, uploaded
from pydantic import BaseModel
from scripted import ESTIMATION, ScriptedSpace, events, failed

from llama_index_phi4 import Phi4
from phi4_space import SpaceError

# Core uses what pydantic and its workflows are about to drop, and leaves databases to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:<aiosqlite:ResourceWarning"),
]

RED, BLUE = square(255, 0, 0), square(0, 0, 255)


@pytest.fixture(autouse=True, scope="module")
def _swept() -> Iterator[None]:
    """The collector comes before the tests of other files, which do not expect what it finds."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "<aiosqlite", ResourceWarning)
        gc.collect()


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def double(number: int) -> int:
    """Doubles a number."""
    return 2 * number


def take_picture() -> ImageBlock:
    """Takes a picture."""
    return ImageBlock(image=BLUE)


async def run(agent: Any, message: Any, **told: Any) -> tuple[str, list[Any]]:
    """What an agent says at last, and its events."""
    handler = agent.run(message, **told)
    heard = [event async for event in handler.stream_events()]
    return str(await handler), heard


def results(heard: list[Any]) -> list[tuple[str, Any, str]]:
    """The calls that were carried out."""
    return [
        (event.tool_name, event.tool_kwargs, str(event.tool_output))
        for event in heard
        if isinstance(event, ToolCallResult)
    ]


def in_sevens(answer: str) -> Any:
    return in_pieces(*(answer[place : place + 7] for place in range(0, len(answer), 7)))


# --- FunctionAgent ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
def test_a_function_agent_takes_several_steps(streaming: bool) -> None:  # noqa: FBT001
    """Each result goes back to the model with its call, and the last answer is the agent's."""
    answers = ["I add. " + calling(("add", {"a": 1, "b": 2})), calling(("double", {"number": 3})), "It is 6."]
    space = ScriptedSpace({"data": [in_sevens(answer) for answer in answers]})
    agent = FunctionAgent(llm=phi4(space), tools=[add, double], streaming=streaming)

    said, heard = asyncio.run(run(agent, "Double 1 + 2."))

    assert said == "It is 6."
    assert results(heard) == [("add", {"a": 1, "b": 2}, "3"), ("double", {"number": 3}, "6")]
    last = prompts(space)[-1].split("\n")
    assert "Tool: add -> 3" in last
    assert "Tool: double -> 6" in last
    shown = "".join(event.delta for event in heard if isinstance(event, AgentStream))
    assert "tool_call" not in shown
    assert ("It is 6." in shown) is streaming


@pytest.mark.parametrize("streaming", [True, False])
def test_parallel_calls_are_all_carried_out(streaming: bool) -> None:  # noqa: FBT001
    """Two calls of one tool in one answer have ids of their own, so that both results find their way."""
    space = saying(calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})), "3 and 7.")
    agent = FunctionAgent(llm=phi4(space), tools=[add], streaming=streaming)

    said, heard = asyncio.run(run(agent, "1 + 2 and 3 + 4?"))

    assert said == "3 and 7."
    assert sorted(output for *_, output in results(heard)) == ["3", "7"]
    assert "add (call 1) -> 3" in prompts(space)[1]
    assert "add (call 2) -> 7" in prompts(space)[1]


def test_pictures_stay_with_the_question_and_come_from_tools() -> None:
    """The user's picture goes along on each step, and a tool's picture reaches the model."""
    space = saying(calling(("take_picture", {})), "Red, and blue.")
    agent = FunctionAgent(llm=phi4(space), tools=[take_picture])
    question = ChatMessage(role="user", blocks=[ImageBlock(image=RED), TextBlock(text="Compare.")])

    said, _ = asyncio.run(run(agent, question))

    assert said == "Red, and blue."
    assert uploaded(space) == [1, 2]


def test_a_memory_keeps_the_pictures() -> None:
    """The next run knows what was shown in the one before."""
    space = saying("Red.", "It was red.")
    agent = FunctionAgent(llm=phi4(space), tools=[add])
    memory = Memory.from_defaults(session_id="one")
    question = ChatMessage(role="user", blocks=[ImageBlock(image=RED), TextBlock(text="Colour?")])

    async def twice() -> str:
        await run(agent, question, memory=memory)
        said, _ = await run(agent, "What was it?", memory=memory)
        return said

    assert asyncio.run(twice()) == "It was red."
    assert uploaded(space) == [1, 1]


def test_a_broken_call_is_no_text_and_not_carried_out() -> None:
    """Nothing is called with what nobody can read, and nobody reads it as an answer."""
    broken = '<|tool_call|>[{"name": "add", "arguments": {"a": 1, <|/tool_call|>'
    space = saying(f"I add: {broken}", broken)

    said, heard = asyncio.run(run(FunctionAgent(llm=phi4(space), tools=[add]), "1 + 2?"))

    assert said.strip() == "I add:"
    assert results(heard) == []


def test_a_call_that_has_to_come_and_cannot_be_read_is_named() -> None:
    """The error of `predict_and_call` says what was wrong with it."""
    broken = '<|tool_call|>[{"name": "add", "arguments": {"a": 1, <|/tool_call|>'

    with pytest.raises(ValueError, match="its JSON is invalid"):
        phi4(saying(broken, broken)).predict_and_call([FunctionTool.from_defaults(add)], "1 + 2?")


def test_nothing_but_a_broken_call_is_asked_for_once_more() -> None:
    """The client does that by itself."""
    space = saying("<|tool_call|>[{]<|/tool_call|>", calling(("add", {"a": 1, "b": 2})), "Three.")

    said, heard = asyncio.run(run(FunctionAgent(llm=phi4(space), tools=[add]), "1 + 2?"))

    assert said == "Three."
    assert len(results(heard)) == 1


@pytest.mark.parametrize("streaming", [True, False])
def test_an_initial_tool_choice_is_enforced(streaming: bool) -> None:  # noqa: FBT001
    """On the first step, and on that alone."""
    space = saying("No.", calling(("add", {"a": 1, "b": 2})), "Three.")
    agent = FunctionAgent(
        llm=phi4(space), tools=[add, double], initial_tool_choice="add", streaming=streaming
    )

    said, _ = asyncio.run(run(agent, "1 + 2?"))

    assert said == "Three."
    assert ["You must call the tool add." in prompt for prompt in prompts(space)] == [True, True, False]


class Sum(BaseModel):
    """A sum."""

    value: int


def test_an_agent_ends_in_an_object() -> None:
    """`output_cls` is a structured prediction at the end."""
    space = saying(calling(("add", {"a": 1, "b": 2})), "Three.", 'It is {"value": 3}.')
    agent = FunctionAgent(llm=phi4(space), tools=[add], output_cls=Sum)

    async def asked() -> Any:
        output: AgentOutput = await agent.run("1 + 2?")
        return output.structured_response

    assert asyncio.run(asked()) == {"value": 3}


def test_an_error_of_the_space_reaches_who_runs_the_agent() -> None:
    """By its own name and text."""
    space = ScriptedSpace({"data": [events(ESTIMATION, failed("No such luck"))]})

    with pytest.raises(SpaceError, match="No such luck"):
        asyncio.run(run(FunctionAgent(llm=phi4(space), tools=[add]), "1 + 2?"))


# --- the others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
def test_a_react_agent_works_by_prompts_alone(streaming: bool) -> None:  # noqa: FBT001
    """For models that are not to call functions; nothing of our own markup is in its way."""
    thought = 'Thought: I add.\nAction: add\nAction Input: {"a": 1, "b": 2}'
    space = saying(thought, "Thought: I can answer.\nAnswer: Three.")
    agent = ReActAgent(llm=phi4(space, is_function_calling_model=False), tools=[add], streaming=streaming)

    said, heard = asyncio.run(run(agent, "1 + 2?"))

    assert said == "Three."
    assert results(heard) == [("add", {"a": 1, "b": 2}, "3")]
    assert "<|tool|>" not in prompts(space)[0]


@pytest.mark.parametrize(("native", "kind"), [(True, FunctionAgent), (False, ReActAgent)])
def test_a_workflow_picks_the_agent_by_the_flag(native: bool, kind: type) -> None:  # noqa: FBT001
    """`is_function_calling_model` decides."""
    llm = Phi4(is_function_calling_model=native)

    workflow = AgentWorkflow.from_tools_or_functions([add], llm=llm)

    assert [type(agent) for agent in workflow.agents.values()] == [kind]


def test_agents_hand_over_to_each_other() -> None:
    """The one that answers is the one that was handed the task."""
    handover = calling(("handoff", {"to_agent": "adder", "reason": "sums"}))
    space = saying(handover, calling(("add", {"a": 1, "b": 2})), "Three.")
    llm = phi4(space)
    front = FunctionAgent(name="front", description="Takes questions.", llm=llm, can_handoff_to=["adder"])
    adder = FunctionAgent(name="adder", description="Adds.", llm=llm, tools=[add])

    async def asked() -> tuple[str, str, list[Any]]:
        handler = AgentWorkflow(agents=[front, adder], root_agent="front").run("1 + 2?")
        heard = [event async for event in handler.stream_events()]
        output: AgentOutput = await handler
        return str(output), output.current_agent_name, heard

    said, who, heard = asyncio.run(asked())

    assert (said, who) == ("Three.", "adder")
    assert [name for name, *_ in results(heard)] == ["handoff", "add"]


CALLS: dict[str, Callable[..., Any]] = {
    "sync": lambda llm, *args, **told: llm.predict_and_call(*args, **told),
    "async": lambda llm, *args, **told: asyncio.run(llm.apredict_and_call(*args, **told)),
}


@pytest.mark.parametrize("form", CALLS)
def test_predict_and_call_calls(form: str) -> None:
    """One call's result is the answer; several are joined where they are allowed."""
    two = calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}))
    llm = phi4(saying(two, two))
    tools = [FunctionTool.from_defaults(add)]

    first = CALLS[form](llm, tools, "sums?")
    both = CALLS[form](llm, tools, "sums?", allow_parallel_tool_calls=True)

    assert str(first) == "3"
    assert str(both) == "3\n\n7"


@pytest.mark.parametrize("form", CALLS)
def test_predict_and_call_without_a_call(form: str) -> None:
    """An error where a call has to be, and otherwise the words."""
    llm = phi4(saying("Three.", "Three."))
    tools = [FunctionTool.from_defaults(add)]

    with pytest.raises(ValueError, match="called no tool"):
        CALLS[form](llm, tools, "1 + 2?")
    assert str(CALLS[form](llm, tools, "1 + 2?", error_on_no_tool_call=False)) == "Three."


@pytest.mark.parametrize("form", CALLS)
def test_predict_and_call_by_prompts(form: str) -> None:
    """Core's ReAct takes over where functions are not called natively."""
    space = saying('Thought: I add.\nAction: add\nAction Input: {"a": 1, "b": 2}')
    llm = phi4(space, is_function_calling_model=False)
    # Core's defaults for these are refused by its own agent.
    told = {"react_chat_formatter": ReActChatFormatter(), "output_parser": ReActOutputParser()}

    answer = CALLS[form](llm, [FunctionTool.from_defaults(add)], "1 + 2?", **told)

    assert str(answer) == "3"
