"""PIL images and numpy samples as files: nothing lost, nothing imported, nothing guessed."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import wave

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from phi4_space._errors import MediaNotReadable
from phi4_space._media.encode import encode


def decoded(data: bytes | None) -> tuple[int, int, npt.NDArray[np.int16]]:
    assert data is not None
    with wave.open(io.BytesIO(data)) as recording:
        assert recording.getsampwidth() == 2
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
        return recording.getframerate(), recording.getnchannels(), samples


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pictures_lose_nothing(mode: str) -> None:
    """A PIL image comes back from its PNG pixel for pixel."""
    picture = Image.effect_noise((16, 9), 80).convert(mode)
    data = encode(picture)
    assert data is not None
    back = Image.open(io.BytesIO(data))
    assert (back.format, back.mode) == ("PNG", mode)
    assert back.tobytes() == picture.tobytes()


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B"])
def test_deep_pictures(mode: str) -> None:
    """Pictures of more than eight bits keep sixteen."""
    picture = Image.new(mode, (2, 1), 40_000)
    data = encode(picture)
    assert data is not None
    assert Image.open(io.BytesIO(data)).getpixel((1, 0)) == 40_000


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "RGBX", "PA", "La", "RGBa"])
def test_pictures_in_modes_that_png_lacks(mode: str) -> None:
    """An image in a mode that PNG lacks is written in the colours that PIL itself sees in it."""
    grey = Image.new("L", (3, 2), 200)
    picture = Image.merge("LA", (grey, grey)).convert("La") if mode == "La" else rgb(grey).convert(mode)
    data = encode(picture)
    assert data is not None
    back = Image.open(io.BytesIO(data))
    expected = picture.convert("LA" if mode == "La" else "RGBA" if mode in {"PA", "RGBa"} else "RGB")
    assert back.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


def rgb(grey: Image.Image) -> Image.Image:
    return Image.merge("RGBA", (grey, grey, grey, grey))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.new("HSV", (0, 3)), "empty image"),
        (Image.new("RGB", (0, 3)), "empty image"),
    ],
)
def test_pictures_that_cannot_be_written(picture: Image.Image, message: str) -> None:
    """A picture with no PNG form is refused, with the reason."""
    with pytest.raises(MediaNotReadable, match=message):
        encode(picture)


@pytest.mark.parametrize("exif", [b"this is none", b"Exif\0\0 this is none", 5])
def test_a_picture_with_broken_exif_data_is_sent_as_it_is(exif: object) -> None:
    """They are not what it shows."""
    picture = Image.effect_noise((16, 9), 80)
    picture.info["exif"] = exif

    data = encode(picture)

    assert data is not None
    assert Image.open(io.BytesIO(data)).tobytes() == picture.tobytes()


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was opened from a file of few bytes may claim any size: it is refused by that alone."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # PIL only warns of so many
    head = b"GIF89a" + struct.pack("<HHBBB", 12_000, 9_000, 0, 0, 0) + b","
    claims = Image.open(io.BytesIO(head + struct.pack("<HHHHBB", 0, 0, 1, 1, 0, 2)))

    with pytest.raises(MediaNotReadable, match="12000 x 9000 pixels, but at most 100000000"):
        encode(claims)

    assert claims._im is None


def test_broken_picture() -> None:
    """An image whose file turns out to be broken when its pixels are needed is refused, not sent in part."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(file, "JPEG")
    half = Image.open(io.BytesIO(file.getvalue()[: file.tell() // 2]))
    with pytest.raises(MediaNotReadable, match="truncated") as caught:
        encode(half)
    assert isinstance(caught.value.__cause__, OSError)


@given(hnp.arrays("i2", st.integers(1, 50)), st.integers(1, 192_000))
def test_samples_lose_nothing(samples: npt.NDArray[np.int16], rate: int) -> None:
    """16-bit samples come back from their WAV, at their rate."""
    back_rate, channels, back = decoded(encode((rate, samples)))
    assert (back_rate, channels) == (rate, 1)
    assert (back == samples).all()


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(np.array([-1.0, 0.0, 0.5, 1.0]), [-32767, 0, 16384, 32767], id="f8"),
        pytest.param(np.array([-1, 0, 0.5, 1], "f4"), [-32767, 0, 16384, 32767], id="f4"),
        pytest.param(np.array([-1, 0, 0.5, 1], "f2"), [-32767, 0, 16384, 32767], id="f2"),
        pytest.param(np.array([-1.25, 1.25]), [-32767, 32767], id="overshoot is clipped"),
        pytest.param(np.array([0, 128, 255], "u1"), [-32768, 0, 32512], id="u1"),
        pytest.param(np.array([-128, 0, 127], "i1"), [-32768, 0, 32512], id="i1"),
        pytest.param(np.array([0, 32768, 65535], "u2"), [-32768, 0, 32767], id="u2"),
        pytest.param(np.array([-32768, 1], ">i2"), [-32768, 1], id="big-endian"),
        pytest.param(np.array([-(2**31), 0, 2**31 - 1], "i4"), [-32768, 0, 32767], id="i4"),
        pytest.param(np.array([0, 2**31, 2**32 - 1], "u4"), [-32768, 0, 32767], id="u4"),
    ],
)
def test_sample_types(samples: npt.NDArray[np.generic], expected: list[int]) -> None:
    """Floats in [-1, 1] and integers of any width that says its range become 16-bit PCM at the same level."""
    assert decoded(encode((8000, samples)))[2].tolist() == expected


def test_channels() -> None:
    """Columns are channels, interleaved as WAV has them; the rate may be one of numpy's integers."""
    samples = np.array([[1, 2], [3, 4], [5, 6]], "i2")
    rate, channels, back = decoded(encode((np.int32(44_100), samples)))
    assert (rate, channels, back.tolist()) == (44_100, 2, [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        pytest.param((np.zeros(4), 8000), "samples come first in this pair", id="pair turned round"),
        pytest.param((8000.0, np.zeros(4)), "integer in Hz, not 8000.0", id="float rate"),
        pytest.param((0, np.zeros(4)), "between 1 and 1000000 Hz, not 0", id="no rate"),
        pytest.param((2_000_000, np.zeros(4)), "not 2000000", id="rate too high"),
        pytest.param((8000, np.zeros(0)), "no samples", id="nothing"),
        pytest.param((8000, np.zeros((4, 0))), "no samples", id="no channels"),
        pytest.param((8000, np.array(0.5)), r"shape \(\)", id="a number"),
        pytest.param((8000, np.zeros((2, 9))), r"shape \(2, 9\)", id="channels in rows"),
        pytest.param((8000, np.zeros((2, 2, 2))), r"shape \(2, 2, 2\)", id="three dimensions"),
        pytest.param((8000, np.array([0.0, np.nan])), "are out of range, or NaN", id="nan"),
        pytest.param((8000, np.array([np.inf])), "are out of range, or NaN", id="infinity"),
        pytest.param((8000, np.array([0.0, 20_000.0])), "are out of range", id="floats never scaled"),
        pytest.param((8000, np.array([0, 20_000])), "type int64 is not known", id="i8"),
        pytest.param((8000, np.array([True])), "type bool is not known", id="bool"),
        pytest.param((8000, np.array([1j])), "type complex128 is not known", id="complex"),
    ],
)
def test_samples_that_are_no_recording(pair: object, message: str) -> None:
    """Samples whose sound nobody can know are refused with the reason, never guessed at."""
    with pytest.raises(MediaNotReadable, match=message):
        encode(pair)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros(3),
        np.zeros((2, 2)),
        np.zeros((2, 2, 3)),
        np.zeros((3, 5, 7), "u1"),
        np.zeros((2, 2, 2), "u1"),
        np.zeros((2, 2, 1, 1), "u1"),
        np.zeros((0, 3), "u1"),
        np.zeros(4, "u1"),
        np.zeros((2, 2, 3), "u2"),
        np.zeros((2, 2), "i4"),
        np.zeros((2, 2, 3), bool),
        np.array([["a"]]),
        np.array("u1"),
    ],
    ids=lambda pixels: f"{pixels.dtype} {pixels.shape}",
)
def test_arrays_that_are_no_image(pixels: npt.NDArray[np.generic]) -> None:
    """Their shape and type are in the error: whether floats go to 1 or 255 is never guessed at."""
    with pytest.raises(MediaNotReadable, match=r"is not an image.*samples as \(rate, samples\)") as caught:
        encode(pixels)
    assert str(pixels.shape) in str(caught.value)


def test_an_array_of_too_many_pixels() -> None:
    """It is refused as an image of that size is."""
    with pytest.raises(MediaNotReadable, match="12000 x 9000 pixels, but at most"):
        encode(np.broadcast_to(np.uint8(0), (9000, 12000)))


@pytest.mark.parametrize("mode", ["BGR;15", "I;16N"])
def test_pictures_in_modes_that_nothing_is_like(mode: str) -> None:
    """A PIL image of a mode of its own is refused by its name."""
    picture = Image.new("L", (2, 1))
    picture.im.setmode("L")
    picture._mode = mode

    with pytest.raises(MediaNotReadable, match=f"mode '{mode}' cannot be written as PNG"):
        encode(picture)


@pytest.mark.parametrize("thing", [None, 7, (8000, [0.0]), (1, 2, 3), "text", object()])
def test_other_things(thing: object) -> None:
    """What is neither a PIL image nor rate and samples is left to others."""
    assert encode(thing) is None


def test_nothing_is_imported() -> None:
    """The room imports neither PIL nor numpy, and works where they are not."""
    code = (
        "import sys; from phi4_space._media.encode import encode; assert encode((8000, [0.5])) is None; "
        "assert not {'PIL', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code, no shell
