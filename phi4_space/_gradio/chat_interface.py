"""The contract of a gr.ChatInterface: one queued function that keeps the chat in its State. Knows its shape.

It is found by that shape, since its name is "chat" on Gradio 5 and the author's function's own on 6, and by
the button that calls it, which no page shows. On the wire nothing stands where the State does, and the Space
knows its session by the session's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phi4_space._errors import UnexpectedAnswer
from phi4_space._gradio.additional_inputs import AdditionalInputs, to_additional_inputs
from phi4_space._gradio.box import MULTIMODAL, TEXT, Box
from phi4_space._gradio.config import Config, Endpoint
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._gradio.messages import answer_in_output
from phi4_space._status import Takes

_BOXES = frozenset({MULTIMODAL, TEXT})
_RESPONSES = frozenset({"json", "textbox"})
_IN_STATE = ("the chat is in the session's State",)
"""What stands for a history that never leaves the Space."""


@dataclass(frozen=True, slots=True)
class ChatInterface:
    """A Space with a gr.ChatInterface.

    Attributes:
        endpoint: The function.
        inputs: What it takes beside the question.
    """

    endpoint: Endpoint
    inputs: AdditionalInputs

    @property
    def takes(self) -> Takes:
        """What the box of the page takes, and the options among the additional inputs."""
        return self._box.takes("gr.ChatInterface", self.inputs)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """See `Contract.endpoints`."""
        return (self.endpoint.name,)

    @property
    def fn_index(self) -> int:
        """See `Contract.fn_index`."""
        return self.endpoint.fn_index

    def with_extra(self, values: Mapping[str, object]) -> ChatInterface:
        """See `Contract.with_extra`."""
        return replace(self, inputs=self.inputs.with_values(values))

    def first(self, submission: Submission) -> None:
        """There is no such step."""

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> Submission:
        """The turn as it is."""
        del outputs  # there are none
        return submission

    def ask(self, pending: Submission, options: Mapping[str, object]) -> Call:
        """Has the question answered, which the Space adds to the session's State."""
        own = {self._box.number: self._box.value(pending)}
        # The button that calls the function stands on no page.
        return Call(self.endpoint.fn_index, self.inputs.fill(self.endpoint.inputs, own, options))

    def read(self, outputs: Sequence[Any]) -> Reading:
        """The answer is the first output, whatever its form."""
        if not outputs:
            raise UnexpectedAnswer(f"{self.endpoint.name} returned nothing")
        content = answer_in_output(outputs[0])
        return Reading(
            content.text,
            [*_IN_STATE],
            thoughts=content.thoughts,
            files=content.files,
            is_whole=content.is_whole,
            end=None if content.end is None else (0, *content.end),
        )

    @property
    def _box(self) -> Box:
        return Box(self.endpoint.inputs[0])


def find_chat_interface(config: Config, wanted: Wanted) -> list[ChatInterface]:
    """Finds the functions of that shape in a Space's /config.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.
    """
    found = (one for one in config.endpoints if _has_shape(one) and wanted.may_use(one))
    return [ChatInterface(one, to_additional_inputs(one.inputs[1:])) for one in found]


def _has_shape(endpoint: Endpoint) -> bool:
    match endpoint:
        case Endpoint(inputs=(box, state, *_), outputs=(response, kept, *_)):
            is_chat = box.kind in _BOXES and state.kind == "state" and state.number == kept.number
            is_hidden = not response.is_visible and not endpoint.has_visible_trigger
            return is_chat and response.kind in _RESPONSES and is_hidden
        case _:
            return False
