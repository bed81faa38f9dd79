"""What the offline model hears in sounds."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline.audio import measure
from phi4_server.offline.measured import MeasuredAudio
from phi4_server.offline.model import OfflineModel

Recorded = Callable[..., Path]
Samples = npt.NDArray[np.float64]
RATE = 16_000


def tone(
    pitch: float, *, seconds: float = 1.0, rate: int = RATE, level: float = 0.5, overtones: int = 1
) -> Samples:
    """Samples of a tone, -1 to 1, with overtones that grow weaker."""
    time = np.arange(int(seconds * rate)) / rate
    parts = [
        np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, overtones + 1) if pitch * n < rate / 2
    ]
    return np.asarray(level * np.sum(parts, axis=0))


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """Writes samples into a WAV file of 16 bits; rows are channels."""

    def write(name: str, samples: Samples, rate: int = RATE) -> Path:
        channels = np.atleast_2d(samples)
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(channels.shape[0])
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((np.clip(channels, -1, 1).T * 32767).astype("<i2").tobytes())
        return tmp_path / name

    return write


def asked(question: str, *files: Path) -> str:
    """The model's answer to a question on files."""
    return "".join(OfflineModel().stream([Message(role="user", text=question, files=files)]))


def heard(path: Path) -> MeasuredAudio:
    """Audio, measured."""
    return measure(path, container(path)[1])


@pytest.mark.parametrize(("level", "loudness"), [(1.0, -3.0), (0.1, -23.0), (0.01, -43.0)])
def test_loudness_is_the_mean_power(recorded: Recorded, level: float, loudness: float) -> None:
    """A sine's loudness lies 3 dB under its peak."""
    assert heard(recorded("a.wav", tone(440, level=level))).loudness == pytest.approx(loudness, abs=0.1)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How long is it?", "It lasts 1.50 seconds."),
        ("What is its sample rate?", "Its sample rate is 16000 Hz."),
        ("How loud is it?", "Its loudness is -9.0 dBFS (RMS)."),
        ("What format is it?", "Its format is WAV."),
        ("How long is the second recording?", "There is no file with that number."),
        ("How long and how loud is it?", "It lasts 1.50 seconds. Its loudness is -9.0 dBFS (RMS)."),
    ],
)
def test_a_question_on_a_sound_is_answered_from_it(recorded: Recorded, question: str, answer: str) -> None:
    """Duration, rate, channels and loudness are measured from the samples."""
    assert asked(question, recorded("a.wav", tone(440, seconds=1.5))) == answer


DESCRIPTION = (
    "a.wav is a sound. Its format is WAV. It lasts 1.00 seconds. Its sample rate is 16000 Hz."
    " It has 1 channel (mono). Its loudness is -9.0 dBFS (RMS)."
)


@pytest.mark.parametrize(
    "question", ["", "What is this?", "Describe it.", "Transcribe it.", "Who is speaking?"]
)
def test_any_other_question_gets_a_description(recorded: Recorded, question: str) -> None:
    """What cannot be heard is not made up: the answer says what can."""
    assert (
        asked(question, recorded("a.wav", tone(440)))
        == f"{DESCRIPTION} I recognise no objects and transcribe no speech."
    )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How loud is it?", "It is silent."),
        (
            "What is this?",
            DESCRIPTION.replace("Its loudness is -9.0 dBFS (RMS).", "It is silent."),
        ),
    ],
)
def test_silence_is_said_plainly(recorded: Recorded, question: str, answer: str) -> None:
    """A recording in which nothing can be heard is called silent."""
    assert asked(question, recorded("a.wav", np.zeros(RATE))).startswith(answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How loud is the second recording?", "Sound 2: Its loudness is -23.0 dBFS (RMS)."),
        ("How long are they?", "Sound 1: It lasts 1.00 seconds. Sound 2: It lasts 2.50 seconds."),
    ],
)
def test_several_sounds_are_told_apart(recorded: Recorded, question: str, answer: str) -> None:
    """A question may mean one of them by its number, all of them, or what sets them apart."""
    sounds = recorded("a.wav", tone(440)), recorded("b.wav", tone(220, seconds=2.5, level=0.1))

    assert asked(question, *sounds) == answer


def encode(path: Path, codec: str, *, rate: int = 48_000, form: str = "s16") -> Path:
    """A stereo tone of a second, in any codec."""
    samples = np.stack([tone(440, rate=rate)] * 2)
    with av.open(str(path), "w") as file:
        stream = cast("av.AudioStream", file.add_stream(codec, rate=rate))
        stream.layout = "stereo"
        packed = (samples.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(packed, format=form, layout="stereo")
        frame.sample_rate = rate
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.wav", "pcm_s16le", "WAV"),
        ("a.mp3", "mp3", "MP3"),
        ("a.flac", "flac", "FLAC"),
        ("a.ogg", "libopus", "Ogg Opus"),
        ("b.ogg", "flac", "Ogg Flac"),
        ("a.opus", "libopus", "Ogg Opus"),
        ("a.m4a", "aac", "M4A"),
    ],
)
def test_every_format_is_heard(tmp_path: Path, name: str, codec: str, form: str) -> None:
    """The formats are known by their bytes, whatever the file is called."""
    path = encode(tmp_path / name, codec).rename(tmp_path / "download.bin")

    sound = heard(path)

    assert sound.format == form
    assert sound.duration == pytest.approx(1, abs=0.05)
    assert (sound.rate, sound.channels) == (48_000, 2)
    assert sound.loudness == pytest.approx(-9, abs=0.5)


def test_a_long_sound_is_heard_in_full(recorded: Recorded) -> None:
    """The duration and the loudness come from all of it."""
    samples = np.concatenate([tone(440, seconds=36, rate=8000), np.zeros(36 * 8000)])
    path = recorded("a.wav", samples, 8000)

    assert asked("How long is it?", path) == "It lasts 72.00 seconds (1 min 12 s)."
    assert asked("How loud is it?", path) == "Its loudness is -12.0 dBFS (RMS)."


def test_a_picture_and_a_sound_are_told_apart(recorded: Recorded, tmp_path: Path) -> None:
    """A question on both is answered from both."""
    picture = tmp_path / "a.bmp"
    pixels = b"\x00\x00\xff\x00" * 4
    picture.write_bytes(
        b"BM"
        + (54 + 16).to_bytes(4, "little")
        + bytes(4)
        + (54).to_bytes(4, "little")
        + (40).to_bytes(4, "little")
        + (2).to_bytes(4, "little") * 2
        + b"\x01\x00\x20\x00"
        + bytes(24)
        + pixels
    )

    answer = asked("What colour is it, and how long is the tone?", picture, recorded("a.wav", tone(440)))

    assert answer == "Its main colour is red (100%, #ff0000). It lasts 1.00 seconds."


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", b"RIFF\x00\x00\x00\x00WAVEfmt broken"),
        (
            "a.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0",
        ),
        ("a.mp3", b"ID3" + bytes(200)),
        ("a.flac", b"fLaC" + bytes(100)),
        ("a.ogg", b"OggS" + bytes(100)),
        ("a.m4a", b"\x00\x00\x00\x18ftypM4A " + bytes(100)),
    ],
)
def test_a_broken_sound_is_refused_by_name(tmp_path: Path, name: str, data: bytes) -> None:
    """The error says which file and why, and tells no path."""
    (tmp_path / name).write_bytes(data)

    with pytest.raises(ValueError, match=rf"^{name} cannot be decoded: \S") as caught:
        asked("What is this?", tmp_path / name)

    assert str(tmp_path) not in str(caught.value)


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    """A song may carry the picture of its cover."""
    path = encode(tmp_path / "a.mp3", "mp3")
    cover = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(cover, "PNG")
    body = b"\0image/png\0\3\0" + cover.getvalue()
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes((len(frame) >> 7 * shift) & 127 for shift in (3, 2, 1, 0))
    path.write_bytes(b"ID3\3\0\0" + size + frame + path.read_bytes())

    assert heard(path).format == "MP3"


def test_a_video_is_refused(tmp_path: Path) -> None:
    """Moving pictures are not taken for a sound."""
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)

    with pytest.raises(ValueError, match=r"^a\.mp4 cannot be decoded: it is a video"):
        asked("What is this?", tmp_path / "a.mp4")


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "ffconcat version 1.0\nfile /etc/hostname\n"]
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, text: str) -> None:
    """What FFmpeg would follow to other files is no sound, whatever it is called."""
    (tmp_path / "a.wav").write_text(text)

    with pytest.raises(ValueError, match=r"^a\.wav is neither"):
        asked("What is this?", tmp_path / "a.wav")


@settings(deadline=None, max_examples=40)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"RIFFxxxxWAVE", b"ID3", b"\xff\xfb", b"fLaC", b"OggS", b"xxxxftyp"]),
)
def test_no_bytes_raise_anything_but_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    """Whatever a file holds, it is a sound, or refused."""
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(start + data)

    with suppress(ValueError):
        heard(path)
