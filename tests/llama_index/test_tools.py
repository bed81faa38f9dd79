"""Tools and choices as the client takes them, and calls as LlamaIndex carries them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ContentBlock, TextBlock, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.tools import (
    BaseTool,
    FunctionTool,
    ToolMetadata,
    ToolOutput,
    adapt_to_async_tool,
)
from pydantic import BaseModel, Field, RootModel

from llama_index_phi4._tools import to_blocks, to_choice, to_selections, to_specs
from phi4_space import InvalidInput, InvalidOption, ToolCall, ToolSpec
from phi4_space._prompt.tools import render
from phi4_space.interop import read_call_arguments

ADD_PARAMETERS = {
    "type": "object",
    "properties": {
        "x": {"type": "integer", "title": "X"},
        "y": {"type": "integer", "title": "Y", "default": 1},
    },
    "required": ["x"],
}


def add(x: int, y: int = 1) -> int:
    """Adds two numbers."""
    return x + y


class Song(BaseModel):
    """A song."""

    title: str
    seconds: int = Field(description="How long it is.")


class Album(BaseModel):
    """An album."""

    name: str
    songs: list[Song]


class Named(BaseTool):
    """A tool that takes no arguments, and has the name and description it is given."""

    def __init__(self, name: str | None, description: str = "") -> None:
        """Tells nothing of its arguments, as they have no schema."""
        self._metadata = ToolMetadata(description, name=name, fn_schema=None)

    @property
    def metadata(self) -> ToolMetadata:
        return self._metadata

    def __call__(self, input: Any) -> ToolOutput:  # noqa: A002 - the base class's name for it
        raise NotImplementedError


ADD = FunctionTool.from_defaults(add)
SPECS = [ToolSpec("add"), ToolSpec("get_weather"), ToolSpec("Album")]


# --- Tools -------------------------------------------------------------------------------------------------


def test_a_function_becomes_a_tool() -> None:
    """Its name, its signature and docstring, and the JSON Schema of its arguments."""
    (spec,) = to_specs([ADD])

    assert spec.name == "add"
    assert spec.description.startswith("add(x: ")
    assert spec.description.endswith("\nAdds two numbers.")
    assert spec.parameters == ADD_PARAMETERS


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "add", "description": "D", "parameters": ADD_PARAMETERS}},
        {"type": "function", "name": "add", "description": "D", "parameters": ADD_PARAMETERS},
        {"name": "add", "description": "D", "input_schema": ADD_PARAMETERS},
    ],
    ids=["OpenAI", "flat", "Anthropic"],
)
def test_a_dict_becomes_a_tool(tool: Mapping[str, Any]) -> None:
    """In the forms of OpenAI and Anthropic."""
    assert to_specs([tool]) == [ToolSpec("add", "D", ADD_PARAMETERS)]


def test_a_dict_with_a_name_alone_takes_no_arguments() -> None:
    """Description and parameters may be left out."""
    assert (
        to_specs([{"name": "now"}, {"function": {"name": "now", "description": None}}])
        == [ToolSpec("now")] * 2
    )


def test_a_programs_model_becomes_a_tool_with_its_definitions() -> None:
    """Structured prediction by functions: the models within the model go along."""
    (spec,) = to_specs([get_function_tool(Album)])

    assert (spec.name, spec.description) == ("Album", "An album.")
    assert spec.parameters["properties"]["songs"]["items"] == {"$ref": "#/$defs/Song"}
    assert spec.parameters["$defs"]["Song"]["properties"]["seconds"]["description"] == "How long it is."


class Folder(BaseModel):
    """A folder."""

    folders: list[Folder] = []


class Item(RootModel[Album | Song]):
    """One of two."""


FOLDER = Folder.model_json_schema()


@pytest.mark.parametrize(
    "tool", [get_function_tool(Folder), {"name": "Folder", "parameters": FOLDER}], ids=["class", "dict"]
)
def test_a_recursive_class_becomes_a_tool(tool: Any) -> None:
    """Langchain 30797: core leaves the reference out at whose end the properties are."""
    (spec,) = to_specs([tool])

    assert spec.parameters["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}
    assert spec.parameters["$defs"]["Folder"]["type"] == spec.parameters["type"] == "object"


def test_a_union_becomes_a_tool() -> None:
    """Core leaves it out, too."""
    (spec,) = to_specs([get_function_tool(Item)])

    assert [part["$ref"] for part in spec.parameters["anyOf"]] == ["#/$defs/Album", "#/$defs/Song"]


def test_a_tool_of_no_object_is_refused() -> None:
    """A call's arguments are one."""
    with pytest.raises(InvalidOption, match=r"tools\[0\], 'f', takes is of type array"):
        to_specs([{"name": "f", "parameters": {"type": "array"}}])


@pytest.mark.parametrize("wrap", [adapt_to_async_tool, lambda tool: tool], ids=["async", "as it is"])
def test_a_tool_keeps_the_name_that_it_is_looked_up_by(wrap: Callable[[BaseTool], BaseTool]) -> None:
    """Core writes other names for OpenAI, by which agents would find no tool; a long text is no error."""
    (spec,) = to_specs([wrap(Named("search [docs]", "x" * 2000))])

    assert spec == ToolSpec(
        "search [docs]",
        "x" * 2000,
        {
            "type": "object",
            "properties": {"input": {"title": "input query string", "type": "string"}},
            "required": ["input"],
        },
    )


def test_what_tools_say_can_be_rendered() -> None:
    """The client takes what comes out."""
    rendered = render(to_specs([ADD, Named("retrieve"), get_function_tool(Album)]), choice="Album")

    assert all(f'"name": "{name}"' in rendered for name in ("add", "retrieve", "Album"))


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        (add, r"tools\[1\] is a function, neither a BaseTool nor a dict"),
        (Named(None), r"tools\[1\] has no name"),
        (Named(""), r"tools\[1\] has no name"),
        ({"function": "add"}, r"tools\[1\] has no name"),
        ({}, r"tools\[1\] has no name"),
    ],
)
def test_what_is_no_tool_is_refused_by_place(tool: Any, told: str) -> None:
    """The error says which of the tools it is."""
    with pytest.raises(InvalidOption, match=told):
        to_specs([ADD, tool])


def test_arguments_that_json_schema_cannot_say_are_refused_by_name() -> None:
    """Pydantic raises a RuntimeError there, which core takes for nested event loops."""

    def call(what: Callable[[], int]) -> int:
        return what()

    with pytest.raises(InvalidOption, match=r"tools\[0\], 'call', has no JSON Schema"):
        to_specs([FunctionTool.from_defaults(call)])


# --- Choices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "free", "required"),
    [
        (None, "auto", "required"),
        ("auto", "auto", "required"),
        ({"type": "auto"}, "auto", "required"),
        ("required", "required", "required"),
        ("any", "required", "required"),
        ({"type": "any"}, "required", "required"),
        ({"type": "required"}, "required", "required"),
        ("add", "add", "add"),
        ({"type": "function", "function": {"name": "add"}}, "add", "add"),
        ({"type": "function", "name": "add"}, "add", "add"),
        ({"type": "tool", "name": "Album", "disable_parallel_tool_use": True}, "Album", "Album"),
    ],
)
def test_each_form_of_a_choice_is_understood(choice: object, free: str, required: str) -> None:
    """Words, names and dicts; `tool_required` counts where the choice leaves it to the model."""
    assert to_choice(choice, SPECS) == free
    assert to_choice(choice, SPECS, required=True) == required


@pytest.mark.parametrize("choice", ["none", {"type": "none"}])
def test_a_choice_may_forbid_calls(choice: object) -> None:
    """Unless one is required."""
    assert to_choice(choice, SPECS) == "none"
    with pytest.raises(InvalidOption, match="tool_required asks for a call"):
        to_choice(choice, SPECS, required=True)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("get_wether", "Did you mean 'get_weather'"),
        ({"type": "function", "function": {"name": "album"}}, "Did you mean 'Album'"),
        ("search", r"tools on offer are \['add', 'get_weather', 'Album'\]. Choose"),
        ({"type": "function"}, "tool_choice is 'function'"),
        (True, "tool_choice is a bool that names no tool"),
        ({"name": 3}, "tool_choice is a dict that names no tool"),
    ],
)
def test_a_choice_that_is_not_on_offer_is_refused(choice: object, told: str) -> None:
    """The advice names the nearest that is."""
    with pytest.raises(InvalidOption, match=told):
        to_choice(choice, SPECS)


def test_without_tools_nothing_can_be_required() -> None:
    """What needs no tool is no error."""
    assert to_choice(None, []) == to_choice("auto", []) == "auto"
    assert to_choice("none", []) == "none"
    for choice, required in [("required", False), (None, True), ("add", False)]:
        with pytest.raises(InvalidOption, match=r"tools on offer are \[\]"):
            to_choice(choice, [], required=required)


# --- Calls -------------------------------------------------------------------------------------------------

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
CALLS = [
    ToolCall("a", "add", {"x": [1]}),
    ToolCall("b", "add"),
    ToolCall("c", "get_weather", {"city": "Oslo"}),
]


def test_calls_keep_their_ids_from_the_answer_to_its_selections() -> None:
    """Parallel calls of one tool stay apart, however often they are read."""
    blocks: Sequence[ContentBlock] = [TextBlock(text="I look."), *to_blocks(CALLS)]
    once, again = to_selections(blocks), to_selections(blocks)

    assert (
        once
        == again
        == [
            ToolSelection(tool_id="a", tool_name="add", tool_kwargs={"x": [1]}),
            ToolSelection(tool_id="b", tool_name="add", tool_kwargs={}),
            ToolSelection(tool_id="c", tool_name="get_weather", tool_kwargs={"city": "Oslo"}),
        ]
    )


def test_a_tool_may_change_its_arguments() -> None:
    """History and answer keep what the model said."""
    blocks = to_blocks(CALLS)
    to_selections(blocks)[0].tool_kwargs["x"].append(2)
    kept = blocks[0].tool_kwargs
    assert isinstance(kept, dict)
    kept["x"].append(3)

    assert CALLS[0].arguments == {"x": [1]}
    assert to_selections(blocks)[0].tool_kwargs == {"x": [1, 3]}


def test_calls_of_another_model_can_be_carried_out() -> None:
    """Arguments written as JSON are read, and a call without an id gets the same one each time."""
    blocks = [
        ToolCallBlock(tool_name="add", tool_kwargs='{"x": 1}'),
        TextBlock(text="and"),
        ToolCallBlock(tool_name="add", tool_kwargs=""),
    ]

    assert [(call.tool_id, call.tool_kwargs) for call in to_selections(blocks)] == [
        ("call_0", {"x": 1}),
        ("call_1", {}),
    ]


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_arguments_read_the_same_as_json_and_as_a_dict(arguments: dict[str, Any]) -> None:
    """Nothing is added, and nothing lost."""
    assert read_call_arguments(arguments) == read_call_arguments(json.dumps(arguments)) == arguments


@pytest.mark.parametrize("written", ['{"x": ', "[1]", "Infinity"])
def test_arguments_that_cannot_be_read_are_never_made_up(written: str) -> None:
    """Core would call the tool without arguments."""
    with pytest.raises(InvalidInput, match="The call of 'add' has arguments that are not a JSON object"):
        to_selections([ToolCallBlock(tool_name="add", tool_kwargs=written)])
