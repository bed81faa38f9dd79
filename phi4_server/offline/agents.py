"""What agents write: ReAct prompts, and requests that one agent hands over to another. Decides nothing.

ReAct describes, calls and answers tools in plain words. A conversation in that style is read as one with
tools, calls and results, so that no other room need know it, and its answer is written in that style again.

Several agents share a conversation by a tool that hands it over. Its description lists them, as "Available
agents: {'billing': 'Knows the bills.'}"; its result has whoever is next "continue with the current request".
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from phi4_server.offline import words
from phi4_server.offline.prompt import Conversation, Turn
from phi4_server.offline.tools import Call, Tool, loaded, schema

_STYLE = re.compile(r"^[ \t]*Action Input:", re.MULTILINE)
_DESCRIBED = re.compile(
    r"^>? *Tool Name: *(?P<name>[^\n]+)\nTool Description: *(?P<description>(?:(?!\n>? *Tool Name:).)*?)"
    r"\nTool Args: *(?P<schema>[^\n]*)",
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(
    r"^Action:(?P<name>[^\n]*)\n\s*Action Input:(?P<input>.*?)(?=\n *(?:Observation|Thought|Answer)\b|\Z)"
    r"|^Observation:(?P<result>.*?)(?=^Thought:|^Action:|\Z)",
    re.MULTILINE | re.DOTALL,
)
_AGENTS = re.compile(r"^(?P<title>[^\n:]*):\s*(?P<agents>\{['\"][^{}\n]*\})", re.MULTILINE)
_GOES_ON = re.compile(
    r"\b(?:continue|go on|proceed) with the (?:\w+ )?(?:request|task|question|conversation)\b", re.IGNORECASE
)
_MAX_LISTS = 10
_MAX_LITERAL = 10_000
"""How many lists of agents are read, and how long a text may be that is read as Python prints it."""


def _literal(text: str) -> Any:
    """The value that Python prints so; None where there is none."""
    try:
        return ast.literal_eval(text) if len(text) <= _MAX_LITERAL else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


# --- ReAct -----------------------------------------------------------------------------------------------


def called(calls: Sequence[Call]) -> str:
    """The first of some calls, in ReAct style; it has one at a time."""
    given = json.dumps(dict(calls[0].arguments), ensure_ascii=False)
    return f"Thought: I need a tool for this.\nAction: {calls[0].name}\nAction Input: {given}"


def answered(answer: str) -> str:
    """An answer in ReAct style."""
    return f"Thought: I can answer without using any more tools.\nAnswer: {answer}"


def react(talk: Conversation) -> Conversation | None:
    """A conversation in ReAct style, read as one with tools, calls and results; None for any other."""
    offered = tuple(
        Tool(match["name"].strip(), match["description"], schema(loaded(match["schema"])))
        for match in _DESCRIBED.finditer(talk.system if _STYLE.search(talk.system) else "")
    )
    turns = tuple(part for turn in talk.turns if turn.role != "system" for part in _parted(turn))
    return Conversation(turns=turns, tools=offered) if offered else None


def _parted(turn: Turn) -> Iterator[Turn]:
    """A turn with its actions as calls and its observations as results."""
    steps = list(_STEP.finditer(turn.text))
    for step in steps:
        if step["name"] is None:
            yield Turn(role="tool", text=step["result"].strip())
            continue
        given = step["input"].strip()
        read = loaded(given)
        arguments = read if read is not None else _literal(given)
        arguments = arguments if isinstance(arguments, dict) else {"input": given}
        yield Turn(role="assistant", calls=(Call(step["name"].strip(), arguments),))
    if not steps:
        yield turn


# --- handing over ----------------------------------------------------------------------------------------


def choosing(tool: Tool) -> Tool:
    """The tool, with the agents that its description lists as the choices of the parameter named for them."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return tool
    chosen = {
        name: {
            "type": "string",
            "oneOf": [{"const": str(key), "description": str(of)} for key, of in agents.items()],
        }
        for match in islice(_AGENTS.finditer(tool.description), _MAX_LISTS)
        if isinstance(agents := _literal(match["agents"]), dict)
        for name in properties
        if _stems(name) & _stems(match["title"])
    }
    return Tool(tool.name, tool.description, {**tool.parameters, "properties": {**properties, **chosen}})


def _stems(text: str) -> frozenset[str]:
    return frozenset(words.terms(words.spelled(text)))


def is_handed_over(result: str) -> bool:
    """Whether a tool's result says that the request was handed over."""
    return bool(_GOES_ON.search(result))


def turns_before_handover(since: Sequence[Turn]) -> int:
    """How many turns after the user's last came before the request was handed over; 0 where it never was."""
    places = [place for place, turn in enumerate(since) if turn.role == "tool" and is_handed_over(turn.text)]
    if not places:
        return 0
    # results of calls that were made at once stand together
    after = range(places[-1], len(since))
    return next((place for place in after if since[place].role != "tool"), len(since))
