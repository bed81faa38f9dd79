"""LangChain's tools and tool choices as phi4_space's. Knows their many forms; no message, no model."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import PydanticUserError

from langchain_phi4._schema import to_openai
from phi4_space import InvalidOption, ToolSpec
from phi4_space.interop import check_types, error_text, inline_root, short_repr

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool
"""What `bind_tools` takes: a function, a pydantic or TypedDict class, a tool, or a dict for one."""

_KEYWORDS = ("auto", "none", "required")
_FUNCTIONS = ("function", "custom", "object", None)  # "object" is a JSON schema's
_JSON_TYPES = ("array", "boolean", "integer", "null", "number", "string")
_TYPED_DICT = "Import TypedDict from typing_extensions: pydantic reads typing.TypedDict from Python 3.12 on."
_MARKERS = ("cachePoint", "cache_point")  # Bedrock's mark in a list of tools, which is none itself


def to_specs(tools: Sequence[ToolLike]) -> list[ToolSpec]:
    """The tools as the client offers them, in order.

    Functions, pydantic classes (v2 and v1), TypedDict classes, `BaseTool`s, JSON schemas with a title, and
    the dicts of OpenAI (both APIs), Anthropic and Bedrock are read. What only concerns a provider, such as
    `cache_control` and `strict`, is left out.

    Raises:
        InvalidOption: A tool cannot be read, or only its provider can run it, such as a web search.
    """
    if isinstance(tools, BaseTool | Mapping | str) or not isinstance(tools, Iterable):
        raise InvalidOption("tools is a list", advice="Write [...] around a single tool, too.")
    return [_to_spec(tool) for tool in tools if not _is_marker(tool)]


def to_openai_tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool as OpenAI writes it, which traces can show."""
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def to_choice(tool_choice: object, specs: Sequence[ToolSpec]) -> str:
    """The choice as the client takes it: "auto", "none", "required", or the name of a tool on offer.

    Args:
        tool_choice: None, False and "auto" let the model choose; True, "any" and "required" ask for some
            call; "none" forbids calls; a name asks for that tool. The dicts in which OpenAI, Anthropic and
            Bedrock wrap these mean the same.
        specs: The tools on offer.

    Raises:
        InvalidOption: It is not a choice, or names a tool that is not on offer; the advice has the nearest.
    """
    match tool_choice:
        case None | False | "auto" | {"type": "auto"} | {"auto": {}}:
            return "auto"
        case "none" | {"type": "none"}:
            return "none"
        case True | "any" | "required" | {"type": "any" | "required"} | {"any": {}}:
            return _required(specs)
        case str(name):
            return _named(name, specs)
        case {"function": {"name": str(name)}} | {"tool": {"name": str(name)}}:
            return _named(name, specs)
        case {"type": "function" | "tool" | "custom", "name": str(name)}:
            return _named(name, specs)
        case _:
            raise InvalidOption(
                f"tool_choice is {short_repr(tool_choice)}",
                advice='Choose "auto", "none", "any", or the name of a tool on offer.',
            )


def _is_marker(tool: ToolLike) -> bool:
    return isinstance(tool, Mapping) and len(tool) == 1 and next(iter(tool)) in _MARKERS


def _to_spec(tool: ToolLike) -> ToolSpec:
    if isinstance(tool, Mapping):
        tool = inline_root(tool)
        _refuse_foreign(tool)
    try:
        openai_tool = to_openai(tool)
    except Exception as exc:  # any annotation or schema, with any library's errors
        is_too_old = isinstance(exc, PydanticUserError) and exc.code == "typed-dict-version"
        raise InvalidOption(
            f"The tool {_named_in(tool)} cannot be read: {error_text(exc)}",
            advice=_TYPED_DICT if is_too_old else None,
        ) from exc
    if openai_tool["type"] == "custom":
        raise _takes_text(openai_tool["name"])
    # OpenAI's responses API has the function's fields beside the type; core hands those back as they are.
    function = openai_tool.get("function", openai_tool)
    if not isinstance(function, Mapping):
        raise InvalidOption(f"The tool {_named_in(tool)} cannot be read: its function is not a dict")
    parameters = function.get("parameters")
    if not isinstance(parameters, Mapping | None):
        raise InvalidOption(f"The parameters of the tool {_named_in(tool)} are not a JSON schema")
    check_types(parameters, "object", what=f"What the tool {_named_in(tool)} takes")
    schema = {"parameters": inline_root(parameters)} if parameters else {}
    return ToolSpec(function.get("name", ""), function.get("description") or "", **schema)


def _refuse_foreign(tool: Mapping[str, Any]) -> None:
    """Refuses a dict that describes no function, such as a provider's own web search."""
    kind = tool.get("type")
    if kind == "custom" and "input_schema" not in tool:
        raise _takes_text(tool.get("name", kind))
    if isinstance(kind, list) or kind in _JSON_TYPES:
        check_types(tool, "object", what="What a tool takes")
    elif kind not in _FUNCTIONS:
        raise _not_here(kind, "is run by its provider, and a Space runs none")
    if tool.keys() & {"name", "title", "toolSpec", "function"}:
        return
    if kind is None and "properties" not in tool:
        raise _not_here("/".join(map(str, tool)), "has no known form")
    raise InvalidOption("A tool is a JSON schema without a name", advice='Give it a "title".')


def _takes_text(name: object) -> InvalidOption:
    return _not_here(name, "takes free text, and Phi-4 calls tools with JSON")


def _not_here(name: object, why: str) -> InvalidOption:
    return InvalidOption(
        f"The tool {short_repr(name)} {why}", advice="Offer a function or a BaseTool of your own."
    )


def _required(specs: Sequence[ToolSpec]) -> str:
    if not specs:
        raise InvalidOption("tool_choice asks for a call, and no tools are on offer")
    return "required"


def _named(name: str, specs: Sequence[ToolSpec]) -> str:
    names = [spec.name for spec in specs]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        offered = f"The tools on offer are {names}." if names else "No tools are on offer."
        raise InvalidOption(
            f"tool_choice names {short_repr(name)}, which is not on offer",
            advice=f"Did you mean {near[0]!r}?" if near else offered,
        )
    if name in _KEYWORDS:
        raise InvalidOption(f"A tool named {name!r} cannot be chosen by name", advice="Give it another name.")
    return name


def _named_in(tool: object) -> str:
    if isinstance(tool, Mapping):
        return short_repr(tool.get("name", tool.get("title", "dict")))
    return short_repr(getattr(tool, "name", getattr(tool, "__name__", type(tool).__name__)))
