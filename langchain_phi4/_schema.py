"""Tools and schemas of LangChain's many kinds as a name, a description and a JSON Schema. Knows no message.

Core's reader does most of it. It loses what is said here: that a schema refers to itself, which keys of a
TypedDict are required, and a schema whose properties are not at its top.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

from langchain_core.tools import BaseTool, Tool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from phi4_space.interop import (
    inline_root,
    is_pydantic,
    is_recursive,
    is_typed_dict,
    pydantic_schema,
    typed_dict_schema,
)

FUNCTION_KEYS = {"function", "parameters", "input_schema", "toolSpec"}
"""What only the description of a function has, and no JSON Schema that stands for one."""


def to_openai(tool: Any) -> dict[str, Any]:
    """A tool or schema as a tool of OpenAI's, by core's reader.

    Args:
        tool: A function, a pydantic class (v2 or v1), a TypedDict class, a `BaseTool`, a JSON Schema with a
            title, or a provider's dict.

    Raises:
        Exception: Core, or another library, cannot read it.
    """
    if is_typed_dict(tool):
        return _from_schema(typed_dict_schema(tool))
    if isinstance(tool, Mapping):
        is_schema = "title" in tool and not {"name", *FUNCTION_KEYS} & tool.keys()
        return _from_schema(inline_root(tool)) if is_schema else convert_to_openai_tool(tool)
    if isinstance(tool, str) or get_origin(tool) is not None:
        raise TypeError("it is neither a class nor a function")
    openai_tool = convert_to_openai_tool(tool)
    schema = _arguments_schema(tool)
    if schema and is_recursive(schema):
        # Core has put definitions in the place of references, as far as it can.
        openai_tool["function"]["parameters"] = _without(inline_root(schema), "title", "description")
    return openai_tool


def _from_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    function = {
        "name": schema["title"],
        "description": schema.get("description", ""),
        "parameters": _without(schema, "title", "description"),
    }
    return {"type": "function", "function": function}


def _arguments_schema(tool: Any) -> Mapping[str, Any] | None:
    """The JSON Schema of a tool's arguments, as its class or function says it; None where there is none."""
    match tool:
        case Tool(args_schema=None):
            return None
        case BaseTool():
            arguments: Any = tool.tool_call_schema
        case type() if is_basemodel_subclass(tool):
            arguments = tool
        case _:
            arguments = create_schema_from_function(
                tool.__name__, tool, filter_args=(), parse_docstring=True, include_injected=False
            )
    if isinstance(arguments, Mapping):
        return arguments
    return pydantic_schema(arguments) if is_pydantic(arguments) else arguments.schema()


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}
