"""Phi4s that talk to a scripted Space. Knows the LLM's fields and the script's words; tests nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
from scripted import CLOSE, ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, more, whole

from llama_index_phi4 import Phi4
from phi4_space import Environment, SpaceClient


def phi4(space: ScriptedSpace, *, client: dict[str, Any] | None = None, **fields: Any) -> Phi4:
    """A Phi4 on a scripted Space; its calls are numbered `call_1`, `call_2` ..."""
    numbers = itertools.count(1)
    environment = Environment(transport=space, new_call_id=lambda: f"call_{next(numbers)}")
    return Phi4(client=SpaceClient(URL, environment=environment, **(client or {})), **fields)


def saying(*answers: str) -> ScriptedSpace:
    """A Space that gives these answers, each in one piece, and then its usual one."""
    return ScriptedSpace({"data": [events(*whole(answer)) for answer in answers]})


def streaming(*pieces: str) -> ScriptedSpace:
    """A Space whose first answer arrives in these pieces."""
    return ScriptedSpace({"data": [in_pieces(*pieces)]})


def in_pieces(*pieces: str) -> httpx.Response:
    """An answer that arrives in these pieces."""
    first, *others = pieces
    grown = [generating(first), *(more(piece) for piece in others)]
    return events(ESTIMATION, STARTS, *grown, completed("".join(pieces)), CLOSE)


def hanging(*pieces: str) -> httpx.Response:
    """An answer that begins with these pieces and never ends."""
    first, *others = pieces
    return events(ESTIMATION, STARTS, generating(first), *(more(piece) for piece in others), None)


def calling(*calls: tuple[str, dict[str, Any]]) -> str:
    """An answer that calls tools, as Phi-4 writes it."""
    listed = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return f"<|tool_call|>{json.dumps(listed)}<|/tool_call|>"


def prompts(space: ScriptedSpace) -> list[str]:
    """What the model was asked, each time."""
    return [body["data"][1]["text"] for body in space.bodies("predict")]


def uploaded(space: ScriptedSpace) -> list[int]:
    """How many files went with each question."""
    return [len(body["data"][1]["files"]) for body in space.bodies("predict")]
