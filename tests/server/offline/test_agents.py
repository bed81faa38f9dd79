"""ReAct prompts as LlamaIndex writes them."""

from __future__ import annotations

import json

import pytest

from phi4_server.model import Message
from phi4_server.offline.agents import react
from phi4_server.offline.model import OfflineModel
from phi4_server.offline.prompt import read as read_prompt

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


def answered(text: str) -> str:
    """The model's answer to a prompt."""
    return "".join(OfflineModel().stream([Message(role="user", text=text)]))


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


def test_a_call_is_known_as_python_prints_it() -> None:
    """LlamaIndex repeats a call's input as a Python mapping, in single quotes."""
    steps = "Thought: x\nAction: add\nAction Input: {'a': 3, 'b': 4}"
    said = answered(
        f"System: {LLAMA_INDEX}\nUser: Add 3 and 4.\nAssistant: {steps}\nUser: Observation: 7\nAssistant:"
    )

    assert said.splitlines()[1] == "Answer: add returned for 3 and 4: 7."


def test_an_agent_without_need_for_a_tool_answers_at_once() -> None:
    """A greeting is answered in the style, without an action."""
    said = answered(f"System: {LLAMA_INDEX}\nUser: Hello\nAssistant:")

    assert said.startswith("Thought: I can answer without using any more tools.\nAnswer: Hello")


@pytest.mark.parametrize(
    "text", ["Action Input: x", "What is an Action Input: line?", "Hello", "Tool Name: x"]
)
def test_only_a_prompt_with_tools_is_in_the_style(text: str) -> None:
    """Words of the style alone do not make it."""
    assert react(read_prompt([Message(role="user", text=text)])) is None
