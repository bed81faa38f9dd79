"""A scripted Space with `chat_completion`, as our own has it. Knows no client."""

from __future__ import annotations

from typing import Any

from scripted import CLOSE, ESTIMATION, STARTS, ScriptedSpace, config, events, job

TAKES = {"options": ["temperature", "max_tokens", "top_p", "seed"], "files": 3}
COMPONENTS = [
    {"id": 21, "type": "json", "props": {"value": TAKES}},
    {"id": 22, "type": "file", "props": {"value": None, "file_count": "multiple"}},
    {"id": 23, "type": "textbox", "props": {"value": ""}},
    {"id": 24, "type": "json", "props": {"value": None}},
]
DEPENDENCY = {
    "id": 22,
    "api_name": "chat_completion",
    "targets": [[25, "click"]],
    "inputs": [21, 22],
    "outputs": [23, 24],
}
SUMMARY = {
    "finish_reason": "stop",
    "stopped_by": None,
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    "model": "a model",
    "timings": {"first_text": 0.1, "done": 0.2},
}


def completion_config(*, two_step: bool = False, **changes: Any) -> dict[str, Any]:
    """The /config of such a Space; with the public contract beside it, as our own has, or without."""
    own = config()
    parts = [*own["components"], *COMPONENTS] if two_step else COMPONENTS
    functions = [*own["dependencies"], DEPENDENCY] if two_step else [DEPENDENCY]
    return config(**{"components": parts, "dependencies": functions, **changes})


def piece(text: str) -> dict[str, Any]:
    """The first, full outputs while the answer grows."""
    return job(msg="process_generating", output={"data": [text, None]}, success=True)


def appended(text: str) -> dict[str, Any]:
    """More text."""
    return job(msg="process_generating", output={"data": [[["append", [], text]], []]}, success=True)


def answered(text: str, **summary: Any) -> dict[str, Any]:
    """The end of a job that went well."""
    return job(msg="process_completed", output={"data": [text, SUMMARY | summary]}, success=True)


def counting(*answers: str, **summary: Any) -> ScriptedSpace:
    """A Space that gives these answers, each in two pieces, and counts 7 and 2 tokens of each."""
    streams = [
        events(
            *(ESTIMATION, STARTS, piece(answer[:3]), appended(answer[3:])),
            *(answered(answer, **summary), CLOSE),
        )
        for answer in answers
    ]
    return ScriptedSpace({"data": streams}, config=completion_config())


def requests(space: ScriptedSpace) -> list[dict[str, Any]]:
    """What was asked, each time, as OpenAI's JSON."""
    return [body["data"][0] for body in space.bodies("join")]
