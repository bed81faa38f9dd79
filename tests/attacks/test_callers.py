"""What callers pass and nothing can carry: refused by name, before anything is sent, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import URL, ScriptedSpace

import phi4_space as p4

pytestmark = pytest.mark.usefixtures("no_waiting")

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
HALF = "a\ud800b"


def cycle() -> dict[str, Any]:
    """A value that holds itself, twice."""
    value: dict[str, Any] = {"type": "object"}
    value["properties"] = {"a": value, "b": value}
    return value


def nested(depth: int) -> dict[str, Any]:
    """A schema of so many objects in objects."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def doubled(times: int) -> dict[str, Any]:
    """A schema that is small, and whose text is not."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(times):
        schema = {"type": "object", "properties": {"a": schema, "b": schema}}
    return schema


SCHEMAS: dict[str, Any] = {
    "nested 500 deep": nested(500),
    "nested 3,000 deep": nested(3_000),
    "nested 50,000 deep": nested(50_000),
    "in itself": cycle(),
    "doubled 60 times": doubled(60),
    "NaN": {"default": math.nan},
    "infinity": {"maximum": math.inf},
    "a set": {"enum": {1, 2}},
    "an object": {"default": object()},
    "bytes": {"default": b"x"},
    "a number too long": {"maximum": 10**5_000},
    "half a pair": {"properties": {HALF: {}}},
    "half a pair in a description": {"description": HALF},
    "a key that is none": {"properties": {(1, 2): {}}},
}


async def ask(space: ScriptedSpace, message: Any, **options: Any) -> None:
    """One turn."""
    async with p4.SpaceClient(URL, environment=p4.Environment(transport=space)) as client:
        await client.areply(message, **options)


def refused(message: Any = "hi", **options: Any) -> p4.InvalidInput:
    """The error of a call that was refused before anything was sent that holds what was passed."""
    space = ScriptedSpace()
    with pytest.raises(p4.InvalidInput) as caught:
        asyncio.run(ask(space, message, **options))
    assert not {"predict", "join", "upload"} & {*space.steps()}
    assert len(str(caught.value)) < 3_000
    return caught.value


@pytest.mark.parametrize("form", SCHEMAS)
def test_parameters_of_a_tool_are_json(form: str) -> None:
    """The tool is named, and what is wrong with it."""
    error = refused(tools=[p4.ToolSpec("add", parameters=SCHEMAS[form])])

    assert isinstance(error, p4.InvalidOption)
    assert "'add' cannot be written as JSON" in error.what


@pytest.mark.parametrize("form", SCHEMAS)
def test_a_response_format_is_json(form: str) -> None:
    """When it is made."""
    with pytest.raises(p4.InvalidOption, match="is not a valid JSON Schema"):
        p4.ResponseFormat(SCHEMAS[form])


@pytest.mark.parametrize("form", sorted(SCHEMAS.keys() - {"NaN", "infinity", "a set", "bytes"}))
def test_arguments_of_a_call_in_the_history_are_json(form: str) -> None:
    """Those that a caller made up, or that another model made."""
    call = p4.ToolCall("1", "add", SCHEMAS[form])
    error = refused([p4.Turn(role="user", text="hi"), p4.Turn(role="assistant", tool_calls=(call,))])

    assert "The tool calls cannot be written as JSON" in error.what


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"message": "", "prompt": HALF}, "surrogate"),
        ({"message": "", "prompt": 5}, "A message is a string"),
        ({"message": "", "prompt": p4.Turn(role="user", text="hi")}, "prompt is a str"),
        ({"message": p4.Turn(role="user", text=5)}, "text is a str, not int"),  # type: ignore[arg-type]  # a caller's
        ({"system": 5}, "text must be a str"),
        ({"stop": [HALF]}, "surrogate"),
        ({"stop": ["x" * 1_001]}, "at most"),
        ({"stop": ["x"] * 101}, "at most"),
        ({"tools": 5}, "tools is a list"),
        ({"tools": ["add"]}, "A tool must be a ToolSpec"),
        ({"tools": [p4.ToolSpec(HALF)]}, "printable"),
        ({"tools": [p4.ToolSpec("add", HALF)]}, "surrogate"),
        ({"tools": [p4.ToolSpec("add", 5)]}, "description"),  # type: ignore[arg-type]  # a caller's
        ({"tools": [p4.ToolSpec("add")], "tool_choice": HALF}, "tool_choice"),
        ({"tools": [p4.ToolSpec("add")], "tool_choice": "x" * 1_000_000}, "tool_choice"),
        ({HALF: 1}, "takes no"),
        ({"media": ["data:image/png;base64,\ud800"]}, "surrogate"),
        ({"media": ["data:image/png,\ud800"]}, "surrogate"),
        ({"media": ["data:\ud800,x"]}, "surrogate"),
        ({"media": [HALF, PNG]}, "media 1 of 2"),
        ({"media": ["data:image/png," + "%" * 100_000]}, "not valid"),
        ({"media": ["data:" + ";base64 " * 100_000 + "x,"]}, ""),
        ({"media": ["data:" + ";" + " " * 100_000 + "x,"]}, ""),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    """As an InvalidInput that says what it was; never as an error of a library, nor as a group of some."""
    options = dict(options)

    assert message in str(refused(options.pop("message", "hi"), **options))


class Evil(io.BytesIO):
    """A file that raises when anybody looks at it."""

    def __getattribute__(self, name: str) -> Any:
        """It does not want to."""
        if name in {"name", "read"}:
            raise RuntimeError("no " + "x" * 100_000)
        return super().__getattribute__(name)


def test_media_that_raise_when_they_are_looked_at_are_refused() -> None:
    """With their error as the cause, and in short."""
    error = refused(media=[Evil(b"x")])

    assert isinstance(error, p4.MediaNotReadable)
    assert isinstance(error.__cause__, RuntimeError)


def test_texts_with_halves_of_pairs_are_sent_without_them() -> None:
    """As ever: what a person wrote goes along, and the half stands as U+FFFD."""
    space = ScriptedSpace()

    asyncio.run(ask(space, HALF))

    assert space.bodies("predict")[0]["data"][1]["text"] == "a\ufffdb"


texts = st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff\0"), max_size=5)
things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=3) | st.just({1}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    texts,
    st.fixed_dictionaries(
        {},
        optional={
            "system": texts,
            "stop": st.lists(texts, max_size=2) | things,
            "media": st.lists(texts.map("data:image/png,{}".format) | things, max_size=2),
            "tools": st.lists(
                st.builds(p4.ToolSpec, texts, texts | things, st.dictionaries(texts, things) | things),
                max_size=2,
            ),
            "tool_choice": texts | st.just("required"),
        },
    ),
)
def test_whatever_is_handed_in(message: str, options: dict[str, Any]) -> None:
    """A reply comes of it, or an InvalidInput, or the model's failure to do as it was told."""
    with contextlib.suppress(p4.InvalidInput, p4.ToolChoiceNotMet):
        asyncio.run(ask(ScriptedSpace(), message, **options))


@settings(max_examples=100)
@given(things)
def test_whatever_is_a_schema(schema: Any) -> None:
    """A ResponseFormat comes of it, or an InvalidOption."""
    with contextlib.suppress(p4.InvalidOption):
        wanted = p4.ResponseFormat(schema)
        assert wanted.instruction
        wanted.validation_error("[]")
