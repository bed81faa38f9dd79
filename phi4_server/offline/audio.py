"""Audio, measured: format, duration, rate, channels, loudness. Knows no question.

Decoded as a stream, so that an hour of it fits in little memory. What is bounded is samples, since a second
may hold any number of them: of audio with more than 100 million, the first are measured, and its length is
what the file says.
"""

from __future__ import annotations

import math
from itertools import chain
from pathlib import Path

import av
import numpy as np

from phi4_server.media.audio import frames, opened_audio
from phi4_server.offline.measured import MeasuredAudio

_MAX_VALUES = 100_000_000
_CONTAINERS = {"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "mov": "M4A", "matroska": "WebM"}


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
    # Packed: of planes, PyAV (18 as well) reads one too many where there are eight or more, and crashes.
    resampler = av.AudioResampler(format="flt")
    rate, channels, values, power = stream.rate or 1, 0, 0, 0.0
    for frame in chain(frames(file, stream), [None]):
        for block in resampler.resample(frame):
            samples = block.to_ndarray().astype(np.float64)
            channels = block.layout.nb_channels
            values += samples.size
            power += float((samples**2).sum())
        if values > _MAX_VALUES:
            break
    if not values:
        raise ValueError("it holds no sound")
    loudness = 10 * math.log10(power / values) if power else -math.inf
    length = file.duration if values > _MAX_VALUES else None
    duration = length / av.time_base if length else values / channels / rate
    return MeasuredAudio(name, kind, duration, rate, channels, loudness)
