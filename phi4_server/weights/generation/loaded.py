"""What loading hands over: a model in memory, and what is needed to ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageForm:
    """The form in which the model takes images: crops beside and above each other, and the whole once more.

    Attributes:
        crop: The side of a crop, in pixels.
        patch: The side of a patch, in pixels.
        most_crops: How many crops an image may have, which the checkpoint calls dynamic_hd.
        mean: What is subtracted from each of the three channels, after they were scaled.
        std: What they are divided by then.
        scale: What pixels from 0 to 255 are multiplied with first.
        most_side: Images are made smaller first, until none of their sides is longer, in pixels; None leaves
            them as they are.
    """

    crop: int = 448
    patch: int = 14
    most_crops: int = 36
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    scale: float = 1 / 255
    most_side: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model in memory.

    Attributes:
        model: A `peft.PeftModel` around `Phi4MultimodalForCausalLM`, in eval mode, with the adapters "vision"
            and "speech"; long contexts are mended.
        tokenizer: A `tokenizers.Tokenizer`.
        image_token: The id of the token that stands for an image's embeddings.
        audio_token: The same, for audio.
        ends: The ids that end an answer.
        pad: The id that fills up shorter rows of a batch.
        images: The form in which the model takes images.
        audio: A `transformers.Phi4MultimodalFeatureExtractor`.
        context: How many tokens a prompt and its answer may have together.
        edge: Up to how many tokens the model counts as short; beyond, its positions change.
        device: Where it is, as torch calls it.
        name: What the page calls it.
    """

    model: Any
    tokenizer: Any
    image_token: int
    audio_token: int
    ends: tuple[int, ...]
    pad: int
    images: ImageForm
    audio: Any
    context: int
    edge: int
    device: str
    name: str
