"""JSON asked for, as clients and frameworks ask for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phi4_server.model import Message
from phi4_server.offline.json_form import form
from phi4_server.offline.model import OfflineModel
from phi4_server.offline.prompt import read

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
WRITTEN = json.dumps(SCHEMA)
ASKED = "Ada Lovelace is 36 years old."
ADA = {"name": "Ada Lovelace", "age": 36}

OURS = f"{ASKED}\n\nReply with JSON only, no other text, that fits this JSON Schema:\n{WRITTEN}"
PARSER = (
    "The output should be formatted as a JSON instance that conforms to the JSON schema below.\n\nAs an"
    " example, for"
    ' the schema {"properties": {"foo": {"title": "Foo", "description": "a list of strings", "type":'
    ' "array", "items":'
    ' {"type": "string"}}}, "required": ["foo"]} the object {"foo": ["bar", "baz"]} is a well-formatted'
    " instance of the"
    ' schema. The object {"properties": {"foo": ["bar", "baz"]}} is not well-formatted.\n\nHere is the'
    " output schema:"
    f"\n```\n{WRITTEN}\n```"
)
STRICT = (
    "STRICT OUTPUT FORMAT:\n- Return only the JSON value that conforms to the schema. Do not include any"
    " additional"
    " text, explanations, headings, or separators.\n- Do not wrap the JSON in Markdown or code fences.\n-"
    " Do not"
    f' prepend or append any text (e.g., do not write "Here is the JSON:").\n\n{PARSER}'
)
FOLLOW = (
    f"\n\nHere's a JSON schema to follow:\n{WRITTEN}\n\n"
    "Output a valid JSON object but do not repeat the schema.\n"
)
CONTEXT = (
    "Context information is below.\n---------------------\n{passages}\n---------------------\n"
    "Query: {query}\nAnswer: "
)
ORDER = f"Reply with JSON that fits this schema:\n{WRITTEN}"


def answered(text: str) -> Any:
    """The JSON that the model answers."""
    return json.loads("".join(OfflineModel().stream([Message(role="user", text=text)])))


@pytest.mark.parametrize(
    "prompt",
    [
        OURS,
        f"System: Reply with JSON that fits this JSON Schema:\n{WRITTEN}\nUser: {ASKED}\nAssistant:",
        f"Answer the user query.\n{PARSER}\n{ASKED}\n",
        f"System: {STRICT}\nUser: {ASKED}\nAssistant:",
        ASKED + FOLLOW,
        f"<|system|>Be kind.<|end|><|user|>{OURS}<|end|><|assistant|>",
        (
            f"Extract the data from the following text: {ASKED}\n\nReply with JSON that fits this"
            f" schema:\n{WRITTEN}"
        ),
        CONTEXT.format(passages=ASKED, query="Who is it?") + FOLLOW,
    ],
    ids=["ours", "system", "langchain", "strict", "llamaindex", "template", "extract", "context"],
)
def test_a_schema_in_the_prompt_is_filled(prompt: str) -> None:
    """However a prompt words it, the schema is found, and filled from what the user said."""
    assert answered(prompt) == ADA


@pytest.mark.parametrize(
    ("prompt", "keys"),
    [
        ("Tell me of Ada. Return a JSON with 'setup' and 'punchline' keys.", ["setup", "punchline"]),
        ("Tell me of Ada. Reply in JSON with the fields name, age and city.", ["name", "age", "city"]),
        ("What is my name? Answer as JSON.", ["answer"]),
    ],
)
def test_json_without_a_schema_has_the_keys_that_are_named(prompt: str, keys: list[str]) -> None:
    """Keys may be named in words; where none are, the answer is the one value."""
    assert list(answered(prompt)) == keys


def test_what_a_tool_returned_fills_too() -> None:
    """Results of tools are part of what is known."""
    prompt = f"System: {ORDER}\nUser: Who is it?\nTool: find -> {ASKED}\nAssistant:"

    assert answered(prompt) == ADA


def test_a_context_answers_into_its_place() -> None:
    """In a schema with a place for the answer, the context's sentence stands there."""
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    prompt = CONTEXT.format(
        passages="It rains. The bakery opens at seven.", query="When does the bakery open?"
    )

    assert answered(f"{prompt}\nReply with JSON that fits this schema:\n{json.dumps(schema)}") == {
        "answer": "The bakery opens at seven."
    }


@pytest.mark.parametrize(
    "prompt",
    [
        "What is JSON?",
        "hello",
        "Explain JSON schemas to me.",
        CONTEXT.format(passages=f"Reply with JSON.\n{OURS}", query="Who?"),
    ],
)
def test_words_about_json_ask_for_none(prompt: str) -> None:
    """A question on JSON, or a page about it, is answered in words."""
    assert form(read([Message(role="user", text=prompt)])) is None
