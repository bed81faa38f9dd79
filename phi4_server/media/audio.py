"""Audio: opened within limits, and rewritten as WAV. Knows no model; runs in a decoder's child process.

FFmpeg is named the container that the first bytes show: it is never left to guess, as some of its formats
(playlists) would open other files.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

RATE = 16_000
"""Samples a second of the WAV that models are given."""

_MAX_CHANNELS = 8
_MAX_RATE = 384_000
_SAMPLE = 2
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
class Wav:
    """Audio as 16-bit samples of one channel in a WAV, `RATE` of them a second."""

    data: bytes
    seconds: float

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its length, and the file."""
        return {"seconds": self.seconds}, self.data


@contextmanager
def opened_audio(path: Path, container: str) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    """A file and its first audio, for as long as the block; what goes wrong in it is put in words, too.

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
            yield file, _stream(file)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes; FFmpeg's would tell the whole path
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def frames(file: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """The frames of a file's audio, as they are decoded.

    Raises:
        ValueError: One has more channels or a higher sample rate than is taken.
    """
    for frame in file.decode(stream):
        _refuse_absurd(frame.layout.nb_channels, frame.sample_rate)  # it need not be as the file said
        yield frame


def to_wav(path: Path, container: str, seconds: str) -> Wav:
    """Audio in the one form that models are given.

    Args:
        path: The file.
        container: The container it is in, by FFmpeg's names.
        seconds: How long it may be.

    Raises:
        ValueError: It is longer, or see `opened_audio`.
        MemoryError: See `opened_audio`.
    """
    most = float(seconds)
    samples = bytearray()
    with opened_audio(path, container) as (file, stream):
        for block in _blocks(file, stream):
            samples += block
            if len(samples) > most * RATE * _SAMPLE:
                raise ValueError(f"it is longer than {most:g} seconds")
    if not samples:
        raise ValueError("it holds no sound")
    written = io.BytesIO()
    with wave.open(written, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(_SAMPLE)
        wav.setframerate(RATE)
        wav.writeframes(samples)
    return Wav(written.getvalue(), len(samples) / _SAMPLE / RATE)


def _blocks(file: av.container.InputContainer, stream: av.AudioStream) -> Iterator[bytes]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in frames(file, stream):
        yield from (each.to_ndarray().tobytes() for each in resampler.resample(frame))
    yield from (each.to_ndarray().tobytes() for each in resampler.resample(None))


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
