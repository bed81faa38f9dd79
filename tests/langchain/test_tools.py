"""Tools and tool choices in all the forms that LangChain's users write."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, Required
from typing import TypedDict as OldTypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, Tool, tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import Field as FieldV1
from typing_extensions import TypedDict

from langchain_phi4._tools import to_choice, to_specs
from phi4_space import InvalidOption, ToolSpec
from phi4_space._prompt.tools import listed

DESCRIPTION = "The weather in a city."
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"description": "Where.", "type": "string"}},
    "required": ["city"],
}


def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: Where.
    """
    return f"Sunny in {city}"


class Weather(BaseModel):
    """The weather in a city."""

    city: str = Field(description="Where.")


class WeatherV1(BaseModelV1):
    """The weather in a city."""

    city: str = FieldV1(description="Where.")


class WeatherDict(TypedDict):
    """The weather in a city."""

    city: Annotated[str, ..., "Where."]


class WeatherTool(BaseTool):
    """A tool written as a class."""

    name: str = "weather"
    description: str = DESCRIPTION
    args_schema: type[BaseModel] = Weather

    def _run(self, city: str) -> str:
        return weather(city)


FUNCTION = {"name": "weather", "description": DESCRIPTION, "parameters": PARAMETERS}
SCHEMA = {**PARAMETERS, "title": "weather", "description": DESCRIPTION}
FORMS: dict[str, tuple[str, Any]] = {
    "a function": ("weather", weather),
    "a pydantic class": ("Weather", Weather),
    "a pydantic v1 class": ("WeatherV1", WeatherV1),
    "a TypedDict": ("WeatherDict", WeatherDict),
    "a decorated function": ("weather", tool(parse_docstring=True)(weather)),
    "a BaseTool": ("weather", WeatherTool()),
    "a StructuredTool of a JSON schema": (
        "weather",
        StructuredTool(name="weather", func=weather, description=DESCRIPTION, args_schema=SCHEMA),
    ),
    "a JSON schema": ("weather", SCHEMA),
    "OpenAI's tool": ("weather", {"type": "function", "function": {**FUNCTION, "strict": True}}),
    "OpenAI's function": ("weather", FUNCTION),
    "OpenAI's tool of the responses API": ("weather", {"type": "function", "strict": True, **FUNCTION}),
    "Anthropic's tool": (
        "weather",
        {
            "name": "weather",
            "description": DESCRIPTION,
            "input_schema": PARAMETERS,
            "cache_control": {"type": "ephemeral"},
        },
    ),
    "Anthropic's custom tool": (
        "weather",
        {"type": "custom", "name": "weather", "description": DESCRIPTION, "input_schema": PARAMETERS},
    ),
    "Bedrock's tool": (
        "weather",
        {"toolSpec": {"name": "weather", "description": DESCRIPTION, "inputSchema": {"json": PARAMETERS}}},
    ),
}
SPECS = [ToolSpec("get_weather"), ToolSpec("add"), ToolSpec("any")]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_the_same(form: str) -> None:
    """Each form in which one tool may be written gives its name, description and parameters."""
    name, given = FORMS[form]
    [spec] = to_specs([given])
    assert (spec.name, spec.description) == (name, DESCRIPTION)
    assert dict(spec.parameters) == PARAMETERS


@pytest.mark.filterwarnings("ignore:This API is in beta")
def test_a_runnable_may_be_a_tool() -> None:
    """A chain made a tool by `as_tool` is read as any other."""
    chain = RunnableLambda(lambda given: given["city"])
    [spec] = to_specs([chain.as_tool(Weather, name="weather", description=DESCRIPTION)])
    assert spec == ToolSpec("weather", DESCRIPTION, PARAMETERS)


def test_a_class_without_a_text_has_no_description() -> None:
    """What Python says about dicts is no description of a TypedDict's."""

    class Bare(TypedDict):
        city: str

    assert to_specs([Bare])[0].description == ""


@pytest.mark.parametrize("form", [form for form, (_, given) in FORMS.items() if isinstance(given, dict)])
def test_what_is_handed_in_stays_as_it_is(form: str) -> None:
    """A tool's dict is the same after it was read."""
    given = FORMS[form][1]
    before = copy.deepcopy(given)
    to_specs([given])
    assert given == before


def test_order_is_kept() -> None:
    """Tools are offered in the order in which they were passed."""
    assert [spec.name for spec in to_specs([FUNCTION, Weather, weather])] == ["weather", "Weather", "weather"]


def test_a_tool_without_arguments_has_an_empty_object() -> None:
    """A name alone is a tool: nothing to fill in, no description."""
    assert to_specs([{"name": "now"}]) == [ToolSpec("now")]
    assert to_specs([{"name": "now", "description": None, "parameters": {}}]) == [ToolSpec("now")]


def test_arguments_that_the_program_fills_are_not_told() -> None:
    """What LangChain injects when the tool runs is nothing that the model could know."""

    @tool
    def search(query: str, user: Annotated[str, InjectedToolArg]) -> str:
        """Look for something."""
        return query + user

    [spec] = to_specs([search])
    assert list(spec.parameters["properties"]) == ["query"]


def test_bedrocks_cache_marks_are_no_tools() -> None:
    """The mark that Bedrock wants in a list of tools is left out."""
    assert to_specs([{"cachePoint": {"type": "default"}}, {"name": "now"}]) == [ToolSpec("now")]


REFUSED: dict[str, tuple[Any, str]] = {
    "OpenAI's web search": ({"type": "web_search"}, "'web_search' is run by its provider"),
    "OpenAI's dated web search": ({"type": "web_search_preview_2025_03_11"}, "'web_search_preview_2025"),
    "Anthropic's web search": (
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        "'web_search_20250305' is run by its provider",
    ),
    "Anthropic's shell": ({"type": "bash_20250124", "name": "bash"}, "'bash_20250124' is run by"),
    "Google's search": ({"google_search": {}}, "'google_search' has no known form"),
    "an empty dict": ({}, "'' has no known form"),
    "OpenAI's free text tool": ({"type": "custom", "custom": {"name": "code"}}, "'custom' takes free text"),
    "OpenAI's named free text tool": ({"type": "custom", "name": "code"}, "'code' takes free text"),
    "LangChain's free text tool": (
        Tool("code", lambda text: text, "Runs code.", metadata={"type": "custom_tool"}),
        "'code' takes free text",
    ),
    "a JSON schema without a title": (PARAMETERS, 'without a name. Give it a "title".'),
    "a schema that says nothing": ({"properties": {}}, "without a name"),
    "a function within nothing": ({"function": FUNCTION}, "cannot be read"),
    "a Bedrock tool without a schema": ({"toolSpec": {"name": "x"}}, "cannot be read"),
    "a function that is none": ({"type": "function", "function": "f"}, "its function is not a dict"),
    "a number": (5, "'int' cannot be read"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_function_is_refused_by_name(what: str) -> None:
    """A provider's own tool, or what is none at all, is refused with its name or type."""
    given, told = REFUSED[what]
    with pytest.raises(InvalidOption, match=r".*") as caught:
        to_specs([given])
    assert told in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_single_tool_is_no_list(form: str) -> None:
    """Who forgets the brackets is told so, whatever the tool is, and not what its parts are not."""
    with pytest.raises(InvalidOption, match=r"tools is a list\. Write \[\.\.\.\] around a single tool"):
        to_specs(FORMS[form][1])


def test_a_function_that_cannot_be_described_is_refused_by_name() -> None:
    """Where an annotation makes no schema, the error says which function, and why is its cause."""

    def connect(to: Callable[[], None]) -> None:
        """Connect."""

    with pytest.raises(InvalidOption, match="'connect' cannot be read") as caught:
        to_specs([connect])
    assert caught.value.__cause__ is not None


CHOICES: list[tuple[Any, str]] = [
    (None, "auto"),
    (False, "auto"),
    ("auto", "auto"),
    ({"type": "auto"}, "auto"),
    ({"auto": {}}, "auto"),
    ("none", "none"),
    ({"type": "none"}, "none"),
    (True, "required"),
    ("any", "required"),
    ("required", "required"),
    ({"type": "any"}, "required"),
    ({"type": "any", "disable_parallel_tool_use": True}, "required"),
    ({"type": "required"}, "required"),
    ({"any": {}}, "required"),
    ("add", "add"),
    ({"type": "function", "function": {"name": "add"}}, "add"),
    ({"type": "function", "name": "add"}, "add"),
    ({"type": "tool", "name": "add"}, "add"),
    ({"type": "custom", "name": "add"}, "add"),
    ({"tool": {"name": "add"}}, "add"),
    ({"type": "tool", "name": "any"}, "any"),
]


@pytest.mark.parametrize(("given", "choice"), CHOICES)
def test_each_form_of_choice(given: Any, choice: str) -> None:
    """Each form in which a choice may be written means one of the client's four."""
    assert to_choice(given, SPECS) == choice


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("get_wether", "Did you mean 'get_weather'?"),
        ({"type": "tool", "name": "adds"}, "Did you mean 'add'?"),
        ("zzzzzz", "The tools on offer are ['get_weather', 'add', 'any']."),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(given: Any, told: str) -> None:
    """A name that is not on offer is refused; the advice has the nearest that is, or all of them."""
    with pytest.raises(InvalidOption) as caught:
        to_choice(given, SPECS)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        *(5, 1.5, [], {}, ["add"]),
        {"type": "web_search"},
        {"type": "function"},
        {"type": "tool", "name": 5},
        {"type": "allowed_tools", "mode": "auto", "tools": []},
    ],
)
def test_what_is_no_choice_is_refused(given: Any) -> None:
    """What has no meaning as a choice is refused as it was given."""
    with pytest.raises(InvalidOption, match="tool_choice is"):
        to_choice(given, SPECS)


@pytest.mark.parametrize("given", [True, "any", "required", {"type": "any"}])
def test_a_call_needs_a_tool(given: Any) -> None:
    """A call cannot be asked for where there is nothing to call."""
    with pytest.raises(InvalidOption, match="no tools are on offer"):
        to_choice(given, [])


def test_a_name_needs_a_tool() -> None:
    """A tool cannot be asked for where there is none."""
    with pytest.raises(InvalidOption, match="No tools are on offer"):
        to_choice("add", [])


@pytest.mark.parametrize("name", ["auto", "none", "required"])
def test_a_tool_named_like_a_choice_is_not_forced(name: str) -> None:
    """A tool whose name the client would take for a choice cannot be asked for, and it is said."""
    with pytest.raises(InvalidOption, match="Give it another name"):
        to_choice({"type": "tool", "name": name}, [ToolSpec(name)])


@settings(deadline=None)
@given(
    names=st.lists(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), min_size=1, unique=True), data=st.data()
)
def test_every_tool_on_offer_can_be_chosen(names: list[str], data: st.DataObject) -> None:
    """Whatever tools there are, the name of each is a choice, in all forms alike, unless it is a keyword."""
    name = data.draw(st.sampled_from(names).filter(lambda name: name not in {"auto", "none", "required"}))
    specs = [ToolSpec(name) for name in names]
    assert to_choice({"type": "tool", "name": name}, specs) == name
    assert to_choice({"type": "function", "function": {"name": name}}, specs) == name


class Folder(BaseModel):
    """A folder."""

    folders: list[Folder] = []


def sort(folder: Folder, depth: int = 3) -> str:
    """Sorts a folder.

    Args:
        folder: Which.
        depth: How far.
    """
    return f"{folder} {depth}"


class Sorter(BaseTool):
    """A tool whose arguments are a recursive class."""

    name: str = "sort"
    description: str = "Sorts a folder."
    args_schema: type[BaseModel] = Folder

    def _run(self, **_: Any) -> str:
        return ""


FOLDER = Folder.model_json_schema()
BY_SCHEMA = StructuredTool(name="sort", description="Sorts.", args_schema=FOLDER, func=lambda **_: "")


@pytest.mark.parametrize(
    "given",
    [
        *(Folder, FOLDER, {"title": "Folder", **FOLDER}, sort, tool(sort), Sorter(), BY_SCHEMA),
        {"type": "function", "function": {"name": "sort", "parameters": FOLDER}},
        {"name": "sort", "input_schema": FOLDER},
    ],
)
def test_recursive_schemas_keep_their_definitions(given: Any) -> None:
    """Langchain 30797, ollama 7993: core would put an empty schema where they end."""
    (spec,) = to_specs([given])
    (listed_tool,) = listed([spec])
    parameters = listed_tool["parameters"]

    assert parameters["type"] == "object"
    assert parameters["$defs"]["Folder"]["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}


def test_descriptions_of_a_recursive_tool_are_kept() -> None:
    """Those of a docstring's Args, as core reads them."""
    (spec,) = to_specs([sort])

    assert (spec.name, spec.description) == ("sort", "Sorts a folder.")
    assert spec.parameters["properties"]["depth"]["description"] == "How far."


class Asked(TypedDict, total=False):
    """Asks."""

    city: Required[Annotated[str, "Where"]]
    days: Annotated[int, 1, "How many"]
    unit: NotRequired[str]


def test_a_typed_dicts_keys_are_required_as_it_says() -> None:
    """Langchain 36490 and 34085: by total, Required and NotRequired."""
    (spec,) = to_specs([Asked])

    assert (spec.name, spec.description, spec.parameters["required"]) == ("Asked", "Asks.", ["city"])
    assert spec.parameters["properties"]["city"]["description"] == "Where"
    assert spec.parameters["properties"]["days"] == {
        "default": 1,
        "description": "How many",
        "type": "integer",
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (list[Folder], "neither a class nor a function"),
        (Folder | None, "neither a class nor a function"),
        ({"title": "X", "type": "array"}, "of type array, and has to be of type object"),
        ({"title": "X", "type": ["array", "null"]}, "of type array or null, and has to be"),
        ({"title": "X", "oneOf": [{"type": "array"}]}, "of type array, and has to be of type object"),
        ({"name": "x", "parameters": {"type": "string"}}, "of type string, and has to be of type object"),
    ],
    ids=str,
)
def test_what_takes_no_object_is_refused(given: Any, why: str) -> None:
    """Langchainjs 6746: arguments are an object."""
    with pytest.raises(InvalidOption, match=why):
        to_specs([given])


def test_a_schema_of_several_objects_is_kept_whole() -> None:
    """Core would leave out one that has no properties at its top."""
    schema = {"title": "X", "description": "Y.", "anyOf": [{"type": "object", "properties": {"a": {}}}]}

    (spec,) = to_specs([schema])

    assert (spec.name, spec.description, spec.parameters) == ("X", "Y.", {"anyOf": schema["anyOf"]})


class OldHome(OldTypedDict):
    """Where somebody lives."""

    city: str


def lives_old(home: OldHome) -> str:
    """Where somebody lives."""
    return home["city"]


def lives_old_in(homes: list[OldHome], number: int = 1) -> str:
    """Where somebody lives."""
    return f"{homes} {number}"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic reads it there")
@pytest.mark.parametrize("function", [lives_old, lives_old_in])
def test_an_argument_that_pydantic_cannot_read_on_this_python_is_named(function: Any) -> None:
    """Langchain 36490: the error says where to import TypedDict from."""
    with pytest.raises(InvalidOption, match=r"lives_old.*typing_extensions\.TypedDict") as caught:
        to_specs([function])

    assert "Import TypedDict from typing_extensions" in (caught.value.advice or "")
