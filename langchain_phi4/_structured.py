"""Answers with a structure: schemas of every kind as the client's format, and the chain that parses answers.

Knows schemas and parsers; no Space, no messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from inspect import isroutine
from operator import itemgetter
from typing import Any, Literal, TypeGuard, get_args

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1

from langchain_phi4._schema import FUNCTION_KEYS
from langchain_phi4._tools import to_openai_tool, to_specs
from phi4_space import (
    InvalidOption,
    Phi4Error,
    ResponseFormat,
    ResponseFormatNotMet,
    ToolChoiceNotMet,
    ToolSpec,
)
from phi4_space.interop import (
    PydanticCheck,
    check_types,
    close_schema,
    inline_root,
    is_pydantic,
    is_typed_dict,
    pydantic_schema,
    short_repr,
    to_response_format,
    typed_dict_schema,
)

Schema = Mapping[str, Any] | type
"""A pydantic class (v2 or v1), a TypedDict class, a JSON schema, or a dict of a function's or of a format."""

Method = Literal["json_schema", "function_calling", "json_mode"]

_BESIDE_SCHEMA = {"type", "name", "description", "strict"}
"""What stands beside a JSON Schema in OpenAI's form."""
_SAYING = {"$ref", "allOf", "anyOf", "oneOf", "properties", "title", "type"}
"""Keys of a JSON Schema, one of which each schema of an object or array has."""
_ADVICE = (
    "Give a pydantic class, a TypedDict class or a JSON Schema; "
    "make a list, a union or an optional value a field of it."
)


def to_format(spec: object) -> ResponseFormat | None:
    """What `response_format` asks for, in any of its forms.

    Args:
        spec: What the client's own reader takes: None, a `ResponseFormat`, a pydantic class, a JSON Schema,
            or OpenAI's dicts of type "text", "json_object" and "json_schema"; or another of core's schemas.

    Raises:
        InvalidOption: It is none of these.
    """
    if isinstance(spec, type) or (isinstance(spec, Mapping) and FUNCTION_KEYS & spec.keys()):
        return schema_to_format(spec)
    return to_response_format(spec)


def schema_to_format(schema: Schema, *, strict: bool | None = None) -> ResponseFormat:
    """The client's format for a schema; a pydantic class also checks the answer itself.

    Args:
        schema: What the answer is to fit.
        strict: Whether an object of a class may have no other fields; a JSON schema says that itself.

    Raises:
        InvalidOption: It describes no JSON object and no array.
    """
    if isinstance(schema, Mapping) and not FUNCTION_KEYS & schema.keys():
        return ResponseFormat(inline_root(schema))
    if is_pydantic(schema):
        return ResponseFormat(pydantic_schema(schema, closed=bool(strict)), check=PydanticCheck(schema))
    if is_typed_dict(schema):
        return ResponseFormat(typed_dict_schema(schema, closed=bool(strict)))
    spec = _to_spec(schema)
    described = {"title": spec.name, "description": spec.description, **spec.parameters}
    json_schema = {key: value for key, value in described.items() if value != ""}
    check = PydanticCheck(schema) if _is_pydantic(schema) else None
    response_format = ResponseFormat(json_schema, check=check)
    return ResponseFormat(close_schema(json_schema), check=check) if strict else response_format


def _to_spec(schema: Schema) -> ToolSpec:
    """The schema as a tool's name, description and parameters.

    Raises:
        InvalidOption: It is none that can be read.
    """
    known = _is_pydantic(schema) or is_typed_dict(schema) or is_dataclass(schema)
    if not (known or isinstance(schema, Mapping | BaseTool) or isroutine(schema)):
        raise _no_schema(schema, "it is neither a pydantic class nor a TypedDict class")
    try:
        (spec,) = to_specs([schema])
    except InvalidOption as exc:
        raise _no_schema(schema, exc.what) from exc
    return spec


def structured(
    model: BaseChatModel,
    schema: Schema | None,
    *,
    include_raw: bool,
    method: str,
    strict: bool | None,
    tools: Sequence[Any],
    options: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """The chain behind `with_structured_output`, which explains the arguments.

    Raises:
        InvalidOption: The arguments do not go together.
    """
    schema = _without_wrapper(schema)
    _check(schema, method=method, include_raw=include_raw, tools=tools)
    response_format = _format(schema, method=method, strict=strict)
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": _traced(schema, response_format)}
    bound = {"ls_structured_output_format": traced, **options}
    parser: Runnable[AIMessage, Any]
    if schema is not None and method == "function_calling":
        bound_model, parser = _by_call(model, schema, strict=strict, bound=bound)
    else:
        if method == "json_mode":  # the caller's own text describes the fields
            response_format = ResponseFormat(check=response_format.check)
        bound["response_format"] = response_format
        bound_model = model.bind_tools(tools, **bound) if tools else model.bind(**bound)
        parser = _unless_called(_json_parser(schema)) if tools else _json_parser(schema)
    return _with_raw(bound_model, parser) if include_raw else bound_model | parser


def _traced(schema: Schema | None, response_format: ResponseFormat) -> object:
    """What core describes in traces: a pydantic class, or a function; it cannot read all others."""
    if _is_pydantic(schema):
        return schema
    described = response_format.schema or {}
    return {"name": str(described.get("title", "answer")), "parameters": described}


def _without_wrapper(schema: Schema | None) -> Schema | None:
    """The JSON Schema in OpenAI's `response_format`, or in its part that has the name; others as they are.

    Raises:
        InvalidOption: It has a name, and is no JSON Schema, so that any object would fit it.
    """
    match schema:
        case {"type": "json_schema", "json_schema": Mapping() as inner}:
            return _without_wrapper(inner)
        case {"schema": Mapping() as inner, **rest} if rest.keys() <= _BESIDE_SCHEMA:
            named = {"title": rest["name"]} if "name" in rest else {}
            return {**named, **inner}
        case {"name": _, **rest} if not (FUNCTION_KEYS | _SAYING) & rest.keys():
            raise _no_schema(schema, "it has a name, and neither parameters nor properties")
    return schema


def _check(schema: Schema | None, *, method: str, include_raw: bool, tools: Sequence[Any]) -> None:
    methods = get_args(Method)
    if method not in methods:
        raise InvalidOption(f"method is {method!r}", advice=f"Choose one of: {', '.join(methods)}.")
    if schema is None and method != "json_mode":
        raise InvalidOption(f"The method {method} needs a schema")
    if tools and (method == "function_calling" or not include_raw):
        raise InvalidOption(
            "tools= goes with JSON and include_raw=True, since an answer may call a tool instead",
            advice='Write include_raw=True, and method="json_schema" or "json_mode".',
        )


def _format(schema: Schema | None, *, method: str, strict: bool | None) -> ResponseFormat:
    """The client's format for a schema.

    Raises:
        InvalidOption: The method gives no such values.
    """
    if schema is None:
        return ResponseFormat()
    response_format = schema_to_format(schema, strict=strict)
    types = ("object", "array") if method == "json_schema" else ("object",)
    check_types(response_format.schema, *types, what=f"By {method}, the schema {short_repr(schema)}")
    return response_format


class _ObjectParser(PydanticOutputParser[Any]):
    """Core's parser, making objects from JSON, as `PydanticCheck` makes them."""

    def _parse_obj(self, obj: Any) -> Any:
        try:
            return PydanticCheck(self.pydantic_object)(obj)
        except ValueError as exc:
            raise self._parser_exception(exc, obj) from exc


def _json_parser(schema: Schema | None) -> BaseOutputParser[Any]:
    return _ObjectParser(pydantic_object=schema) if _is_pydantic(schema) else JsonOutputParser()


def _by_call(
    model: BaseChatModel, schema: Schema, *, strict: bool | None, bound: Mapping[str, Any]
) -> tuple[Runnable[LanguageModelInput, AIMessage], BaseOutputParser[Any]]:
    """A model that has to call the schema's tool, and a parser of the call's arguments."""
    if isinstance(schema, Mapping) and not {"name", "title", *FUNCTION_KEYS} & schema.keys():
        schema = {"title": "answer", **inline_root(schema)}  # a tool has a name
    spec = _to_spec(schema)
    bound_model = model.bind_tools(
        [to_openai_tool(spec)], tool_choice=spec.name, parallel_tool_calls=False, strict=strict, **bound
    )
    if _is_pydantic(schema):
        return bound_model, PydanticToolsParser(tools=[schema], first_tool_only=True)
    return bound_model, JsonOutputKeyToolsParser(key_name=spec.name, first_tool_only=True)


def _no_schema(schema: object, why: str) -> InvalidOption:
    return InvalidOption(f"The schema {short_repr(schema)} describes no JSON: {why}", advice=_ADVICE)


def _unless_called(parser: Runnable[AIMessage, Any]) -> Runnable[AIMessage, Any]:
    """A parser of answers that returns None for one that calls a tool instead."""
    return RunnableLambda(lambda message: None if message.tool_calls else parser.invoke(message))


def _with_raw(
    bound_model: Runnable[LanguageModelInput, AIMessage], parser: Runnable[AIMessage, Any]
) -> Runnable[LanguageModelInput, Any]:
    """A chain to raw, parsed and parsing_error; an answer that failed twice is a parsing_error, too.

    In a stream the message comes whole: core's fallbacks take their input whole before they begin. So nothing
    was yielded yet where an answer that came after thoughts is rejected.
    """
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    answered = RunnableMap(raw=bound_model) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")
    attempt = (itemgetter("input") | answered).with_fallbacks(
        [RunnableLambda(_failed_answer)],
        exceptions_to_handle=(ResponseFormatNotMet, ToolChoiceNotMet),
        exception_key="error",
    )
    return RunnableMap(input=RunnablePassthrough()) | attempt


def _failed_answer(failure: Mapping[str, Any]) -> dict[str, Any]:
    error: Phi4Error = failure["error"]
    return {"raw": AIMessage(error.partial_text), "parsed": None, "parsing_error": error}


def _is_pydantic(schema: object) -> TypeGuard[type[BaseModel | BaseModelV1]]:
    return isinstance(schema, type) and is_basemodel_subclass(schema)
