"""Audio, measured: format, duration, rate, channels, loudness. Knows no question.

Decoded as a stream, so that an hour of it fits in little memory. What is bounded is samples, since a second
may hold any number of them: of audio with more than 100 million, the first are measured, and its length is
what the file says. FFmpeg is named the container that the first bytes show: it is never left to guess, as
some of its formats (playlists) would open other files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

_MAX_CHANNELS = 8
_MAX_RATE = 384_000
_MAX_VALUES = 100_000_000
_CONTAINERS = {"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "mov": "M4A"}
_COVERS = frozenset({"mjpeg", "png", "bmp", "gif"})
_CODECS = """
    aac adpcm_ima_wav adpcm_ms alac flac libopus libvorbis mp1float mp2 mp2float mp3 mp3float opus pcm_alaw
    pcm_f32le pcm_f64le pcm_mulaw pcm_s16be pcm_s16le pcm_s24be pcm_s24le pcm_s32be pcm_s32le pcm_u8 speex
    vorbis
"""
"""FFmpeg's decoders that may run, of some hundreds that it has."""

_OPTIONS = {"codec_whitelist": ",".join(_CODECS.split()), "protocol_whitelist": "none", "max_streams": "32"}
"""What FFmpeg itself holds a file to: no other decoder, no other file or address opened, few streams."""


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
    """

    name: str
    format: str
    duration: float
    rate: int
    channels: int
    loudness: float

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
    try:
        # FFmpeg is handed the open file, and so no name that it could take for an address of its own.
        with (
            path.open("rb") as data,
            av.open(data, "r", container, options=_OPTIONS, metadata_errors="replace") as file,
        ):
            stream = _stream(file)
            kind = _CONTAINERS.get(container) or f"Ogg {stream.codec_context.name.capitalize()}"
            return _measured(file, stream, name=path.name, kind=kind)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes; FFmpeg's would tell the whole path
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def _stream(file: av.container.InputContainer) -> av.AudioStream:
    """The first audio of a file that is no video, if it is within the limits by what the file says of it."""
    if any(_codec(stream) not in _COVERS for stream in file.streams.video):
        raise ValueError("it is a video; only pictures and sounds are taken")
    if not file.streams.audio:
        raise ValueError("it holds no sound")
    stream = file.streams.audio[0]
    if (codec := _codec(stream)) not in _CODECS.split():
        raise ValueError(f"its codec {codec} is not taken" if codec else "its codec is unknown")
    _refuse_absurd(stream.codec_context.channels, stream.codec_context.sample_rate)
    stream.codec_context.thread_count = 1
    return stream


def _codec(stream: av.stream.Stream) -> str | None:
    """The name of a stream's codec; None where FFmpeg has none for it."""
    return stream.codec_context.name if stream.codec_context else None


def _refuse_absurd(channels: int, rate: int) -> None:
    if channels > _MAX_CHANNELS:
        raise ValueError(f"it has {channels} channels; at most {_MAX_CHANNELS} are taken")
    if rate > _MAX_RATE:
        raise ValueError(f"its sample rate is {rate} Hz; at most {_MAX_RATE} Hz are taken")


def _measured(
    file: av.container.InputContainer, stream: av.AudioStream, *, name: str, kind: str
) -> MeasuredAudio:
    # Packed: of planes, PyAV (18 as well) reads one too many where there are eight or more, and crashes.
    resampler = av.AudioResampler(format="flt")
    rate, channels, values, power = stream.rate or 1, 0, 0, 0.0
    for frame in chain(file.decode(stream), [None]):
        if frame:  # it need not be as the file said
            _refuse_absurd(frame.layout.nb_channels, frame.sample_rate)
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
