"""ChatPhi4s that talk to a scripted Space, and who listens. Knows the model's fields; tests nothing."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from scripted import CLOSE, ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, more, whole

from langchain_phi4 import ChatPhi4
from phi4_space import Environment, SpaceClient


def client(space: ScriptedSpace, url: str = URL, **settings: Any) -> SpaceClient:
    """A client of a scripted Space; its calls are numbered `call_1`, `call_2` ..."""
    numbers = itertools.count(1)
    environment = Environment(transport=space, new_call_id=lambda: f"call_{next(numbers)}")
    return SpaceClient(url, environment=environment, **settings)


def chat(space: ScriptedSpace, **fields: Any) -> ChatPhi4:
    """A ChatPhi4 on a scripted Space."""
    return ChatPhi4(client=client(space), **fields)


def saying(*answers: str) -> ScriptedSpace:
    """A Space that gives these answers, each in one piece, and then its usual one."""
    return ScriptedSpace({"data": [events(*whole(answer)) for answer in answers]})


def streaming(*pieces: str) -> ScriptedSpace:
    """A Space whose first answer comes in these pieces."""
    return ScriptedSpace({"data": [in_pieces(*pieces)]})


def in_pieces(*pieces: str, end: bool = True) -> httpx.Response:
    """An answer that comes in these pieces; without an end it waits for ever after them."""
    first, *others = pieces
    grown = [generating(first), *(more(piece) for piece in others)]
    last = [completed("".join(pieces)), CLOSE] if end else [None]
    return events(ESTIMATION, STARTS, *grown, *last)


def calling(*calls: tuple[str, dict[str, Any]]) -> str:
    """An answer that calls tools, as Phi-4 writes it."""
    listed = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return f"<|tool_call|>{json.dumps(listed)}<|/tool_call|>"


def prompts(space: ScriptedSpace) -> list[str]:
    """What the model was asked, each time."""
    return [body["data"][1]["text"] for body in space.bodies("predict")]


@dataclass(eq=False)  # core puts handlers into sets
class Ears(BaseCallbackHandler):
    """Hears a model's tokens, events and ends.

    Attributes:
        tokens: The text of each chunk.
        events: The name and data of each custom event.
        runs: The runs that were heard of.
        ends: How each run ended: "end", or the name of an error.
    """

    tokens: list[str] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    runs: set[Any] = field(default_factory=set)
    ends: list[str] = field(default_factory=list)

    def on_chat_model_start(self, *_: Any, **told: Any) -> None:
        self.runs.add(told["run_id"])

    def on_llm_new_token(self, token: Any, **told: Any) -> None:
        assert told["chunk"] is not None
        self.tokens.append(token)

    def on_custom_event(self, name: str, data: Any, **told: Any) -> None:
        self.runs.add(told["run_id"])
        self.events.append((name, data))

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.ends.append("end")

    def on_llm_error(self, error: BaseException, **_: Any) -> None:
        self.ends.append(type(error).__name__)


@dataclass(eq=False)  # core puts handlers into sets
class AsyncEars(AsyncCallbackHandler):
    """`Ears` that hear asynchronously."""

    events: list[tuple[str, Any]] = field(default_factory=list)

    async def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        self.events.append((name, data))
