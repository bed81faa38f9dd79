"""A second contract, as small as one can be: one queued function that takes two options. Knows no client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripted import config, job

from phi4_space._errors import UnexpectedAnswer
from phi4_space._gradio.additional_inputs import refuse_extra
from phi4_space._gradio.config import Config, Endpoint
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._sampling import Bounds
from phi4_space._status import Takes

COMPONENTS = [
    {"id": 5, "type": "multimodaltextbox", "props": {}},
    {"id": 6, "type": "slider", "props": {"value": 1.0}},
    {"id": 7, "type": "number", "props": {"value": 256}},
    {"id": 8, "type": "textbox", "props": {}},
]
DEPENDENCY = {"id": 3, "api_name": "answer", "targets": [], "inputs": [5, 6, 7], "outputs": [8]}


@dataclass(frozen=True, slots=True)
class OneStep:
    """A Space with `answer(message, temperature, max_tokens)`, which remembers nothing."""

    answer: Endpoint

    @property
    def takes(self) -> Takes:
        options = {"temperature": Bounds(high=2), "max_tokens": Bounds(whole=True, low=1, high=1024)}
        return Takes(max_files=2, options=options)

    @property
    def endpoints(self) -> tuple[str, ...]:
        return (self.answer.name,)

    @property
    def fn_index(self) -> int:
        return self.answer.fn_index

    def with_extra(self, values: Mapping[str, object]) -> OneStep:
        refuse_extra(values)
        return self

    def first(self, submission: Submission) -> None:
        """There is no such step."""

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> Any:
        assert outputs is None
        return {"text": submission.text, "files": list(submission.files)}

    def ask(self, pending: Any, options: Mapping[str, object]) -> Call:
        _, temperature, length = self.answer.inputs
        values = {"temperature": temperature.default, "max_tokens": length.default, **options}
        return Call(self.answer.fn_index, [pending, values["temperature"], values["max_tokens"]])

    def read(self, outputs: Sequence[Any]) -> Reading:
        match outputs:
            case [str(text)]:
                return Reading(text)
            case _:
                raise UnexpectedAnswer("answer returned no text")


def find_one_step(config: Config, wanted: Wanted) -> list[OneStep]:
    """Finds the function in a /config."""
    del wanted  # it has one function alone
    endpoint = config.named().get("answer")
    return [] if endpoint is None else [OneStep(endpoint)]


def one_step_config(**changes: Any) -> dict[str, Any]:
    """The /config of such a Space."""
    return config(components=COMPONENTS, dependencies=[DEPENDENCY], **changes)


def answered(text: str) -> dict[str, Any]:
    """The end of such a Space's job."""
    return job(msg="process_completed", output={"data": [text]}, success=True)
