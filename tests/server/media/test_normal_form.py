"""Files come to models in one form, whatever they were."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import media
import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from phi4_server.media.normal_form import NormalFile, Normalizer

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def normalizer() -> Iterator[Normalizer]:
    """One for all tests, as a model has one for all files."""
    found = Normalizer(side=64, seconds=2.0)
    yield found
    found.close()


def image_of(file: NormalFile) -> Image.Image:
    """A normal image, opened."""
    assert file.kind == "image"
    found = Image.open(io.BytesIO(file.data))
    assert (found.format, found.mode) == ("PNG", "RGB")
    return found


def samples_of(file: NormalFile) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """The samples of normal audio."""
    assert file.kind == "audio"
    with wave.open(io.BytesIO(file.data)) as found:
        assert (found.getnchannels(), found.getsampwidth(), found.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(found.readframes(found.getnframes()), dtype=np.int16)


def two_halves(mode: str = "RGB", size: tuple[int, int] = (32, 16)) -> Image.Image:
    """An image whose left half is red, and whose right half is blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tiff", "webp"])
def test_images_become_png(normalizer: Normalizer, tmp_path: Path, ending: str) -> None:
    """Whatever the format, the pixels stay, in RGB."""
    path = tmp_path / f"a.{ending}"
    two_halves().save(path, lossless=True)  # as only WebP has to be asked for

    image = image_of(normalizer.normalize(path))

    assert image.size == (32, 16)
    assert (image.getpixel((0, 0)), image.getpixel((31, 15))) == (RED, BLUE)


def test_images_are_turned_as_they_are_shown(normalizer: Normalizer, tmp_path: Path) -> None:
    """A photograph that was taken upright is upright: its top is what a viewer shows at the top."""
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by 90 degrees, clockwise
    two_halves().save(path, exif=exif, quality=95)

    image = image_of(normalizer.normalize(path))

    assert image.size == (16, 32)
    top, bottom = np.asarray(image)[2, 8], np.asarray(image)[29, 8]
    assert top == pytest.approx(RED, abs=50)
    assert bottom == pytest.approx(BLUE, abs=50)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 320), (64, 32)), ((3, 640), (1, 64)), ((64, 8), (64, 8))]
)
def test_large_images_are_scaled_down(
    normalizer: Normalizer, tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """The longest side is bounded, the shape stays, and nothing is scaled up."""
    path = tmp_path / "a.png"
    two_halves(size=size).save(path)

    assert image_of(normalizer.normalize(path)).size == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(normalizer: Normalizer, tmp_path: Path, mode: str) -> None:
    """What is transparent is on white, whatever colour is hidden there."""
    path = tmp_path / "a.png"
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    image.convert(mode).save(path)

    pixels = np.asarray(image_of(normalizer.normalize(path)))

    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 7].tolist() == [255, 255, 255]


def test_shades_of_sixteen_bits_keep_their_contrast(normalizer: Normalizer, tmp_path: Path) -> None:
    """A scan of 16 bits is not cut off at white."""
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[0, 32_768, 65_535]], dtype=np.uint16)).save(path)

    pixels = np.asarray(image_of(normalizer.normalize(path)))

    assert pixels[0, :, 0].tolist() == [0, 127, 255]


def test_nothing_but_pixels_is_passed_on(normalizer: Normalizer, tmp_path: Path) -> None:
    """Texts and places that a file holds are not."""
    path = tmp_path / "a.png"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Ada Lovelace")
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ada Lovelace"
    two_halves().save(path, pnginfo=notes, exif=exif, icc_profile=b"Ada Lovelace" * 20)

    data = normalizer.normalize(path).data

    assert b"Ada" not in data
    assert not Image.open(io.BytesIO(data)).info


def test_audio_becomes_sixteen_kilohertz_mono(normalizer: Normalizer, tmp_path: Path) -> None:
    """Whatever rate and channels, the length stays, and so does the pitch."""
    path = tmp_path / "a.wav"
    path.write_bytes(media.tone(440, seconds=0.5, rate=8000))

    samples = samples_of(normalizer.normalize(path))

    assert len(samples) == pytest.approx(8000, abs=80)
    assert np.abs(np.fft.rfft(samples)).argmax() / (len(samples) / 16_000) == pytest.approx(440, abs=4)


@pytest.mark.parametrize(
    ("ending", "codec", "channels"),
    [
        ("mp3", "mp3", 2),
        ("flac", "flac", 2),
        ("ogg", "libopus", 1),
        ("m4a", "aac", 2),
        ("webm", "libopus", 2),
        ("mkv", "libopus", 1),
    ],
)
def test_every_format_of_audio_becomes_wav(
    normalizer: Normalizer, tmp_path: Path, ending: str, codec: str, channels: int
) -> None:
    """Compressed audio and several channels come to the same."""
    path = tmp_path / f"a.{ending}"
    write_tone(path, codec, channels)

    samples = samples_of(normalizer.normalize(path))

    assert len(samples) == pytest.approx(16_000, rel=0.15)  # codecs add silence to their frames
    assert np.abs(samples).max() > 8_000


def test_a_video_in_webm_is_refused(normalizer: Normalizer, tmp_path: Path) -> None:
    """Dify 27041: what has pictures is no audio, whatever sounds it has."""
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("vp8", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)

    with pytest.raises(ValueError, match="it is a video"):
        normalizer.normalize(path)


def write_tone(path: Path, codec: str, channels: int) -> None:
    """A second of 440 Hz."""
    layout = "stereo" if channels == 2 else "mono"
    time = np.arange(48_000) / 48_000
    wave_ = (np.sin(2 * np.pi * 440 * time) * 16_000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(wave_, channels)[None], format="s16", layout=layout)
    frame.sample_rate = 48_000
    with av.open(str(path), "w") as file:
        stream = cast("av.AudioStream", file.add_stream(codec, rate=48_000, layout=layout))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def test_audio_that_is_too_long_is_refused(normalizer: Normalizer, tmp_path: Path) -> None:
    """It is refused by name, and never cut: the answer would be about another recording."""
    path = tmp_path / "a.wav"
    path.write_bytes(media.tone(440, seconds=2.5))

    with pytest.raises(ValueError, match=r"^a\.wav cannot be decoded: it is longer than 2 seconds$"):
        normalizer.normalize(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "a.png is empty"),
        (b"hello", "a.png is neither a picture"),
        (media.square(1, 2, 3)[:40], "a.png cannot be decoded"),
        (media.tone(440)[:44], "a.png cannot be decoded: it holds no sound"),
    ],
)
def test_what_cannot_be_decoded_is_refused(
    normalizer: Normalizer, tmp_path: Path, data: bytes, reason: str
) -> None:
    """The error names the file and says why."""
    path = tmp_path / "a.png"
    path.write_bytes(data)

    with pytest.raises(ValueError, match=reason):
        normalizer.normalize(path)


def test_a_large_noisy_image_fits_the_reply(tmp_path: Path) -> None:
    """A PNG of pure noise, the largest that there can be, comes through."""
    path = tmp_path / "a.png"
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    normalizer = Normalizer(side=512)

    assert image_of(normalizer.normalize(path)).size == (512, 512)

    normalizer.close()
