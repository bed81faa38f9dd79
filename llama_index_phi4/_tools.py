"""Tools, choices and calls, to the client's and back. Knows core's classes for them; no message."""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool

from phi4_space import InvalidInput, InvalidOption, ToolCall, ToolSpec
from phi4_space.interop import check_types, inline_root, is_pydantic, pydantic_schema, read_call_arguments

_CHOICES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def to_specs(tools: Sequence[BaseTool | Mapping[str, Any]]) -> list[ToolSpec]:
    """The tools as the client offers them, in order.

    A tool keeps the name that agents look it up by, also where OpenAI would not take it.

    Args:
        tools: LlamaIndex tools, or dicts in the form of OpenAI (nested or flat) or Anthropic.

    Raises:
        InvalidOption: One is none of these, or has no name.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise InvalidOption(f"tools is a list, not {type(tools).__name__}.", advice="Write tools=[...].")
    return [_to_spec(place, tool) for place, tool in enumerate(tools)]


def _to_spec(place: int, tool: BaseTool | Mapping[str, Any]) -> ToolSpec:
    match tool:
        case BaseTool():
            function = {**_described(place, tool), "name": tool.metadata.name}
        case {"function": Mapping() as function} | (Mapping() as function):
            pass
        case _:
            raise InvalidOption(f"tools[{place}] is a {type(tool).__name__}, neither a BaseTool nor a dict.")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidOption(f"tools[{place}] has no name.")
    description = function.get("description") or ""
    parameters = function.get("parameters") or function.get("input_schema")
    if not parameters:
        return ToolSpec(name, description)
    check_types(parameters, "object", what=f"What tools[{place}], {name!r}, takes")
    return ToolSpec(
        name, description, inline_root(parameters) if isinstance(parameters, Mapping) else parameters
    )


def _described(place: int, tool: BaseTool) -> Mapping[str, Any]:
    try:
        function: Mapping[str, Any] = tool.metadata.to_openai_tool(skip_length_check=True)["function"]
        arguments = tool.metadata.fn_schema
        if "type" not in function["parameters"] and is_pydantic(arguments):
            # Core keeps "properties" and the like, and no "$ref" or "anyOf" that stands in their place.
            function = {**function, "parameters": pydantic_schema(arguments)}
    except Exception as exc:  # pydantic's are RuntimeErrors, for which core would blame nested loops
        raise InvalidOption(f"tools[{place}], {tool.metadata.name!r}, has no JSON Schema: {exc}") from exc
    return function


def to_openai_tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool as OpenAI writes it, which traces can show."""
    return {"type": "function", "function": dataclasses.asdict(spec)}


def to_choice(choice: object, specs: Sequence[ToolSpec], *, required: bool = False) -> str:
    """Which tool is to be called, as the client takes it: "auto", "none", "required" or a name.

    Args:
        choice: `tool_choice`, as users and programs of LlamaIndex write it: None; "auto", "none", "required",
            "any" or a tool's name; or a dict in the form of OpenAI (nested or flat) or Anthropic.
        specs: The tools on offer.
        required: `tool_required`: a choice that leaves it to the model becomes "required".

    Raises:
        InvalidOption: It names no tool on offer; the advice has the nearest. Or it forbids the call that is
            required.
    """
    name = _choice_name(choice)
    chosen = _CHOICES.get(name, name)
    if required and chosen == "none":
        raise InvalidOption('tool_required asks for a call, and tool_choice "none" forbids it.')
    chosen = "required" if required and chosen == "auto" else chosen
    names = [spec.name for spec in specs]
    if chosen in {"auto", "none"} or chosen in names or (chosen == "required" and names):
        return chosen
    near = difflib.get_close_matches(chosen, names, n=1)
    raise InvalidOption(
        f"tool_choice is {chosen!r}, and the tools on offer are {names}.",
        advice=f"Did you mean {near[0]!r}?"
        if near
        else 'Choose "auto", "none", "required" or a tool\'s name.',
    )


def _choice_name(choice: object) -> str:
    match choice:
        case None:
            return "auto"
        case str():
            return choice
        case {"function": {"name": str(name)}} | {"name": str(name)} | {"type": str(name)}:
            return name
    raise InvalidOption(
        f"tool_choice is a {type(choice).__name__} that names no tool.",
        advice='Write a name, or {"type": "function", "function": {"name": ...}}.',
    )


def to_blocks(calls: Iterable[ToolCall]) -> list[ToolCallBlock]:
    """The calls of an answer as blocks; their ids stay those that were made when the calls were read."""
    return [
        ToolCallBlock(
            tool_call_id=call.id, tool_name=call.name, tool_kwargs=copy.deepcopy(dict(call.arguments))
        )
        for call in calls
    ]


def to_selections(blocks: Iterable[object]) -> list[ToolSelection]:
    """The calls among blocks, for the code that runs them; the arguments are copies, which tools may change.

    Args:
        blocks: A message's blocks; others than calls are passed over.

    Raises:
        InvalidInput: The arguments of a call cannot be read.
    """
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    return [_to_selection(block, f"call_{place}") for place, block in enumerate(calls)]


def _to_selection(block: ToolCallBlock, made_id: str) -> ToolSelection:
    arguments = read_call_arguments(block.tool_kwargs)
    if arguments is None:
        raise InvalidInput(f"The call of {block.tool_name!r} has arguments that are not a JSON object.")
    return ToolSelection(
        tool_id=block.tool_call_id or made_id,
        tool_name=block.tool_name,
        tool_kwargs=copy.deepcopy(arguments),
    )
