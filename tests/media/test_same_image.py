"""An image is the same image in whatever form it is handed over: pixels, as a model is given them.

What a Space receives is read as our own Space reads it: turned as its EXIF data say, on white, in RGB.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.schema import ImageDocument, ImageNode, MediaResource, Node
from PIL import ExifTags, Image, ImageCms, ImageOps

from langchain_phi4._messages import to_turns as langchain_turns
from llama_index_phi4._media import LocalFiles, images_to_media
from llama_index_phi4._messages import to_turns as llama_index_turns
from phi4_server.media.normal_form import Normalizer
from phi4_space._media.read import read_media

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ALL = LocalFiles(allowed=True)


@pytest.fixture(scope="module")
def normalizer() -> Iterator[Normalizer]:
    """One for all tests."""
    found = Normalizer(side=64)
    yield found
    found.close()


def chart(size: tuple[int, int] = (6, 4)) -> Image.Image:
    """An image that no turning and no mirroring leaves as it is."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    pixels = np.stack([columns * 40, rows * 60, (columns * rows * 11) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def written(image: Image.Image, encoder: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def oriented(encoder: str, orientation: int) -> bytes:
    """The chart in a file that says how it is to be turned."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless = {"lossless": True} if encoder == "WEBP" else {}
    return written(chart((32, 16)), encoder, exif=exif, **lossless)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64_of(data)}"


def from_langchain(block: dict[str, Any]) -> object:
    (turn,) = langchain_turns([HumanMessage([block])])
    return turn.media[0]


def from_llama_index(block: ImageBlock) -> object:
    (turn,) = llama_index_turns([ChatMessage(role="user", blocks=[block])], files=ALL)
    return turn.media[0]


def from_document(image: object) -> object:
    return images_to_media([image], files=ALL)[0]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


FORMS: Mapping[str, Callable[[bytes, Path], object]] = {
    "a path": lambda _, path: path,
    "bytes": lambda data, _: data,
    "a bytearray": lambda data, _: bytearray(data),
    "a data URI": lambda data, _: data_uri(data),
    "base64": lambda data, _: base64_of(data),
    "an open file": lambda data, _: io.BytesIO(data),
    "PIL, opened": lambda data, _: opened(data),
    "PIL, opened by its path": lambda _, path: Image.open(path),
    "PIL, copied": lambda data, _: opened(data).copy(),
    "PIL, converted": lambda data, _: opened(data).convert("RGB"),
    "PIL, turned by its own function": lambda data, _: ImageOps.exif_transpose(opened(data)),
    "numpy": lambda data, _: np.asarray(ImageOps.exif_transpose(opened(data))),
    "LangChain, base64": lambda data, _: from_langchain(
        {"type": "image", "base64": base64_of(data), "mime_type": "image/png"}
    ),
    "LangChain, OpenAI's": lambda data, _: from_langchain(
        {"type": "image_url", "image_url": {"url": data_uri(data)}}
    ),
    "LangChain, Anthropic's": lambda data, _: from_langchain(
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": base64_of(data)},
        }
    ),
    "ImageBlock, bytes": lambda data, _: from_llama_index(ImageBlock(image=data)),
    "ImageBlock, open file": lambda data, _: from_llama_index(ImageBlock(image=io.BytesIO(data))),
    "ImageBlock, path": lambda _, path: from_llama_index(ImageBlock(path=path)),
    "ImageBlock, data URI": lambda data, _: from_llama_index(ImageBlock(url=data_uri(data))),
    "ImageDocument, base64": lambda data, _: from_document(ImageDocument(image=base64_of(data))),
    "ImageDocument, path": lambda _, path: from_document(ImageDocument(image_path=str(path))),
    "ImageNode": lambda data, _: from_document(ImageNode(image=base64_of(data))),
    "Node": lambda data, _: from_document(Node(image_resource=MediaResource(data=data))),
}


def received(source: object, normalizer: Normalizer, folder: Path) -> Image.Image:
    """The image as the model of a Space is given it."""

    async def refuse(_: str) -> bytes:
        raise AssertionError

    async def read() -> bytes:
        return (await read_media(source, fetch=refuse)).read()

    path = folder / "received"
    path.write_bytes(anyio.run(read))
    return Image.open(io.BytesIO(normalizer.normalize(path).data))


def pixels(image: Image.Image) -> tuple[tuple[int, int], bytes]:
    return image.size, image.tobytes()


@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_form_is_turned_alike(
    orientation: int, encoder: str, normalizer: Normalizer, tmp_path: Path
) -> None:
    """As its EXIF data say (mistral-common 330, sglang 33464): a PIL image has no fewer than its file."""
    data = oriented(encoder, orientation)
    path = tmp_path / "chart"
    path.write_bytes(data)
    expected = pixels(received(path, normalizer, tmp_path))

    got = {name: pixels(received(form(data, path), normalizer, tmp_path)) for name, form in FORMS.items()}

    assert expected[0] == ((16, 32) if orientation > 4 else (32, 16))
    assert [name for name, found in got.items() if found != expected] == []


def test_a_turned_image_is_the_upright_one(normalizer: Normalizer, tmp_path: Path) -> None:
    """Orientation 6 is a quarter clockwise, whether it was a file or a PIL image."""
    expected = chart((32, 16)).transpose(Image.Transpose.ROTATE_270)

    image = received(opened(oriented("PNG", 6)), normalizer, tmp_path)

    assert pixels(image) == pixels(expected)


def xmp(orientation: int) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


ODD: Mapping[str, Callable[[], bytes]] = {
    "P": lambda: written(chart().quantize(8), "PNG"),
    "P of a GIF": lambda: written(chart().quantize(8), "GIF"),
    "P with a transparent colour": lambda: written(chart().quantize(8), "PNG", transparency=2),
    "P with shades of transparency": lambda: written(
        chart().quantize(8), "PNG", transparency=bytes([0, 128, 255] * 2)
    ),
    "GIF with a transparent colour": lambda: written(chart().quantize(8), "GIF", transparency=2),
    "an animated GIF": lambda: written(
        chart(), "GIF", save_all=True, append_images=[chart().rotate(180)], duration=50
    ),
    "an animated WebP": lambda: written(
        chart(), "WEBP", save_all=True, append_images=[chart().rotate(180)], lossless=True
    ),
    "an animated PNG": lambda: written(chart(), "PNG", save_all=True, append_images=[chart().rotate(180)]),
    "1": lambda: written(chart().convert("1"), "PNG"),
    "L": lambda: written(chart().convert("L"), "PNG"),
    "L with a transparent shade": lambda: written(chart().convert("L"), "PNG", transparency=0),
    "LA": lambda: written(faded(chart()).convert("LA"), "PNG"),
    "RGB with a transparent colour": lambda: written(chart(), "PNG", transparency=(0, 0, 0)),
    "RGBA": lambda: written(faded(chart()), "PNG"),
    "RGBA of a WebP": lambda: written(faded(chart()), "WEBP", lossless=True),
    "CMYK of a JPEG": lambda: written(chart((32, 16)).convert("CMYK"), "JPEG"),
    "CMYK of a TIFF": lambda: written(chart().convert("CMYK"), "TIFF"),
    "CMYK with a profile": lambda: written(chart().convert("CMYK"), "TIFF", icc_profile=PROFILE),
    "LAB of a TIFF": lambda: written(chart().convert("LAB"), "TIFF"),
    "16 bits": lambda: written(Image.fromarray(shades("u2")), "PNG"),
    "16 bits of a TIFF": lambda: written(Image.fromarray(shades("u2")), "TIFF"),
    "32 bits of a TIFF": lambda: written(Image.fromarray(shades("i4")), "TIFF"),
    "floats of a TIFF": lambda: written(Image.fromarray(shades("f4")), "TIFF"),
    "floats to one": lambda: written(Image.fromarray(shades("f4") / np.float32(65535)), "TIFF"),
    "a BMP": lambda: written(chart(), "BMP"),
    "a profile": lambda: written(chart(), "PNG", icc_profile=PROFILE),
    "a profile that is none": lambda: written(chart(), "PNG", icc_profile=b"x" * 40),
    "DPI": lambda: written(chart(), "PNG", dpi=(30, 300)),
    "turned by XMP": lambda: written(chart((32, 16)), "JPEG", xmp=xmp(6)),
    "EXIF that is broken": lambda: written(chart((32, 16)), "JPEG", exif=b"Exif\0\0 this is none"),
    "EXIF cut off": lambda: written(chart((32, 16)), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"),
    "an orientation that is none": lambda: oriented("PNG", 9),
}


def faded(image: Image.Image) -> Image.Image:
    """The image, less and less transparent from left to right."""
    alpha = np.tile(np.linspace(0, 255, image.width).astype(np.uint8), (image.height, 1))
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(alpha))
    return image


def shades(dtype: str) -> Any:
    return np.linspace(0, 65535, 24).reshape(4, 6).astype(dtype)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own, where the test opens the image
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_each_mode_is_received_alike(
    make: Callable[[], bytes], normalizer: Normalizer, tmp_path: Path
) -> None:
    """Palettes, transparency, deep shades, other colour spaces: a PIL image is what its file is."""
    data = make()

    one, other = (received(source, normalizer, tmp_path) for source in (data, opened(data)))

    assert pixels(one) == pixels(other)


@pytest.mark.parametrize(
    ("array", "image"),
    [
        (np.asarray(chart()), chart()),
        (np.asarray(chart())[:, ::-1], ImageOps.mirror(chart())),
        (np.asfortranarray(np.asarray(chart())), chart()),
        (np.asarray(faded(chart())), faded(chart())),
        (np.asarray(chart().convert("L")), chart().convert("L")),
        (np.asarray(chart().convert("L"))[..., None], chart().convert("L")),
        (np.asarray(chart().convert("1")), chart().convert("1")),
        (shades("u2"), Image.fromarray(shades("u2"))),
        (shades(">u2"), Image.fromarray(shades("u2"))),
    ],
    ids=["rgb", "a view", "by columns", "rgba", "grey", "grey in one column", "bits", "deep", "big-endian"],
)
def test_pixels_in_an_array_are_an_image(
    array: Any, image: Image.Image, normalizer: Normalizer, tmp_path: Path
) -> None:
    """Grey, RGB and RGBA, as PIL itself reads them."""
    one, other = (received(source, normalizer, tmp_path) for source in (array, image))

    assert pixels(one) == pixels(other)


def test_the_callers_image_stays_as_it_is() -> None:
    """It is neither turned nor robbed of its data: it may be sent again, or shown."""
    image = opened(oriented("JPEG", 6))

    async def read() -> bytes:
        return (await read_media(image, fetch=None)).read()  # type: ignore[arg-type]  # no URL

    assert anyio.run(read) == anyio.run(read)
    assert image.size == (32, 16)
    assert image.getexif()[ExifTags.Base.Orientation] == 6


def test_a_profile_of_other_colours_is_not_passed_on() -> None:
    """A PNG in RGB has no profile of CMYK, which viewers would take for its own."""
    image = opened(written(chart().convert("CMYK"), "TIFF", icc_profile=PROFILE))

    async def read() -> bytes:
        return (await read_media(image, fetch=None)).read()  # type: ignore[arg-type]  # no URL

    assert "icc_profile" not in opened(anyio.run(read)).info
    assert "icc_profile" in image.info
