"""Audio as Phi-4 hears it: samples, and how many tokens they are. Needs numpy alone."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np

_LOUDEST = 32768.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioForm:
    """The form in which the model takes audio.

    Attributes:
        rate: Samples a second.
        window: Samples of a frame.
        step: Samples from the start of a frame to that of the next.
        frames: Frames of a token.
    """

    rate: int = 16_000
    window: int = 400
    step: int = 160
    frames: int = 8

    @classmethod
    def of(cls, extractor: Any) -> AudioForm:
        """That of a `transformers.Phi4MultimodalFeatureExtractor`."""
        return cls(
            rate=extractor.sampling_rate,
            window=extractor.win_length,
            step=extractor.hop_length,
            frames=extractor.audio_compression_rate * extractor.audio_downsample_rate,
        )


def count_tokens(samples: int, form: AudioForm) -> int:
    """How many tokens audio of so many samples is.

    Raises:
        ValueError: It is too short to be any.
    """
    if samples < form.window:
        least = 1000 * form.window / form.rate
        raise ValueError(f"{1000 * samples / form.rate:.3g} ms are too short; the model needs {least:g} ms")
    return math.ceil(((samples - form.window) // form.step + 1) / form.frames)


def to_samples(wav: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The samples of a WAV of one channel with 16 bits, from -1 to 1.

    Raises:
        ValueError: All of them are silence.
    """
    with wave.open(io.BytesIO(wav)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    if not samples.any():
        raise ValueError("it is silent from beginning to end")
    return samples.astype(np.float32) / _LOUDEST
