"""Forms of text to say over and over, and places to say them at. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Callable

FORMS = [
    *"_90 \n\t\r\u2028\"'“«`{[(<\\/*-=~#+@.:,?…。éßZ漢ア\u0300\u200b\U0001f600\x00",
    *(
        "a ",
        "Ab ",
        "A. ",
        "a? ",
        "a, ",
        "a and ",
        "and then ",
        "1 ",
        "1,000,",
        "1+",
        "2**9",
        "((1",
        "-1",
        "1:",
    ),
    *("12:30 ", "1e9", "2024-", "2024-01-01 ", "1 Jan ", "Jan 1, ", "a@", "a@a.a ", "http://", "www.a."),
    *(
        "name is ",
        "my name is A. ",
        "I am ",
        "in the a ",
        "about a ",
        "saying ",
        "not ",
        "which ",
        "how many ",
    ),
    *(
        '"a',
        '"a" ',
        "'a ",
        "a'a",
        "a's ",
        '{"',
        '{"a":',
        '{"a":1}',
        "[{",
        "{{}}",
        '{"type":"object"} ',
        "[1, ",
    ),
    *("<|tool_call|>", "<|tool_call|><|/tool_call|>", "<|tool|>", "<|tool|><|/tool|>", "<|user|>a<|end|>"),
    *("\nUser: a", "\nAssistant:", "\nTool: f -> 1", "f (call 1) -> ", "[image 1] ", "[image ", "picture "),
    *(
        "\nAction: f",
        "\nAction: f\nAction Input: x",
        "Action: ",
        "\nThought:",
        "\nObservation: 1\nThought: a",
    ),
    *("Tool Name: ", "\nTool Name: f\nTool Description: d", "\nQuestion: a", "Question: ", "Begin!"),
    *(
        "\nContext: a",
        "\nContext:\na\nQuestion: b",
        "-----\n",
        "\n----- ",
        "- -",
        "<context>",
        "<context>a</context>",
    ),
    *(
        "following context ",
        "the answer: ",
        "\n summary:",
        "return json ",
        "keys a, ",
        "a, b and ",
        "aB",
        "a_",
    ),
    *(
        "```\n",
        "# a\n",
        "**a**\n",
        "| a |\n",
        "a: b\n",
        "\n- a",
        "\n1. a",
        "must call the tool f ",
        "please ",
    ),
    *(
        "one hundred ",
        "red ",
        "dr. ",
        "Ada's ",
        "3 times 4 ",
        "\n\n",
        "\n \n",
        "a\n",
        "A\n",
        "ab " * 99 + ". ",
    ),
]
"""What is said over and over."""

TOOLS = json.dumps(
    [
        {
            "name": "weather",
            "description": "Get the weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
        {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {"a": {"type": "float"}, "b": {"type": "float"}},
        },
    ]
)
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "year": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "open": {"type": "boolean"},
            "kind": {"enum": ["red", "one", "a"]},
            "day": {"type": "string", "format": "date"},
            "code": {"type": "string", "pattern": r"^[a-z]+-\d+$"},
            "people": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            },
            "more": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["title", "year", "tags"],
    }
)
REACT = 'Answer.\n> Tool Name: add\nTool Description: Adds\nTool Args: {"a": {}}\n\nAction Input: {}\n\n'
CALLED = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Rome"}}]<|/tool_call|>'

PLACES: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "asked": lambda text: f"{text}?",
    "transcript": lambda text: f"System: Be kind. {text}\n\nUser: {text}\n\nAssistant:",
    "earlier": lambda text: f"User: {text}\n\nAssistant: {text}\n\nUser: What is my name?\n\nAssistant:",
    "template": lambda text: f"<|system|>Be kind.<|end|><|user|>{text}<|end|><|assistant|>",
    "tools": lambda text: (
        f"System: Help.\n<|tool|>{TOOLS}<|/tool|> You must call at least one tool.\n\n"
        f"User: What is the weather in Rome and {text}\n\nAssistant:"
    ),
    "result": lambda text: (
        f"System: Help.\n<|tool|>{TOOLS}<|/tool|>\n\nUser: The weather in Rome, and there tomorrow?\n\n"
        f"Assistant: {CALLED}\n\nTool: weather -> {text}\n\nAssistant:"
    ),
    "offer": lambda text: f"System: Help.\n<|tool|>{text}<|/tool|>\n\nUser: Weather?\n\nAssistant:",
    "json": lambda text: f"{text}\nAnswer as JSON by this schema: {SCHEMA}",
    "keys": lambda text: f'{text} Return JSON with the keys "a" and "b".',
    "schema": lambda text: (
        "Rome is red. Answer as JSON by this schema: "
        + json.dumps({"properties": {"a": {"description": text}, "b": {"enum": [text, "red"]}}})
    ),
    "context": lambda text: f"Context:\n{text}\n\nQuestion: When is it, in Rome?\nAnswer:",
    "history": lambda text: f"Chat History:\n{text}\nFollow up: where is it?\nStandalone question:",
    "react": lambda text: (
        f"System: {REACT}\n\nUser: Add 3 and 4.\n\nAssistant: Thought: a\nAction: add\nAction Input: {text}\n"
        f"Observation: {text}\n\nAssistant:"
    ),
    "picture": lambda text: f"[image 1] {text}?",
}
"""Where it is said."""


def repeated(form: str, length: int) -> str:
    """A form said over and over, up to a length."""
    return (form * (length // len(form) + 1))[:length]
