"""Audio as Phi-4 hears it: how many tokens each length is, and what is refused."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from phi4_server.weights.generation.audio import AudioForm, count_tokens, to_samples


@pytest.mark.parametrize(
    ("seconds", "tokens"), [(0.025, 1), (0.5, 6), (1, 13), (10, 125), (30, 375), (60, 750), (120, 1500)]
)
def test_tokens_by_length(seconds: float, tokens: int) -> None:
    """As transformers' own feature extractor counted them."""
    assert count_tokens(int(seconds * 16_000), AudioForm()) == tokens


def test_too_short() -> None:
    """Less than one frame is refused, with both lengths."""
    with pytest.raises(ValueError, match=r"24\.9 ms are too short; the model needs 25 ms"):
        count_tokens(399, AudioForm())


def wav(samples: list[int]) -> bytes:
    """A WAV of these samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(np.array(samples, "<i2").tobytes())
    return file.getvalue()


def test_samples() -> None:
    """From -1 to 1."""
    assert to_samples(wav([0, 16384, -32768])).tolist() == [0, 0.5, -1]


def test_silence() -> None:
    """A model would invent something, so it is refused."""
    with pytest.raises(ValueError, match="silent"):
        to_samples(wav([0] * 1000))
