"""The box of a page in which a question is written: what it takes, and what is put in. Knows no functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phi4_space._gradio.additional_inputs import AdditionalInputs
from phi4_space._gradio.config import Slot
from phi4_space._gradio.contract import Submission
from phi4_space._status import Takes

MULTIMODAL = "multimodaltextbox"
TEXT = "textbox"


@dataclass(frozen=True, slots=True)
class Box:
    """A box for a question.

    Attributes:
        slot: Its component: a MultimodalTextbox, which takes files as well, or a Textbox.
    """

    slot: Slot

    @property
    def number(self) -> int | None:
        """The component's number."""
        return self.slot.number

    def takes(self, contract: str, inputs: AdditionalInputs) -> Takes:
        """What a turn may hold that is written in it.

        Args:
            contract: The kind of the Space.
            inputs: What the Space's functions take besides.
        """
        return Takes(
            contract=contract,
            max_files=self._max_files,
            file_types=self.slot.file_types,
            options=inputs.bounds,
            system=inputs.takes_system,
            extra_inputs=inputs.others,
        )

    def value(self, submission: Submission) -> Any:
        """What it holds when the question is in it."""
        if self.slot.kind == TEXT:
            return submission.text
        return {"text": submission.text, "files": list(submission.files)}

    @property
    def _max_files(self) -> int | None:
        if self.slot.kind == TEXT:
            return 0
        return 1 if self.slot.file_count == "single" else None
