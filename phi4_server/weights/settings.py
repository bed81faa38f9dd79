"""Which weights answer, and how they are held: settings. Opens nothing, and needs nothing but Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cuda", "cpu", "mps"]
DType = Literal["auto", "bfloat16", "float16", "float32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSettings:
    """Which weights, and how they are held.

    Attributes:
        model: A folder, or a name on the Hub.
        device: Where they are to be; "auto" is a GPU if there is one.
        dtype: The type of their numbers; "auto" is bfloat16 wherever it is fast, else what suits the device.
        quantize: "4bit" keeps the decoder in 4 bits a number, which takes a little more than half the memory.
        max_image_side: Images are made smaller first, until none of their sides is longer, in pixels.
        max_context: How many tokens a prompt and its answer may have together; None means as many as the
            memory is enough for.
        revision: A branch, tag or commit on the Hub.
    """

    model: str
    device: Device = "auto"
    dtype: DType = "auto"
    quantize: Literal["4bit"] | None = None
    max_image_side: int | None = None
    max_context: int | None = None
    revision: str | None = None
