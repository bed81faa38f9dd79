"""A contract whose answers hold text, thoughts and files: one queued function. Knows no client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from scripted import ESTIMATION, STARTS, ScriptedSpace, config, events, job

from phi4_space._errors import UnexpectedAnswer
from phi4_space._gradio import choice
from phi4_space._gradio.additional_inputs import refuse_extra
from phi4_space._gradio.config import Config, Endpoint
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._status import Takes
from phi4_space._turns import ReplyFile, Thought

COMPONENTS = [
    {"id": 5, "type": "multimodaltextbox", "props": {}},
    {"id": 6, "type": "json", "props": {}},
]
DEPENDENCY = {"id": 3, "api_name": "think", "targets": [], "inputs": [5], "outputs": [6]}


@dataclass(frozen=True, slots=True)
class Thinking:
    """A Space with `think(message)`, which returns what `answer` builds."""

    think: Endpoint

    @property
    def takes(self) -> Takes:
        return Takes()

    @property
    def endpoints(self) -> tuple[str, ...]:
        return (self.think.name,)

    @property
    def fn_index(self) -> int:
        return self.think.fn_index

    def with_extra(self, values: Mapping[str, object]) -> Thinking:
        refuse_extra(values)
        return self

    def first(self, submission: Submission) -> None:
        """There is no such step."""

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> Any:
        assert outputs is None
        return {"text": submission.text, "files": list(submission.files)}

    def ask(self, pending: Any, options: Mapping[str, object]) -> Call:
        assert not options
        return Call(self.think.fn_index, [pending])

    def read(self, outputs: Sequence[Any]) -> Reading:
        match outputs:
            case [{"text": text, "thoughts": list(thoughts), "files": list(files)}]:
                return Reading(
                    text,
                    thoughts=tuple(Thought(one[0], one[1], place) for place, one in enumerate(thoughts)),
                    files=tuple(ReplyFile(*one) for one in files),
                )
            case _:
                raise UnexpectedAnswer("think returned something else")


def find_thinking(config: Config, wanted: Wanted) -> list[Thinking]:
    """Finds the function in a /config."""
    del wanted  # it has one function alone
    endpoint = config.named().get("think")
    return [] if endpoint is None else [Thinking(endpoint)]


def thinking_space(monkeypatch: pytest.MonkeyPatch, *jobs: Any) -> ScriptedSpace:
    """A Space that answers each turn with the next job, and a client that knows its contract.

    Args:
        monkeypatch: Adds the contract until the test's end.
        *jobs: What `thinks` returned, or any other answer to a request for the queue.
    """
    monkeypatch.setattr(choice, "CONTRACTS", ((find_thinking,), *choice.CONTRACTS))
    return ScriptedSpace({"data": [*jobs]}, config=config(components=COMPONENTS, dependencies=[DEPENDENCY]))


def answer(text: str | None, *thoughts: Any, files: Sequence[Any] = ()) -> dict[str, Any]:
    """The function's output.

    Args:
        text: The words so far.
        *thoughts: Each as its text, or as its text and title.
        files: Each as its path, name and, if it has one, media type.
    """
    pairs = [[one, None] if isinstance(one, str) else [*one] for one in thoughts]
    return {"text": text, "thoughts": pairs, "files": [[*one] for one in files]}


def snapshot(output: Mapping[str, Any]) -> dict[str, Any]:
    """The output as it stands, whole."""
    return job(msg="process_generating", output={"data": [output]}, success=True)


def ended(output: Mapping[str, Any]) -> dict[str, Any]:
    """The output at the end."""
    return job(msg="process_completed", output={"data": [output]}, success=True)


def thinks(*outputs: Mapping[str, Any]) -> Any:
    """A job whose output goes through these states; the last is its end."""
    # A full output replaces the one before, as Gradio sends it where nothing was streamed yet.
    states = [
        snapshot(outputs[0]) if place == 0 else _replaced(output) for place, output in enumerate(outputs[:-1])
    ]
    return events(ESTIMATION, STARTS, *states, ended(outputs[-1]))


def _replaced(output: Mapping[str, Any]) -> dict[str, Any]:
    edit = ["replace", [], output]
    return job(msg="process_generating", output={"data": [[edit]]}, success=True)
