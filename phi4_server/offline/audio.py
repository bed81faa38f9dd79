"""Audio, measured: duration, loudness, pitch. Knows no question.

Decoded as a stream, so that an hour of it fits in little memory; the pitch is that of its first ten seconds.
What is bounded is samples, since a second may hold any number of them: of audio with more than 100 million,
the first are measured, and its length is what the file says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from phi4_server.media.audio import frames, opened_audio

_MAX_VALUES = 100_000_000
_PITCH_S, _PITCH_VALUES = 10.0, 1_000_000
_SILENT = -80.0
_LOWEST, _HIGHEST = 50.0, 4200.0
_CLEAR = 0.3
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CONTAINERS = {"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "mov": "M4A"}

Samples = npt.NDArray[np.float32]
"""Samples of one or more channels, -1 to 1; shape (channels, n)."""


@dataclass(frozen=True, slots=True)
class MeasuredAudio:
    """Audio, measured.

    Attributes:
        name: Its file's name.
        format: "WAV", "MP3", "FLAC", "M4A", or "Ogg" with its codec.
        duration: Its length in seconds.
        rate: Samples a second.
        channels: 1 for mono, 2 for stereo.
        loudness: The mean power in dBFS (0 is a full-scale square wave); minus infinity for no sample but 0.
        pitch: The strongest frequency in Hz; None where none stands out.
    """

    name: str
    format: str
    duration: float
    rate: int
    channels: int
    loudness: float
    pitch: float | None

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard in it."""
        return self.loudness < _SILENT

    @property
    def note(self) -> str | None:
        """The name of the note nearest to the pitch, A4 being 440 Hz."""
        key = round(69 + 12 * math.log2(self.pitch / 440)) if self.pitch else 0
        return f"{_NOTES[key % 12]}{key // 12 - 1}" if self.pitch else None

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them; there are no bytes."""
        return asdict(self), b""


def measure(path: Path, container: str) -> MeasuredAudio:
    """Decodes and measures audio, in this process: strangers' files are decoded by a `Decoder`.

    Args:
        path: The file.
        container: The container it is in, by FFmpeg's names.

    Raises:
        ValueError: It is broken, holds no sound, is a video, or has more channels or a higher sample rate
            than is taken; the text says which.
        MemoryError: It takes more memory than there is.
    """
    with opened_audio(path, container) as (file, stream):
        kind = _CONTAINERS.get(container) or f"Ogg {stream.codec_context.name.capitalize()}"
        return _measured(file, stream, name=path.name, kind=kind)


def _measured(
    file: av.container.InputContainer, stream: av.AudioStream, *, name: str, kind: str
) -> MeasuredAudio:
    rate, count, values, power = stream.rate or 1, 0, 0, 0.0
    first: list[Samples] = []
    for block in _blocks(file, stream):
        power += float((block.astype(np.float64) ** 2).mean(axis=0).sum())
        first += [block] if count < _PITCH_S * rate and values < _PITCH_VALUES else []
        count += block.shape[1]
        values += block.size
        if values > _MAX_VALUES:
            break
    if not first:
        raise ValueError("it holds no sound")
    samples = np.concatenate(first, axis=1)
    loudness = 10 * math.log10(power / count) if power else -math.inf
    length = file.duration if values > _MAX_VALUES else None
    duration = length / av.time_base if length else count / rate
    pitch = _pitch(samples, rate) if loudness >= _SILENT else None
    return MeasuredAudio(name, kind, duration, rate, samples.shape[0], loudness, pitch)


def _blocks(file: av.container.InputContainer, stream: av.AudioStream) -> Iterator[Samples]:
    # Packed: of planes, PyAV (18 as well) reads one too many where there are eight or more, and crashes.
    resampler = av.AudioResampler(format="flt")
    for frame in frames(file, stream):
        yield from map(_unpacked, resampler.resample(frame))
    yield from map(_unpacked, resampler.resample(None))


def _unpacked(frame: av.AudioFrame) -> Samples:
    channels = frame.layout.nb_channels
    return np.asarray(frame.to_ndarray().reshape(-1, channels).T, dtype=np.float32)


def _pitch(samples: Samples, rate: int) -> float | None:
    """The strongest frequency of the loudest channel, where much of its power is there; else None."""
    channel = samples[(samples**2).sum(axis=1).argmax()]
    power = np.abs(np.fft.rfft(channel * np.hanning(len(channel)), 2 * len(channel))) ** 2
    step = rate / (2 * len(channel))
    low, high = int(_LOWEST / step) + 1, min(int(_HIGHEST / step), len(power) - 1)
    if low >= high:
        return None
    peak = low + int(power[low:high].argmax())
    near = power[int(0.97 * peak) : int(1.03 * peak) + 2].sum()
    if near < _CLEAR * power.sum():
        return None
    left, top, right = np.log(np.maximum(power[peak - 1 : peak + 2], 1e-30))
    return float((peak + (right - left) / (2 * (2 * top - left - right) or 1)) * step)
