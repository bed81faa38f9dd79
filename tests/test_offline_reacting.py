"""ReAct prompts as the two frameworks write them."""

from __future__ import annotations

import json

import pytest

from phi4_server.model import Said
from phi4_server.offline.model import OfflineModel
from phi4_server.offline.prompt import read as read_prompt
from phi4_server.offline.reacting import read

NUMBERS = {
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "type": "object",
}
LLAMA_INDEX = f"""You are designed to help with a variety of tasks.
You have access to the following tools:
> Tool Name: add
Tool Description: add(a: int, b: int) -> int
Add two numbers.
Tool Args: {json.dumps(NUMBERS)}

> Tool Name: multiply
Tool Description: Multiply two numbers.
Tool Args: {json.dumps(NUMBERS)}

## Output Format
```
Thought: I need to use a tool to help me answer the question.
Action: tool name (one of add, multiply) if using a tool.
Action Input: the input to the tool, in a JSON format representing the kwargs (e.g. {{"input": "hello"}})
```
At that point, you MUST respond in the following format:
```
Thought: I can answer without using any more tools.
Answer: [your answer here]
```"""
LANG_CHAIN = """Answer the following questions as best you can. You have access to the following tools:

get_weather(city: str) -> str - Get the weather in a city.
search(query: str, limit: int = 3) -> str - Search the web.
roll: Roll a die.

Use the following format:

Question: the input question you must answer
Thought: you should always think about what to do
Action: the action to take, should be one of [get_weather, search, roll]
Action Input: the input to the action
Observation: the result of the action
Thought: I now know the final answer
Final Answer: the final answer to the original input question

Begin!

Question: What is the weather in Oslo?
Thought:"""


def answered(text: str) -> str:
    """The model's answer to a prompt."""
    return "".join(OfflineModel().stream([Said(role="user", text=text)]))


@pytest.mark.parametrize("role", ["User", "Tool"])
def test_llama_indexs_agent_comes_to_its_answer(role: str) -> None:
    """Tools described in words are called in words, step by step, until the answer is said."""
    talk = f"System: {LLAMA_INDEX}\nUser: Add 3 and 4, then multiply the result by 5.\n"
    first = answered(f"{talk}Assistant:")
    talk += f"Assistant: {first}\n{role}: Observation: 7\n"
    second = answered(f"{talk}Assistant:")
    talk += f"Assistant: {second}\n{role}: Observation: 35\n"

    assert first.splitlines()[1:] == ["Action: add", 'Action Input: {"a": 3, "b": 4}']
    assert second.splitlines()[1:] == ["Action: multiply", 'Action Input: {"a": 7, "b": 5}']
    assert answered(f"{talk}Assistant:").splitlines()[1] == (
        "Answer: add returned for 3 and 4: 7. multiply returned for 7 and 5: 35."
    )


def test_lang_chains_agent_comes_to_its_answer() -> None:
    """Its one argument is written as it is, and its answer under its own label."""
    first = answered(LANG_CHAIN)
    second = answered(f"{LANG_CHAIN}{first}\nObservation: sunny\nThought: ")

    assert first.splitlines()[1:] == ["Action: get_weather", "Action Input: Oslo"]
    assert second.splitlines()[1] == "Final Answer: get_weather returned for Oslo: sunny."


def test_a_call_is_known_as_python_prints_it() -> None:
    """LlamaIndex repeats a call's input as a Python mapping, in single quotes."""
    steps = "Thought: x\nAction: add\nAction Input: {'a': 3, 'b': 4}"
    said = answered(
        f"System: {LLAMA_INDEX}\nUser: Add 3 and 4.\nAssistant: {steps}\nUser: Observation: 7\nAssistant:"
    )

    assert said.splitlines()[1] == "Answer: add returned for 3 and 4: 7."


def test_tools_are_read_from_their_signatures() -> None:
    """A signature tells parameters, their types, and which may be left out."""
    acting = read(read_prompt([Said(role="user", text=LANG_CHAIN)]))

    assert acting is not None
    assert {tool.name: tool.parameters.get("required") for tool in acting.talk.tools} == {
        "get_weather": ["city"],
        "search": ["query"],
        "roll": ["input"],
    }
    assert acting.talk.tools[1].parameters["properties"]["limit"]["type"] == "integer"


def test_an_agent_without_need_for_a_tool_answers_at_once() -> None:
    """A greeting is answered in the style, without an action."""
    said = answered(f"System: {LLAMA_INDEX}\nUser: Hello\nAssistant:")

    assert said.startswith("Thought: I can answer without using any more tools.\nAnswer: Hello")


@pytest.mark.parametrize(
    "text", ["Action Input: x", "What is an Action Input: line?", "Hello", "Tool Name: x"]
)
def test_only_a_prompt_with_tools_is_in_the_style(text: str) -> None:
    """Words of the style alone do not make it."""
    assert read(read_prompt([Said(role="user", text=text)])) is None
