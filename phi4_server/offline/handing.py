"""Handing over: who may take a request, and that somebody did. Knows descriptions and results, no prompt.

Several agents share a conversation by a tool that hands it on. Its description lists them, as "Available
agents: {'billing': 'Knows the bills.'}"; its result has whoever is next "continue with the current request".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from phi4_server.offline import words
from phi4_server.offline.prompt import Turn
from phi4_server.offline.tools import Tool

_LISTED = re.compile(r"^(?P<title>[^\n:]*):\s*(?P<choices>\{['\"][^{}\n]*\})", re.MULTILINE)
_MOST = 10
_LONGEST = 20_000
"""How many lists a description is read for, and how many characters of it."""
_GOES_ON = re.compile(
    r"\b(?:continue|go on|proceed) with the (?:\w+ )?(?:request|task|question|conversation)\b", re.IGNORECASE
)


def choosing(tool: Tool) -> Tool:
    """The tool, with what its description lists as the choices of the parameter that is named for them."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return tool
    listed = {
        name: {"type": "string", "oneOf": ways}
        for title, ways in islice(_listed(tool.description), _MOST)
        for name in properties
        if _stems(name) & _stems(title)
    }
    return Tool(tool.name, tool.description, {**tool.parameters, "properties": {**properties, **listed}})


def _listed(description: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Each mapping from choices to what they are, with the words before it."""
    for match in _LISTED.finditer(description[:_LONGEST]):
        try:
            choices = ast.literal_eval(match["choices"])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(choices, dict):
            yield (
                match["title"],
                [{"const": str(name), "description": str(told)} for name, told in choices.items()],
            )


def _stems(text: str) -> frozenset[str]:
    return frozenset(words.terms(words.spelled(text)))


def is_over(result: str) -> bool:
    """Whether a tool's result says that the request was handed on."""
    return bool(_GOES_ON.search(result))


def taken_over(since: Sequence[Turn]) -> int:
    """How many turns after the user's last came before the request was handed on; 0 where it never was."""
    handed = [place for place, turn in enumerate(since) if turn.role == "tool" and is_over(turn.text)]
    if not handed:
        return 0
    # results of calls that were made at once stand together
    after = range(handed[-1], len(since))
    return next((place for place in after if since[place].role != "tool"), len(since))
