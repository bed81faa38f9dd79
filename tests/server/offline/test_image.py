"""What the offline model sees in pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline.image import colours, measure
from phi4_server.offline.model import OfflineModel

Drawn = Callable[..., Path]


@pytest.fixture
def drawn(tmp_path: Path) -> Drawn:
    """Draws a square on a background into a file."""

    def draw(
        name: str, square: str = "red", background: str = "white", size: tuple[int, int] = (200, 100)
    ) -> Path:
        image = Image.new("RGB", size, background)
        across, down = size[0] // 4, size[1] // 4
        ImageDraw.Draw(image).rectangle([across, down, 2 * across, 3 * down], fill=square)
        image.save(tmp_path / name)
        return tmp_path / name

    return draw


def asked(question: str, *files: Path) -> str:
    """The model's answer to a question on files."""
    return "".join(OfflineModel().stream([Message(role="user", text=question, files=files)]))


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        *(
            (name, name)
            for name in ("black", "white", "red", "green", "blue", "yellow", "orange", "purple", "pink")
        ),
        *(
            (name, name)
            for name in ("cyan", "magenta", "brown", "beige", "turquoise", "teal", "olive", "salmon")
        ),
        ("gray", "grey"),
        ("lime", "lime green"),
        ("navy", "navy blue"),
        ("crimson", "red"),
        ("gold", "yellow"),
        ("silver", "light grey"),
        ("forestgreen", "green"),
        ("steelblue", "blue"),
        ("hotpink", "pink"),
        ("indigo", "purple"),
        ("#c81e1e", "red"),
        ("#3366cc", "blue"),
        ("#fdfdfd", "white"),
    ],
)
def test_colours_are_called_what_people_call_them(colour: str, name: str) -> None:
    """The nearest named colour gives the name."""
    assert [found.name for found in colours(Image.new("RGBA", (1, 1), colour))] == [name]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is it dark?", "It is very bright (brightness 91%)."),
        ("What colour is the square?", "Its main colours are white (87%, #ffffff) and red (13%, #ff0000)."),
        ("What color is it?", "Its main colours are white (87%, #ffffff) and red (13%, #ff0000)."),
        ("What colour is the picture?", "Its main colours are white (87%, #ffffff) and red (13%, #ff0000)."),
        ("How big is it?", "It is 200 pixels wide and 100 pixels high (200 x 100)."),
        ("What format is it?", "Its format is PNG."),
        ("What colour is the second picture?", "There is no file with that number."),
        (
            "What format is it, and how wide is it?",
            "Its format is PNG. It is 200 pixels wide and 100 pixels high (200 x 100).",
        ),
    ],
)
def test_a_question_on_a_picture_is_answered_from_it(drawn: Drawn, question: str, answer: str) -> None:
    """Colours, size, format and brightness are read from the file."""
    assert asked(question, drawn("a.png")) == answer


@pytest.mark.parametrize("question", ["", "What is this?", "Describe it.", "What animal can be seen?"])
def test_any_other_question_gets_a_description(drawn: Drawn, question: str) -> None:
    """What cannot be seen is not made up: the answer says what can."""
    assert asked(question, drawn("a.png")) == (
        "a.png is a picture. Its format is PNG. It is 200 pixels wide and 100 pixels high (200 x 100)."
        " Its main colours are white (87%, #ffffff) and red (13%, #ff0000)."
        " It is very bright (brightness 91%). I recognise no objects and transcribe no speech."
    )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What colour is the square in the second picture?", "Picture 2: Its main colours are black"),
        ("What is in image 1?", "Picture 1: a.png is a picture"),
        ("What colour is the last one?", "Picture 2: Its main colours are black"),
        (
            "What colour is the square?",
            "Picture 1: Its main colours are white (87%, #ffffff) and red (13%, #ff0000). Picture 2:",
        ),
    ],
)
def test_several_pictures_are_told_apart(drawn: Drawn, question: str, answer: str) -> None:
    """A question may mean one of them by its number, all of them, or what sets them apart."""
    pictures = drawn("a.png"), drawn("b.jpg", "blue", "black", (320, 240))

    assert asked(question, *pictures).startswith(answer)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jpg", "JPEG"),
        ("a.png", "PNG"),
        ("a.gif", "GIF"),
        ("a.webp", "WEBP"),
        ("a.bmp", "BMP"),
        ("a.tiff", "TIFF"),
    ],
)
def test_every_format_is_seen(drawn: Drawn, tmp_path: Path, name: str, form: str) -> None:
    """The six formats are known by their bytes, whatever the file is called."""
    path = drawn(name).rename(tmp_path / "download.bin")

    assert asked("What format is it?", path) == f"Its format is {form}."
    assert "red" in asked("What colour is the square?", path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_is_measured(tmp_path: Path, mode: str) -> None:
    """Bits, greys of 8, 16 or 32 bits, palettes and inks all have a brightness."""
    shade = Image.linear_gradient("L")
    image = (
        Image.fromarray(np.asarray(shade).astype(np.uint16) * 257)
        if mode.startswith("I")
        else shade.convert(mode)
    )
    image = image.convert("I") if mode == "I" else image
    image.save(tmp_path / "a.tif")

    seen = measure(tmp_path / "a.tif")

    assert sum(colour.part for colour in seen.colours) == pytest.approx(1)
    assert seen.brightness == pytest.approx(0.5, abs=0.02)


def test_what_is_transparent_counts_for_nothing(tmp_path: Path) -> None:
    """A colour behind full transparency is not seen."""
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    image.putpixel((5, 5), (0, 0, 255, 255))
    image.save(tmp_path / "a.png")
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(tmp_path / "b.png")

    assert asked("What colour is it?", tmp_path / "a.png") == "Its main colour is blue (100%, #0000ff)."
    assert asked("What colour is it?", tmp_path / "b.png") == "It is fully transparent."


def test_a_photograph_is_seen_as_it_is_shown(tmp_path: Path) -> None:
    """A camera that was held upright says so in its file, and the size is told upright."""
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)

    assert asked("How large is it?", tmp_path / "a.jpg").endswith("(20 x 40).")


def test_an_animation_is_told_to_be_one(tmp_path: Path) -> None:
    """Of several frames, the first is seen."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    assert asked("What is this?", tmp_path / "a.gif").startswith(
        "a.gif is a picture. Its format is GIF, animated."
    )
    assert asked("What colour is it?", tmp_path / "a.gif").startswith("Its main colour is red")


def test_json_is_filled_from_pixels(drawn: Drawn) -> None:
    """A schema's places for size, format and colours are filled from the picture."""
    places = '{"colour": {"type": "string"}, "width": {"type": "integer"}}'
    schema = f'{{"type": "object", "properties": {places}, "required": ["colour", "width"]}}'

    assert (
        asked(f"Reply with JSON that fits this schema: {schema}", drawn("a.png"))
        == '{"colour": "white", "width": 200}'
    )


def test_a_picture_sent_earlier_can_still_be_asked_about(drawn: Drawn) -> None:
    """All pictures of the chat are meant, unless a number means one."""
    first, second = drawn("a.png"), drawn("b.png", "blue")
    chat = [
        Message(role="user", text="Look.", files=(first,)),
        Message(role="assistant", text="Seen."),
        Message(role="user", text="And here.", files=(second,)),
        Message(role="assistant", text="Seen."),
    ]

    def told(question: str) -> str:
        return "".join(OfflineModel().stream([*chat, Message(role="user", text=question)]))

    assert "Picture 2: " in told("What colour is the square?")
    assert "Picture 2: Its main colours are white (87%, #ffffff) and blue" in told(
        "What colour is the square in picture 2?"
    )
    assert told("What colour is the square in the first picture?").endswith("red (13%, #ff0000).")
    assert told("What is the capital of France?").startswith("I can't answer that")


def test_marks_say_which_picture_is_meant(drawn: Drawn) -> None:
    """In a conversation sent again as one prompt, the last turn's own pictures are looked at."""
    before = "User: [image 1] What is this?\nAssistant: A square."
    prompt = f"{before}\nUser: [image 2] What colour is this?\nAssistant:"

    assert asked(prompt, drawn("a.png"), drawn("b.png", "blue")).endswith("blue (13%, #0000ff).")


def test_a_text_beside_a_picture_is_read_too(drawn: Drawn) -> None:
    """Retrieval may bring passages and pictures; both say what they have to say."""
    prompt = (
        "Context information is below.\n---------------------\nThe square is the emergency"
        " stop.\n---------------------\n"
        "Given the context information, answer the query.\nQuery: {query}\nAnswer: "
    )

    assert asked(prompt.format(query="What colour is the square?"), drawn("a.png")) == (
        "Its main colours are white (87%, #ffffff) and red (13%, #ff0000)."
    )
    assert (
        asked(prompt.format(query="What is the square?"), drawn("a.png"))
        == "The square is the emergency stop."
    )


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.png", b"", "a.png is empty"),
        ("a.png", b"hello", "a.png is neither a picture (JPEG, PNG"),
        ("a.png", b"\x89PNG\r\n\x1a\nxxxxxxxx", "a.png cannot be decoded: "),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(50), "a.jpg cannot be decoded: "),
        ("a.gif", b"GIF89a" + bytes(4), "a.gif cannot be decoded: "),
        ("a.pdf", b"%PDF-1.7", "a.pdf is neither a picture"),
    ],
)
def test_a_broken_picture_is_refused_by_name(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    """The error says which file and why, and tells no path."""
    (tmp_path / name).write_bytes(data)

    with pytest.raises(ValueError, match=r"^a\.") as caught:
        asked("What is this?", tmp_path / name)

    assert str(caught.value).startswith(problem)
    assert str(tmp_path) not in str(caught.value)


def test_a_truncated_picture_is_refused(drawn: Drawn) -> None:
    """Half a picture is none."""
    path = drawn("a.jpg", "red", "blue", (600, 600))
    path.write_bytes(path.read_bytes()[:700])

    with pytest.raises(ValueError, match=r"^a\.jpg cannot be decoded"):
        asked("What is this?", path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is gone is named."""
    with pytest.raises(ValueError, match=r"^gone\.png cannot be read: No such file"):
        asked("What is this?", tmp_path / "gone.png")


@pytest.mark.parametrize("side", [8_000, 40_000])
def test_a_decompression_bomb_is_not_opened(tmp_path: Path, side: int) -> None:
    """A small file that claims a huge picture is refused before its pixels are made."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(
        start + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )

    with pytest.raises(ValueError, match=r"^a\.png cannot be decoded: .*pixels"):
        asked("What is this?", tmp_path / "a.png")


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"RIFFxxxxWEBP"]
    ),
)
def test_no_bytes_raise_anything_but_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    """Whatever a file holds, it is a picture, a sound, or refused."""
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(start + data)

    with suppress(ValueError):
        kind, _ = container(path)
        assert kind != "image" or measure(path).width
