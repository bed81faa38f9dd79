"""Reacting: ReAct prompts, where tools are described, called and answered in plain words. Decides nothing.

A conversation in that style is read as one with tools, calls and results, so that the other rooms need not
know it; what is said in the end is written in that style again.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from phi4_server.offline.prompt import Conversation, Turn
from phi4_server.offline.tools import Call, Tool, loaded, schema

_STYLE = re.compile(r"^[ \t]*Action Input:", re.MULTILINE)
_DESCRIBED = re.compile(
    r"^>? *Tool Name: *(?P<name>[^\n]+)\nTool Description: *(?P<description>(?:(?!\n>? *Tool Name:).)*?)"
    r"\nTool Args: *(?P<schema>[^\n]*)",
    re.MULTILINE | re.DOTALL,
)
_LISTED = re.compile(
    r"^(?!(?:Question|Thought|Action|Observation)\b)(?P<name>[\w.-]+)"
    r"(?:\((?P<signature>[^()\n]*)\)(?: *-> *[^\s]+)?)? *(?:-|:) +(?P<description>\S.*)$",
    re.MULTILINE,
)
_PARAMETER = re.compile(r"(?<!\w)(?P<name>\w++) *+: *(?P<type>[\w.\[\]| ]+)(?P<default>=)?")
_STEP = re.compile(
    r"^Action:(?P<name>[^\n]*)\n\s*Action Input:(?P<input>.*?)(?=\n *(?:Observation|Thought|Answer)\b|\Z)"
    r"|^Observation:(?P<result>.*?)(?=^Thought:|^Action:|\Z)",
    re.MULTILINE | re.DOTALL,
)
_QUESTION = re.compile(r"^Question:([^\n]*)", re.MULTILINE)
_LONGEST = 10_000
"""How long an input is at most that is read as Python prints it."""


@dataclass(frozen=True, slots=True)
class Acting:
    """A conversation in ReAct style.

    Attributes:
        talk: The conversation, with tools, calls and results.
        final: The label of the answer.
        takes_json: Whether a call's input is JSON; else it is the one argument as it is.
    """

    talk: Conversation
    final: str
    takes_json: bool

    def called(self, calls: Sequence[Call]) -> str:
        """The first of some calls; the style has one at a time."""
        call = calls[0]
        values = list(call.arguments.values())
        plain = not self.takes_json and len(values) == 1
        told = str(values[0]) if plain else json.dumps(dict(call.arguments), ensure_ascii=False)
        return f"Thought: I need a tool for this.\nAction: {call.name}\nAction Input: {told}"

    def answered(self, answer: str) -> str:
        """The answer."""
        return f"Thought: I can answer without using any more tools.\n{self.final}: {answer}"


def read(talk: Conversation) -> Acting | None:
    """The conversation, if it is in ReAct style."""
    in_system = bool(_STYLE.search(talk.system))
    head = talk.system if in_system else talk.asked
    offered = tuple(_tools(head)) if _STYLE.search(head) else ()
    if not offered:
        return None
    turns = talk.turns if in_system else (*talk.before, *_unrolled(talk.asked))
    acted = tuple(part for turn in turns if turn.role != "system" for part in _parted(turn))
    final = "Final Answer" if "Final Answer:" in head else "Answer"
    return Acting(Conversation(turns=acted, tools=offered), final, takes_json=bool(_DESCRIBED.search(head)))


def _tools(text: str) -> Iterator[Tool]:
    described = list(_DESCRIBED.finditer(text))
    for match in described:
        yield Tool(match["name"].strip(), match["description"], schema(loaded(match["schema"])))
    for match in () if described else _LISTED.finditer(text[: text.find("Action Input:")]):
        yield Tool(match["name"], match["description"], _signed(match["signature"]))


def _signed(signature: str | None) -> dict[str, Any]:
    """JSON Schema for a signature such as "city: str, days: int = 3"; one text where there is none."""
    named = list(_PARAMETER.finditer(signature or "")) if signature is not None else []
    properties = {match["name"]: {"type": match["type"].strip()} for match in named}
    if signature is None:
        properties = {"input": {"type": "str"}}
    typed = dict(schema(properties))
    typed["required"] = [match["name"] for match in named if not match["default"]] or list(properties)[:1]
    return typed


def _unrolled(text: str) -> Iterator[Turn]:
    """A prompt that holds question and steps in one, as turns."""
    begun = text.rpartition("Begin!")[2]
    asked = _QUESTION.search(begun)
    yield Turn(role="user", text=(asked[1] if asked else begun).strip())
    yield Turn(role="assistant", text=begun[asked.end() :] if asked else "")


def _parted(turn: Turn) -> Iterator[Turn]:
    """A turn with its actions as calls and its observations as results."""
    steps = list(_STEP.finditer(turn.text))
    for step in steps:
        if step["name"] is None:
            yield Turn(role="tool", text=step["result"].strip())
            continue
        yield Turn(role="assistant", calls=(Call(step["name"].strip(), _arguments(step["input"].strip())),))
    if not steps:
        yield turn


def _arguments(text: str) -> dict[str, Any]:
    """What a call was given: a mapping in JSON, or as Python prints it; or one text."""
    given = loaded(text)
    if given is None and len(text) <= _LONGEST:
        try:
            given = ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            given = None
    return given if isinstance(given, dict) else {"input": text}
