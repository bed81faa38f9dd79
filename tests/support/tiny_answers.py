"""The tiny model, loaded, and what plain transformers answers with it; needs torch."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from phi4_server.media.normal_form import NormalFile
from phi4_server.model import ChatRequest, End, Message
from phi4_server.weights.generation.audio import AudioForm, to_samples
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Form, Question, to_question
from phi4_server.weights.generation.vocabulary import Vocabulary
from phi4_server.weights.load.settings import WeightsSettings


@lru_cache(maxsize=2)
def loaded(folder: Path) -> Weights:
    """A folder's weights, loaded once."""
    import transformers  # noqa: PLC0415  not everywhere

    from phi4_server.weights.load.loader import load  # noqa: PLC0415  see above

    transformers.logging.disable_progress_bar()
    return load(WeightsSettings(model=str(folder), device="cpu", dtype="float32"), lambda _: None)


def endless(weights: Weights) -> Weights:
    """The same, in whose answers no token is the last."""
    return replace(weights, ends=(10**6,))


def form(weights: Weights) -> Form:
    """How a model is asked."""
    return Form(
        vocabulary=Vocabulary(weights.tokenizer),
        image_token=weights.image_token,
        audio_token=weights.audio_token,
        images=weights.images,
        audio=AudioForm.of(weights.audio),
        context=weights.context,
    )


def png(width: int = 300, height: int = 200, *, seed: int = 0) -> NormalFile:
    """An image of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return NormalFile(kind="image", data=file.getvalue())


def wav(seconds: float = 1.0, *, pitch: float = 440.0) -> NormalFile:
    """A tone."""
    samples = np.sin(np.arange(int(seconds * 16_000)) * pitch * 2 * np.pi / 16_000) * 9000
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(samples.astype("<i2").tobytes())
    return NormalFile(kind="audio", data=file.getvalue())


def question(
    weights: Weights,
    text: str = "What is it?",
    files: Sequence[NormalFile] = (),
    *,
    stop: Sequence[str] = (),
    **options: float,
) -> Question:
    """One question, its files before its words."""
    named: Mapping[Path, NormalFile] = {
        Path(f"{number}.{'png' if file.kind == 'image' else 'wav'}"): file
        for number, file in enumerate(files, start=1)
    }
    message = Message(role="user", text=text, files=tuple(named), is_prompt=False)
    request = ChatRequest(messages=(message,), options=options, stop=tuple(stop))
    return to_question(request, named, form(weights))


def plain(weights: Weights, asked: Question, **options: Any) -> list[int]:
    """What `model.generate` itself answers, as its documentation has it called."""
    import torch  # noqa: PLC0415  not everywhere

    from phi4_server.weights.generation.pixels import to_pixels  # noqa: PLC0415  see above

    inputs: dict[str, Any] = {"input_ids": torch.tensor([asked.prompt.ids])}
    if asked.prompt.images:
        pixels = to_pixels([image.data for image in asked.prompt.images], weights.images, torch.float32)
        assert pixels is not None
        inputs |= {
            "image_pixel_values": pixels.values,
            "image_sizes": pixels.sizes,
            "image_attention_mask": pixels.mask,
        }
    if asked.prompt.audio:
        samples = [to_samples(audio.data) for audio in asked.prompt.audio]
        inputs |= weights.audio(samples, sampling_rate=16_000, return_tensors="pt")
    adapter = "vision" if asked.prompt.images else "speech" if asked.prompt.audio else "__base__"
    options = {
        "do_sample": False,
        "max_new_tokens": asked.most,
        "eos_token_id": [*weights.ends],
        "pad_token_id": weights.pad,
        **options,
    }
    out = weights.model.generate(**inputs, **options, adapter_names=[adapter])
    return [*out[0, len(asked.prompt.ids) :].tolist()]


def text_of(weights: Weights, tokens: Sequence[int]) -> str:
    """Tokens as text, decoded in one go."""
    return str(weights.tokenizer.decode([*tokens], skip_special_tokens=True))


def whole(pieces: Sequence[str | End]) -> tuple[str, End]:
    """A whole answer: its text and its end."""
    *texts, end = pieces
    assert isinstance(end, End)
    assert all(isinstance(text, str) for text in texts)
    return "".join(text for text in texts if isinstance(text, str)), end
