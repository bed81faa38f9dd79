"""Files made to crash, hang or fill a decoder are refused by name, or measured in bounds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import bombs
import pytest

from phi4_server.media.decoder import Decoder
from phi4_server.media.limits import MIB, DecodeLimits
from phi4_server.model import Message
from phi4_server.offline import audio, files
from phi4_server.offline.measured import MeasuredAudio, MeasuredImage
from phi4_server.offline.model import OfflineModel

Make = Callable[[], bytes]

PICTURES_REFUSED: dict[str, tuple[Make, str]] = {
    "PNG of 64 million pixels": (
        lambda: bombs.png(width=8000, height=8000),
        r"8000 x 8000 pixels are too many",
    ),
    "PNG of one long row": (lambda: bombs.png(width=2**31 - 1, height=1), r"pixels"),
    "PNG of a longer side than any": (lambda: bombs.png(width=65_536, height=8), r"pixels are too many"),
    "PNG of 49 million pixels, and none": (lambda: bombs.png(width=7000, height=7000), r"truncated"),
    "PNG with a text of 200 MB": (lambda: bombs.compressed_text(chunks=1, megabytes=200), r"too large"),
    "PNG with 100 texts of 1 MB": (lambda: bombs.compressed_text(chunks=100, megabytes=1), r"text chunks"),
    "PNG with an international text": (lambda: bombs.international_text(megabytes=200), r"too large"),
    "PNG with a profile of 200 MB": (lambda: bombs.colour_profile(megabytes=200), r"too large"),
    "TIFF of 1,600 million pixels": (lambda: bombs.tiff(bombs.grey(40_000, 40_000)), r"pixels"),
    "TIFF with a strip of 4 GB": (lambda: bombs.tiff(bombs.grey(7000, 7000, length=2**32 - 1)), r"truncated"),
    "TIFF with a deflated strip of 4 GB": (
        lambda: bombs.tiff(bombs.grey(7000, 7000, compression=8, length=2**32 - 1)),
        r"decoder error",
    ),
    "TIFF whose tags are as large squared": (lambda: bombs.overlapping_tiff(60_000), r"too much memory"),
    "GIF with a canvas of 4,295 million pixels": (
        lambda: bombs.gif([(1, 1)], canvas=(65_535,) * 2),
        r"pixels",
    ),
    "GIF with a frame larger than its canvas": (lambda: bombs.gif([(65_535, 65_535)]), r"pixels"),
    "WebP with a canvas of 268 million pixels": (lambda: bombs.webp(16_384), r"decoder|pixels|memory"),
    "BMP of 1,600 million pixels": (lambda: bombs.bmp(40_000, 40_000), r"pixels"),
    "BMP of 49 million pixels, and none": (lambda: bombs.bmp(7000, -7000), r"truncated"),
    "JPEG of 4,290 million pixels": (lambda: bombs.jpeg(65_500, 65_500), r"pixels"),
}
PICTURES_MEASURED: dict[str, tuple[Make, tuple[int, int], bool]] = {
    "PNG that claims two thousand million frames": (lambda: bombs.apng(frames=2**31 - 1), (8, 8), True),
    "TIFF of 200,000 directories": (lambda: bombs.directories(200_000), (1, 1), True),
    "TIFF of directories in a circle": (bombs.circle, (1, 1), True),
    "GIF of 100,000 frames": (lambda: bombs.gif([(1, 1)] * 100_000), (8, 8), True),
    "GIF with a second frame beyond all bounds": (lambda: bombs.gif([(1, 1), (65_535,) * 2]), (8, 8), True),
    "GIF of 49 million pixels": (lambda: bombs.saved("GIF", "P", (7000, 7000)), (7000, 7000), False),
}
SOUNDS_REFUSED: dict[str, tuple[Make, str]] = {
    "WAV without a channel": (lambda: bombs.wav(channels=0), r"\S"),
    "WAV of 9 channels": (lambda: bombs.wav(channels=9), r"it has 9 channels; at most 8 are taken"),
    "WAV of 255 channels": (lambda: bombs.wav(channels=255), r"it has 255 channels"),
    "WAV of 65,535 channels": (lambda: bombs.wav(channels=65_535), r"\S"),
    "WAV of 0 Hz": (lambda: bombs.wav(rate=0), r"\S"),
    "WAV of 384,001 Hz": (lambda: bombs.wav(rate=384_001), r"is 384001 Hz; at most 384000 Hz are taken"),
    "WAV of 4,295 million Hz": (lambda: bombs.wav(rate=2**32 - 1), r"\S"),
    "WAV of 0 bits": (lambda: bombs.wav(bits=0), r"codec is unknown"),
    "WAV of 57 bits": (lambda: bombs.wav(bits=57), r"codec pcm_s64le is not taken"),
    "WAV of 65,535 bits": (lambda: bombs.wav(bits=65_535), r"codec is unknown"),
    "WAV with the sound of a film": (lambda: bombs.wav(form=0x2001, bits=16), r"codec dca is not taken"),
    "WAV with a list of 4 GB": (lambda: bombs.wav(before=b"LIST\xff\xff\xff\xff"), r"\S"),
    "FLAC of 655,350 Hz": (lambda: bombs.flac(rate=655_350, frames=400), r"is 655350 Hz; at most 384000 Hz"),
    "Ogg of 3,000 streams": (lambda: bombs.ogg_streams(3000), r"\S"),
    "Ogg that goes on with more channels": (
        lambda: bombs.encoded("ogg", "flac") + bombs.encoded("ogg", "flac", layout="stereo"),
        r"\S",
    ),
    "M4A of 3,000 tracks": (lambda: bombs.m4a(tracks=3000), r"\S"),
    "M4A with a table of 4,295 million entries": (lambda: bombs.m4a(entries=2**32 - 1), r"\S"),
}
SOUNDS_MEASURED: dict[str, tuple[Make, int]] = {
    "WAV of 8 channels in 76 bytes": (lambda: bombs.wav(channels=8), 8),
    "WAV of 8 channels in 48 kHz": (lambda: bombs.wav(channels=8, bits=16, rate=48_000, frames=500), 8),
    "FLAC of 8 channels in 76 bytes": (lambda: bombs.flac(rate=44_100, channels=8), 8),
    "FLAC of more channels than it says": (lambda: bombs.flac(rate=44_100, channels=8, claimed=1), 8),
    "WAV of 384,000 Hz": (lambda: bombs.wav(rate=384_000), 1),
    "WAV of 1 Hz": (lambda: bombs.wav(rate=1), 1),
    "WAV that claims 4 GB": (lambda: bombs.wav(size=2**32 - 1), 1),
    "WAV of odd blocks": (lambda: bombs.wav(align=65_535), 1),
    "Ogg of 300 files in a chain": (lambda: bombs.encoded("ogg", "libopus") * 300, 1),
    "MP3 with a tag of 16 MB": (lambda: bombs.tagged(bytes(16 << 20)), 1),
    "MP3 with a compressed tag of 200 MB": (lambda: bombs.compressed_tag(megabytes=200), 1),
    "MP3 with a cover of 3,600 million pixels": (lambda: bombs.cover(60_000), 1),
    "M4A that claims 4,295 million samples": (lambda: bombs.m4a(samples=2**32 - 1), 1),
}


def decoder(**limits: int) -> Decoder:
    """A decoder of pictures and sounds with other limits."""
    return Decoder(files._IMAGE, files._AUDIO, limits=DecodeLimits(**limits))


@pytest.fixture(autouse=True, scope="module")
def tight() -> Iterator[None]:
    """A third of the memory that a worker may have must do for all of them."""
    usual, files._decoder = files._decoder, decoder(memory=320 * MIB)
    yield
    files._decoder.close()
    files._decoder = usual


def opened(folder: Path, data: bytes) -> MeasuredImage | MeasuredAudio:
    """A file of those bytes, measured."""
    path = folder / "bomb.bin"
    path.write_bytes(data)
    (received,) = files.opened([path])
    return received


@pytest.mark.parametrize("name", PICTURES_REFUSED)
def test_a_hostile_picture_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """The limits come before the pixels: there is no room for those."""
    make, reason = PICTURES_REFUSED[name]

    with pytest.raises(ValueError, match=rf"^bomb\.bin cannot be decoded: .*{reason}") as caught:
        opened(tmp_path, make())

    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", PICTURES_MEASURED)
def test_an_odd_picture_is_measured_in_bounds(tmp_path: Path, name: str) -> None:
    """What only claims much is not believed, and of many frames none but the first is looked at."""
    make, size, animated = PICTURES_MEASURED[name]

    picture = opened(tmp_path, make())

    assert isinstance(picture, MeasuredImage)
    assert ((picture.width, picture.height), picture.animated) == (size, animated)


@pytest.mark.parametrize("name", SOUNDS_REFUSED)
def test_a_hostile_sound_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Channels, rates, widths, streams and codecs beyond what music has are refused before any is decoded."""
    make, reason = SOUNDS_REFUSED[name]

    with pytest.raises(ValueError, match=rf"^bomb\.bin cannot be decoded: .*{reason}") as caught:
        opened(tmp_path, make())

    assert "decoder failed" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", SOUNDS_MEASURED)
def test_an_odd_sound_is_measured_in_bounds(tmp_path: Path, name: str) -> None:
    """Eight channels are taken, and what only claims much is not believed."""
    make, channels = SOUNDS_MEASURED[name]

    measured = opened(tmp_path, make())

    assert isinstance(measured, MeasuredAudio)
    assert measured.channels == channels


def test_samples_are_bounded_whatever_time_they_take(tmp_path: Path) -> None:
    """Of 35 kB that hold 524 million samples, the first 100 million are decoded."""
    measured = opened(tmp_path, bombs.flac(rate=384_000, channels=8, frames=1000))

    assert isinstance(measured, MeasuredAudio)
    blocks = -(-100_000_001 // (8 * 65_535))
    assert measured.duration == pytest.approx(blocks * 65_535 / 384_000)


def test_a_picture_may_take_all_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the usual limits, the format that takes most memory is measured up to the limit of pixels."""
    monkeypatch.setattr(files, "_decoder", decoder())

    picture = opened(tmp_path, bombs.saved("WEBP", "RGB", (7000, 7000), method=0))

    assert isinstance(picture, MeasuredImage)
    assert picture.width == 7000


def test_a_picture_of_endless_passes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes too much CPU time costs no more of it than the limit."""
    monkeypatch.setattr(files, "_decoder", decoder(cpu_s=1))

    with pytest.raises(ValueError, match=r"^bomb\.bin cannot be decoded: it took too long$"):
        opened(tmp_path, bombs.scans(5000, side=7000))


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A pipe that nobody writes to: whoever opens it waits, and is found out by the time it takes."""
    os.mkfifo(tmp_path / "trap.ts")
    return tmp_path / "trap.ts"


@pytest.fixture(scope="module")
def short() -> Iterator[Decoder]:
    """A decoder of sounds that does not wait long."""
    limits = DecodeLimits(wall_s=10.0)
    found = Decoder(files._AUDIO, "decoders:listen_with_links", limits=limits)
    yield found
    found.close()


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{trap}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {trap}\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 5004 RTP/AVP 0\na=control:{trap}\n",
    "list.vtt": "WEBVTT\n\n00:00.000 --> 00:01.000\n{trap}\n",
    "list.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{trap}</BaseURL></MPD>',
}


@pytest.mark.parametrize("container", ["wav", "mp3", "flac", "ogg", "mov"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_opens_no_other_file(
    tmp_path: Path, trap: Path, short: Decoder, name: str, container: str
) -> None:
    """Whatever its first bytes made it be taken for, a file is decoded as that, and FFmpeg never guesses."""
    path = tmp_path / name
    path.write_text(PLAYLISTS[name].format(trap=trap.name))

    with pytest.raises(ValueError, match=rf"^{name} cannot be decoded: ") as caught:
        short.decode(files._AUDIO, path, container)

    assert "too long" not in str(caught.value)


def test_a_link_in_a_sound_opens_no_other_file(tmp_path: Path, trap: Path, short: Decoder) -> None:
    """QuickTime's references to other files are not followed, even where FFmpeg is asked to."""
    path = tmp_path / "link.m4a"
    path.write_bytes(bombs.m4a(link=bytes(trap)))

    for function in (files._AUDIO, "decoders:listen_with_links"):
        with pytest.raises(ValueError, match="it holds no sound"):
            short.decode(function, path, "mov")


@pytest.mark.parametrize(
    "name",
    [
        "concat:tone.wav|tone.wav",
        "subfile,,start,0,end,0,,:tone.wav",
        "file:tone.wav",
        "-i tone.wav",
        "pipe:0",
    ],
)
def test_a_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A file may be called as FFmpeg writes its addresses, and is still that file."""
    monkeypatch.chdir(tmp_path)
    bombs.tone(tmp_path / name)

    (received,) = files.opened([Path(name)])

    measured = audio.measure(Path(name), "wav")
    assert measured == received
    assert (measured.name, measured.duration) == (name, 1.0)


def test_a_hostile_file_costs_one_answer(tmp_path: Path) -> None:
    """After each of them, a picture and a sound are described as ever."""
    tone, bomb = bombs.tone(tmp_path / "tone.wav"), tmp_path / "bomb.bin"
    for data in (bombs.png(width=8000, height=8000), bombs.overlapping_tiff(60_000), bombs.wav(channels=9)):
        bomb.write_bytes(data)
        with pytest.raises(ValueError, match="bomb"):
            files.opened([bomb])

    asked = Message(role="user", text="How long is it?", files=(tone,))

    assert "".join(OfflineModel().stream([asked])) == "It lasts 1.00 seconds."
