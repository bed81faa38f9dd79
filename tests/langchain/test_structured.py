from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, Optional, Required, TypedDict, Union

import pytest
from chats import Ears, calling, chat, prompts, saying, streaming
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field, RootModel, field_validator
from pydantic.v1 import BaseModel as BaseModelV1
from scripted import CLOSE, ESTIMATION, STARTS, ScriptedSpace, events, failed

from langchain_phi4._structured import schema_to_format, to_format
from phi4_space import InvalidOption, ResponseFormat, ResponseFormatNotMet, SpaceError, ToolChoiceNotMet
from phi4_space.interop import PydanticCheck

pytestmark = pytest.mark.usefixtures("no_waiting")


class Person(BaseModel):
    """Somebody."""

    name: str = Field(description="What they are called")
    age: int | None = None

    @field_validator("name")
    @classmethod
    def _must_be_said(cls, name: str) -> str:
        if not name:
            raise ValueError("a name is never empty")
        return name


class OldPerson(BaseModelV1):
    """Somebody, in pydantic's first version."""

    name: str
    age: int = 0


class TypedPerson(TypedDict):
    """Somebody, as a dict."""

    name: str
    age: int


class Plain(TypedDict):  # noqa: D101 - it has to have no words
    name: str
    age: int


class Colour(Enum):
    """One of two."""

    RED = "red"
    BLUE = "blue"


class Colours(BaseModel):
    """Some of them."""

    colours: list[Colour]


JSON_SCHEMA = {
    "title": "Person",
    "description": "Somebody.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
FUNCTION = {
    "name": "Person",
    "description": "Somebody.",
    "parameters": {key: JSON_SCHEMA[key] for key in ("type", "properties", "required")},
}
SCHEMAS = [Person, OldPerson, TypedPerson, JSON_SCHEMA, FUNCTION, {"type": "function", "function": FUNCTION}]
METHODS = ["json_schema", "function_calling", "json_mode"]
ADA: dict[str, Any] = {"name": "Ada", "age": 36}


def answer(method: str, schema: Any, said: Any = ADA) -> str:
    if method != "function_calling":
        return f"Here you are:\n```json\n{json.dumps(said)}\n```\nAnything else?"
    named = "Tree" if "Tree" in str(schema) else "Person"
    return calling((getattr(schema, "__name__", named), said))


def as_dict(thing: Any) -> Any:
    if isinstance(thing, BaseModelV1):
        return thing.dict()
    return thing.model_dump() if isinstance(thing, BaseModel) else thing


# --- objects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strict", [None, True, False])
def test_every_schema_by_every_method(schema: Any, method: str, strict: Any) -> None:
    """Classes give their objects and all else dicts, out of fences and prose and out of calls."""
    model = chat(saying(answer(method, schema)))

    found = model.with_structured_output(schema, method=method, strict=strict).invoke("Who?")

    assert as_dict(found) == ADA
    assert isinstance(found, schema if schema in (Person, OldPerson) else dict)


@pytest.mark.anyio
@pytest.mark.parametrize("schema", [Person, JSON_SCHEMA])
@pytest.mark.parametrize("method", METHODS)
async def test_asynchronous_callers_get_the_same(schema: Any, method: str) -> None:
    """Waiting makes no difference."""
    model = chat(saying(answer(method, schema)))

    assert as_dict(await model.with_structured_output(schema, method=method).ainvoke("Who?")) == ADA


@pytest.mark.parametrize("schema", [Person, TypedPerson, JSON_SCHEMA])
def test_streams_give_the_object_once_it_is_whole(schema: Any) -> None:
    """What has not been judged may be wrong, and cannot be taken back."""
    model = chat(streaming("```json\n{", '"name": "A', 'da", ', '"age": 36', "}\n```"))

    (found,) = model.with_structured_output(schema).stream("Who?")

    assert as_dict(found) == ADA


@pytest.mark.parametrize("method", METHODS)
def test_streams_by_every_method_end_in_the_object(method: str) -> None:
    """Also by call, where all comes at once."""
    model = chat(saying(answer(method, Person)))

    *_, last = model.with_structured_output(Person, method=method).stream("Who?")

    assert last == Person(**ADA)


def test_the_model_is_told_the_schema() -> None:
    """The prompt holds it by json_schema, and only the wish for JSON by json_mode."""
    space = saying(json.dumps(ADA), json.dumps(ADA))
    model = chat(space)

    model.with_structured_output(Person).invoke("Who?")
    model.with_structured_output(Person, method="json_mode").invoke("Who?")

    by_schema, by_mode = prompts(space)
    assert "What they are called" in by_schema
    assert "JSON" in by_mode
    assert "What they are called" not in by_mode


def test_json_without_a_schema() -> None:
    """json_mode needs none."""
    assert chat(saying('{"a": [1]}')).with_structured_output(method="json_mode").invoke("?") == {"a": [1]}


def test_a_schema_without_a_title_will_do() -> None:
    """A JSON schema needs no name, for an answer nor for a call."""
    schema = {key: value for key, value in JSON_SCHEMA.items() if key != "title"}

    for method, said in (("json_schema", json.dumps(ADA)), ("function_calling", calling(("answer", ADA)))):
        model = chat(saying(said)).with_structured_output(schema, method=method)
        assert model.invoke("Who?") == ADA


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda schema: {"name": "person", "schema": schema},
        lambda schema: {"name": "person", "description": "d", "strict": True, "schema": schema},
        lambda schema: {"type": "json_schema", "name": "person", "schema": schema},
        lambda schema: {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},
    ],
)
def test_a_schema_may_be_in_openais_form(wrap: Callable[[Any], Any], method: str) -> None:
    """As ChatOpenAI takes it: an answer is held to the schema in it, and a call has its name."""
    schema = {key: value for key, value in JSON_SCHEMA.items() if key != "title"}
    right, wrong = json.dumps(ADA), '{"nome": "Ada"}'
    if method == "function_calling":
        right, wrong = calling(("person", ADA)), calling(("person", {"nome": "Ada"}))
    model = chat(saying(wrong, right))

    assert model.with_structured_output(wrap(schema), method=method).invoke("Who?") == ADA


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("schema", [{"name": "person"}, {"name": "person", "fields": {"name": "string"}}])
def test_a_name_is_no_schema(schema: Any, method: str) -> None:
    """Any object would fit it."""
    with pytest.raises(InvalidOption, match="neither parameters nor properties"):
        chat(saying()).with_structured_output(schema, method=method)


def test_an_array_may_be_asked_for() -> None:
    """A JSON schema reaches the client whole; core would drop one without properties."""
    schema = {"title": "Names", "type": "array", "items": {"type": "string"}}

    assert chat(saying('["Ada"]')).with_structured_output(schema).invoke("Who?") == ["Ada"]


def test_one_object_is_one_call() -> None:
    """A model that calls twice gave one answer too many; raw has the one that counts."""
    model = chat(saying(calling(("Person", ADA), ("Person", {"name": "Bob"}))))

    found = model.with_structured_output(Person, method="function_calling", include_raw=True).invoke("Who?")

    assert found["parsed"] == Person(**ADA)
    assert len(found["raw"].tool_calls) == 1


# --- answers that do not fit --------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["Ada, I think.", '{"name": 3}', '{"name": ""}'])
def test_an_answer_that_does_not_fit_is_asked_for_once_more(wrong: str) -> None:
    """Prose, a wrong type, and what a class's own validator refuses are told to the model, once."""
    space = saying(wrong, json.dumps(ADA))

    assert chat(space).with_structured_output(Person).invoke("Who?") == Person(**ADA)
    assert len(prompts(space)) == 2


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("json_schema", ResponseFormatNotMet),
        ("json_mode", ResponseFormatNotMet),
        ("function_calling", ToolChoiceNotMet),
    ],
)
def test_after_two_wrong_answers_an_exception_and_never_none(method: str, kind: type[Exception]) -> None:
    """Prose twice is an error that holds the last of it."""
    model = chat(saying("No idea.", "None at all."))

    with pytest.raises(kind) as caught:
        model.with_structured_output(Person, method=method).invoke("Who?")

    assert caught.value.partial_text == "None at all."  # type: ignore[attr-defined] # both have it


def test_arguments_that_do_not_fit_the_schema_are_asked_for_once_more() -> None:
    """A call is held to its schema as JSON is."""
    space = saying(calling(("Person", {"age": 3})), calling(("Person", ADA)))

    found = chat(space).with_structured_output(Person, method="function_calling").invoke("Who?")

    assert found == Person(**ADA)
    assert "'name' is a required property" in prompts(space)[1]


def test_arguments_that_never_fit_the_schema_are_an_error() -> None:
    """Of whatever kind the schema is: wrong arguments are not handed out as an object."""
    model = chat(saying(*[calling(("Person", {"age": 3}))] * 2))
    schema = {"title": "Person", **Person.model_json_schema()}

    with pytest.raises(ToolChoiceNotMet, match="'name' is a required property"):
        model.with_structured_output(schema, method="function_calling").invoke("Who?")


def test_arguments_that_only_the_class_refuses_are_an_error() -> None:
    """A call that fits the schema, and of which the class makes no object, gives none."""
    model = chat(saying(calling(("Person", {"name": ""}))))

    with pytest.raises(ValueError, match="name"):
        model.with_structured_output(Person, method="function_calling").invoke("Who?")


# --- include_raw --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_raw_and_parsed_together(method: str) -> None:
    """include_raw gives the message, the object, and no error."""
    model = chat(saying(answer(method, Person)))

    found = model.with_structured_output(Person, method=method, include_raw=True).invoke("Who?")

    assert isinstance(found["raw"], AIMessage)
    assert (found["parsed"], found["parsing_error"]) == (Person(**ADA), None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("door", ["invoke", "ainvoke"])
def test_with_raw_a_wrong_answer_is_told_and_not_raised(method: str, door: str) -> None:
    """What was said stands in raw, what is wrong with it in parsing_error."""
    model = chat(saying("No idea.", "None at all."))
    asked = model.with_structured_output(Person, method=method, include_raw=True)

    found = asyncio.run(asked.ainvoke("Who?")) if door == "ainvoke" else asked.invoke("Who?")

    assert (found["raw"].content, found["parsed"]) == ("None at all.", None)
    assert isinstance(found["parsing_error"], ResponseFormatNotMet | ToolChoiceNotMet)


def test_with_raw_wrong_arguments_are_told_and_not_raised() -> None:
    """A parser's error is told in the same place."""
    model = chat(saying(calling(("Person", {"name": ""}))))

    found = model.with_structured_output(Person, method="function_calling", include_raw=True).invoke("Who?")

    assert found["parsed"] is None
    assert "name" in str(found["parsing_error"])


def test_with_raw_other_errors_are_raised() -> None:
    """A Space that fails gave no wrong answer."""
    model = chat(ScriptedSpace({"data": [events(ESTIMATION, STARTS, failed("no luck"), CLOSE)]}))

    with pytest.raises(SpaceError, match="no luck"):
        model.with_structured_output(Person, include_raw=True).invoke("Who?")


def test_with_raw_streams_end_in_both() -> None:
    """Pieces of a stream add up to the message and the object."""
    model = chat(streaming('{"name": "A', 'da", ', '"age": 36', "}"))

    pieces = list(model.with_structured_output(JSON_SCHEMA, include_raw=True).stream("Who?"))

    found = {key: value for piece in pieces for key, value in piece.items()}
    assert (json.loads(found["raw"].content), found["parsed"], found["parsing_error"]) == (ADA, ADA, None)


# --- tools besides ------------------------------------------------------------------------------------


def look_up(name: str) -> str:
    """Looks somebody up."""
    return name


def test_tools_may_be_called_in_place_of_an_answer() -> None:
    """A call leaves parsed empty, an answer fills it."""
    model = chat(saying(calling(("look_up", {"name": "Ada"})), json.dumps(ADA)))
    asked = model.with_structured_output(Person, include_raw=True, tools=[look_up])

    called, answered = asked.invoke("Who?"), asked.invoke("Who?")

    assert [call["name"] for call in called["raw"].tool_calls] == ["look_up"]
    assert (called["parsed"], called["parsing_error"]) == (None, None)
    assert answered["parsed"] == Person(**ADA)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"schema": Person, "method": "xml"}, "method is 'xml'"),
        ({"method": "json_schema"}, "needs a schema"),
        ({"schema": Person, "tools": [look_up]}, "include_raw=True"),
        ({"schema": Person, "tools": [look_up], "include_raw": True, "method": "function_calling"}, "tools="),
        ({"schema": {"type": "string"}}, "string"),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(options: dict[str, Any], told: str) -> None:
    """The arguments are checked before anything is asked."""
    with pytest.raises(InvalidOption, match=told):
        chat(saying()).with_structured_output(options.pop("schema", None), **options)


UNREAD = [
    {"name": "names", "parameters": {"type": "array"}},
    *(
        list[Person],
        Person | None,
        Person | OldPerson,
        dict[str, Person],
        Annotated[Person, 1],
        Union,
        Optional,
    ),
    *(int, str, dict, list, Any, Literal["a"], Colour, type(None), "Person", [Person], 5, Person(name="A")),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", UNREAD, ids=str)
def test_annotations_and_other_values_are_refused(schema: Any, method: str) -> None:
    """Langchainjs 6746: before anything is asked, with what to do."""
    with pytest.raises(
        InvalidOption, match=r"describes no JSON.*make a list, a union or an optional value a field"
    ):
        chat(saying()).with_structured_output(schema, method=method)


class Names(RootModel[list[str]]):
    """Names."""


class Word(RootModel[str | int]):
    """A word."""


class Either(RootModel[Person | Colours]):
    """One of two."""


ARRAYS = [
    Names,
    {"type": "array", "items": {"type": "string"}},
    {"title": "Names", "type": ["array", "null"]},
    {"title": "Names", "oneOf": [{"type": "array"}, {"type": "string"}]},
]


@pytest.mark.parametrize("method", ["function_calling", "json_mode"])
@pytest.mark.parametrize("schema", ARRAYS, ids=str)
def test_arrays_are_refused_where_an_object_comes(schema: Any, method: str) -> None:
    """A call's arguments are an object, and so is what json_mode asks for."""
    with pytest.raises(InvalidOption, match=r"array.* has to be of type object"):
        chat(saying()).with_structured_output(schema, method=method)


@pytest.mark.parametrize("schema", ARRAYS, ids=str)
def test_arrays_are_carried_by_json_schema(schema: Any) -> None:
    """A class that is a list gives itself."""
    found = chat(saying('["Ada"]')).with_structured_output(schema).invoke("Who?")

    assert found == (Names(["Ada"]) if schema is Names else ["Ada"])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_neither_object_nor_array_is_refused(method: str) -> None:
    """Also where that stands in a union."""
    with pytest.raises(InvalidOption, match="of type integer or string, and has to be"):
        chat(saying()).with_structured_output(Word, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("said", [ADA, {"colours": ["red"]}])
def test_unions_of_classes_are_carried_in_a_class(method: str, said: Any) -> None:
    """As JSON and as the arguments of a call."""
    found = (
        chat(saying(answer(method, Either, said)))
        .with_structured_output(Either, method=method)
        .invoke("Who?")
    )

    assert found == Either.model_validate(said)


# --- recursive schemas --------------------------------------------------------------------------------


class Tree(BaseModel):
    """A tree."""

    name: str
    children: list[Tree] = []


class OldTree(BaseModelV1):
    """A tree, in pydantic's first version."""

    name: str
    children: list[OldTree] = []


OldTree.update_forward_refs()


class TypedTree(TypedDict):
    """A tree, as a dict."""

    name: str
    children: NotRequired[list[TypedTree]]


class Garden(BaseModel):
    """What holds a tree, and is none."""

    name: str
    children: list[Tree]


TREE_SCHEMA = Tree.model_json_schema()
TREES = [
    *(Tree, OldTree, TypedTree, Garden, TREE_SCHEMA, {"title": "Tree", **TREE_SCHEMA}),
    {"name": "Tree", "parameters": TREE_SCHEMA},
    {
        "title": "Tree",
        "type": "object",
        "properties": {"children": {"items": {"$ref": "#"}}, "name": {"type": "string"}},
        "required": ["name"],
    },
]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("schema", TREES, ids=str)
def test_recursive_schemas_are_held_to_at_any_depth(schema: Any, method: str) -> None:
    """Langchain 30797, ollama 7993: the model is told all, and asked once more for what is wrong within."""
    tree = {"name": "oak", "children": [{"name": "branch", "children": [{"name": "twig"}]}]}
    wrong = {"name": "oak", "children": [{"name": "branch", "children": [{"nome": "twig"}]}]}
    space = saying(answer(method, schema, wrong), answer(method, schema, tree))

    found = chat(space).with_structured_output(schema, method=method).invoke("Which?")

    assert as_dict(found)["children"][0]["children"][0]["name"] == "twig"
    assert '"$ref": "#' in prompts(space)[0]
    assert len(prompts(space)) == 2


# --- TypedDicts -----------------------------------------------------------------------------------------


class Partial(TypedDict, total=False):  # noqa: D101 - it has to have no words
    name: Required[str]
    age: Annotated[int, "In years"]


class Some(TypedDict):  # noqa: D101 - it has to have no words
    name: str
    age: NotRequired[Annotated[int, "In years"]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Partial, Some])
@pytest.mark.parametrize("said", [{"name": "Ada"}, ADA])
def test_keys_that_may_be_missing_may_be_missing(schema: Any, method: str, said: Any) -> None:
    """Langchain 36490 and 34085: an answer without them is taken at once."""
    space = saying(answer(method, schema, said))

    assert chat(space).with_structured_output(schema, method=method).invoke("Who?") == said
    assert method == "json_mode" or "In years" in prompts(space)[0]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("schema", [Partial, Some])
def test_keys_that_may_not_be_missing_are_asked_for(schema: Any, method: str) -> None:
    """Once more, and then it is an error."""
    model = chat(saying(*[answer(method, schema, {"age": 36})] * 2))

    with pytest.raises((ResponseFormatNotMet, ToolChoiceNotMet), match="'name' is a required property"):
        model.with_structured_output(schema, method=method).invoke("Who?")


# --- other arguments ------------------------------------------------------------------------------------


def test_what_else_is_given_goes_along() -> None:
    """Stop strings and the like are bound to the calls."""
    model = chat(saying('{"a": 1} END {"b": 2}'))

    found = model.with_structured_output(method="json_mode", include_raw=True, stop=["END"]).invoke("?")

    assert found["raw"].response_metadata["stop_sequence"] == "END"


def test_core_is_told_of_the_structure() -> None:
    """Traces name the schema, and see one model start."""
    seen: list[Any] = []

    class Trace(Ears):
        def on_chat_model_start(self, *_: Any, **told: Any) -> None:
            seen.append(told["options"]["ls_structured_output_format"])

    chat(saying(json.dumps(ADA))).with_structured_output(Person).invoke("Who?", {"callbacks": [Trace()]})

    (told,) = seen
    assert told["kwargs"] == {"method": "json_schema", "strict": None}
    assert told["schema"]["title"] == "Person"


# --- response_format ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ({"type": "json_object"}, None),
        ({"type": "json_schema", "json_schema": {"name": "Person", "schema": JSON_SCHEMA}}, JSON_SCHEMA),
        ({"type": "json_schema", "name": "Person", "schema": JSON_SCHEMA, "strict": True}, JSON_SCHEMA),
        (JSON_SCHEMA, JSON_SCHEMA),
        (ResponseFormat(JSON_SCHEMA), JSON_SCHEMA),
    ],
)
def test_response_format_in_all_its_forms(given: Any, schema: Any) -> None:
    """OpenAI's two dicts, a schema, and the client's own value mean the same."""
    response_format = to_format(given)

    assert response_format is not None
    assert response_format.schema == schema


@pytest.mark.parametrize("given", [None, {"type": "text"}])
def test_no_response_format(given: Any) -> None:
    """Text is what an answer is anyway."""
    assert to_format(given) is None


@pytest.mark.parametrize(
    "given", ["json", 3, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}]
)
def test_other_response_formats_are_refused(given: Any) -> None:
    """What cannot be read is named."""
    with pytest.raises(InvalidOption, match="response_format is"):
        to_format(given)


@pytest.mark.parametrize(
    "bind",
    [
        lambda model, given: model.bind(response_format=given),
        lambda model, given: model.bind_tools([], response_format=given),
    ],
)
def test_response_format_is_honoured(bind: Any) -> None:
    """Bare JSON comes out, as agents with a provider's strategy need it."""
    space = saying(answer("json_schema", Person))

    message = bind(chat(space), {"type": "json_schema", "json_schema": {"schema": JSON_SCHEMA}}).invoke(
        "Who?"
    )

    assert json.loads(message.content) == ADA


def test_a_class_has_its_say() -> None:
    """A class given as response_format checks the answer, and its schema is told."""
    response_format = to_format(Person)

    assert response_format is not None
    assert response_format.schema is not None
    assert response_format.schema["properties"]["name"]["description"] == "What they are called"
    assert response_format.check == PydanticCheck(Person)


@pytest.mark.parametrize("model", [Person, OldPerson])
def test_a_check_raises_what_the_model_is_told(model: Any) -> None:
    """A class's own errors are ValueErrors, in both of pydantic's versions."""
    PydanticCheck(model)(ADA)
    with pytest.raises(ValueError, match="name"):
        PydanticCheck(model)({"age": 3})


def test_a_typed_dict_without_words_has_none() -> None:
    """Dict's own docstring is not told to the model."""
    (plain, worded) = (schema_to_format(schema).schema for schema in (Plain, TypedPerson))

    assert plain is not None
    assert worded is not None
    assert "description" not in plain
    assert worded["description"] == "Somebody, as a dict."


def test_a_strict_class_has_no_other_fields() -> None:
    """strict=True closes the object."""
    assert (schema_to_format(Person, strict=True).schema or {})["additionalProperties"] is False


def test_cache_keys_are_the_same_in_every_process() -> None:
    """A format's repr has no address in it."""
    assert "0x" not in repr(schema_to_format(Person))
    assert schema_to_format(Person) == schema_to_format(Person)
