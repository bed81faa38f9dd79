"""References as named bytes: every form a source may have, and every way it may be wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from phi4_space._errors import InvalidOption, MediaNotReadable, Phi4Error, UnsupportedContent, UrlRefused
from phi4_space._media.read import read_all, read_media
from phi4_space._turns import File, Media, MediaLike

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf"
    b"\xc0P\x0f\0\4\x85\1\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82\xff\xfb\xef\xbe"  # ends in base64's + and /
)
GIF = b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
TIFF = b"II*\0\x08\0\0\0\1\0"
OPUS = b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead" + bytes(11)
PDF = b"%PDF-1.7\n\xe2\xe3\xcf\xd3"

BASE64 = base64.b64encode(PNG).decode()


async def no_fetch(url: str) -> bytes:
    pytest.fail(f"{url} was fetched")


async def fetch_png(_url: str) -> bytes:
    return PNG


def read(thing: MediaLike) -> File:
    return asyncio.run(read_media(thing, fetch=no_fetch))


def read_many(things: Sequence[MediaLike]) -> tuple[File, ...]:
    return asyncio.run(read_all(things, fetch=no_fetch))


@dataclass
class Place(os.PathLike[str]):
    """A path that is no pathlib.Path."""

    path: Path

    def __fspath__(self) -> str:
        """The path as a string."""
        return str(self.path)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(PNG, id="bytes"),
        pytest.param(bytearray(PNG), id="bytearray"),
        pytest.param(memoryview(PNG), id="memoryview"),
        pytest.param(memoryview(PNG + PNG)[: len(PNG)], id="part of a memoryview"),
        pytest.param(BASE64, id="base64"),
        pytest.param(base64.urlsafe_b64encode(PNG).decode(), id="URL-safe base64"),
        pytest.param(base64.encodebytes(PNG).decode(), id="base64 in lines"),
        pytest.param(BASE64.rstrip("="), id="base64 without padding"),
        pytest.param(f"data:image/png;base64,{BASE64}", id="data URI"),
        pytest.param(f" DATA:image/png;Base64 ,{BASE64}\n", id="data URI in capitals"),
        pytest.param(f"data:image/png;name=a.png;charset=utf-8;base64,{BASE64}", id="data URI, parameters"),
        pytest.param(f"data:;base64,{BASE64.replace('+', '%2B').replace('=', '%3D')}", id="escaped base64"),
        pytest.param(f"data:image/png,{quote_from_bytes(PNG)}", id="percent-encoded data URI"),
        pytest.param(f"data:text/plain;base64,{BASE64}", id="data URI that claims to be text"),
    ],
)
def test_sources_without_a_name(source: MediaLike) -> None:
    """Bytes and the strings that mean bytes become the same file, named for its kind."""
    assert read(source) == File("image.png", "image/png", PNG)
    assert read(Media(source)) == File("image.png", "image/png", PNG)


def test_paths(tmp_path: Path) -> None:
    """A path's file is read and goes under its own name, whatever kind of path it is."""
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    expected = File("cat.png", "image/png", PNG)
    assert read(path) == expected
    with os.scandir(tmp_path) as entries:
        assert read(next(entries)) == expected
    assert read(Place(path)) == File("image.png", "image/png", PNG)


def test_open_files(tmp_path: Path) -> None:
    """An open file is read from where it stands, left open, and goes under its own name, if it has one."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"before" + PNG)
    with path.open("rb") as file:
        file.seek(6)
        assert read(file) == File("cat.png", "image/png", PNG)
        assert not file.closed
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as unnamed:
        unnamed.seek(6)
        assert read(unnamed).name == "image.png"
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(PNG)
        spooled.seek(0)
        assert read(spooled) == File("image.png", "image/png", PNG)


def test_objects(tmp_path: Path) -> None:
    """PIL images become PNG under the name of the file they came from, numpy samples WAV."""
    Image.new("RGB", (3, 2)).save(tmp_path / "sea.jpg")
    with Image.open(tmp_path / "sea.jpg") as picture:
        assert (read(picture).name, read(picture).mime_type) == ("sea.png", "image/png")
    sound = read((8000, np.zeros(8)))
    assert (sound.name, sound.mime_type, sound.kind) == ("audio.wav", "audio/wav", "audio")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.test/pets/cat.png?size=big#top", "cat.png"),
        ("HTTP://a.test/pets/cat", "cat.png"),
        ("https://a.test/%C3%A9t%C3%A9.jpg", "été.png"),
        ("https://a.test/%2e%2e%2fpasswd", "passwd.png"),
        ("https://a.test/pets/?name=cat", "image.png"),
        ("https://a.test", "image.png"),
    ],
)
def test_urls(url: str, name: str) -> None:
    """An http(s) URL is handed to `fetch` as it is, and its last segment names the file."""
    asked = []

    async def fetch(wanted: str) -> bytes:
        asked.append(wanted)
        return PNG

    assert asyncio.run(read_media(f" {url}\n", fetch=fetch)) == File(name, "image/png", PNG)
    assert asked == [url]


def test_given_names_go_first() -> None:
    """A name passed is preferred to the one that the source brings along."""
    media = Media("https://a.test/cat.png", "tom")
    assert asyncio.run(read_media(media, fetch=fetch_png)).name == "tom.png"


@pytest.mark.parametrize(
    ("given_name", "data", "name"),
    [
        ("cat.png", PNG, "cat.png"),
        ("cat.PNG", PNG, "cat.png"),
        ("cat", PNG, "cat.png"),
        ("cat.jpg", PNG, "cat.png"),
        ("cat.jpeg", JPEG, "cat.jpeg"),
        ("cat.jpe", JPEG, "cat.jpg"),
        ("scan.tif", TIFF, "scan.tif"),
        ("scan", TIFF, "scan.tiff"),
        ("talk.ogg", OPUS, "talk.ogg"),
        ("talk", OPUS, "talk.opus"),
        ("cat.v2.png", PNG, "cat.v2.png"),
        ("猫 à la carte.png", PNG, "猫 à la carte.png"),
        ("../../etc/passwd.png", PNG, "passwd.png"),
        ("C:\\pets\\cat.png", PNG, "cat.png"),
        ("..hidden.png", PNG, "hidden.png"),
        (".png", PNG, "image.png"),
        ("", PNG, "image.png"),
        ("/", OPUS, "audio.opus"),
        ("a\r\nb\0c\u202e\ud800.png", PNG, "abc.png"),
        ("x" * 300 + ".png", PNG, "x" * 120 + ".png"),
        ("a" + "猫" * 300, PNG, "a" + "猫" * 39 + ".png"),
    ],
)
def test_names(given_name: str, data: bytes, name: str) -> None:
    """A name keeps its stem, made safe, and gets the extension that the bytes call for."""
    assert read(Media(data, given_name)).name == name


@given(st.text(st.characters(), max_size=200))
def test_any_name_is_made_safe(given_name: str) -> None:
    """Whatever the name, what goes out is one short printable file name with the right extension."""
    name = read(Media(PNG, given_name)).name
    assert name.isprintable()
    assert name.endswith(".png")
    assert len(name.encode()) <= 124
    assert not name.startswith((".", " "))
    assert not set("/\\") & set(name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(b"", "media is empty", id="no bytes"),
        pytest.param(Media(b"", "cat.png"), "'cat.png' is empty", id="no bytes, named"),
        pytest.param(Path("no/such/cat.png"), "'no/such/cat.png' cannot be read: No such file", id="no file"),
        pytest.param(Path("cat\0.png"), "cannot be read: .*null", id="no path"),
        pytest.param(Path(), "'.' is a directory", id="directory"),
        pytest.param(Path(os.devnull), "is not a regular file", id="device"),
        pytest.param(io.BytesIO(), "at its end.*seek", id="file at its end"),
        pytest.param(io.StringIO("text"), 'StringIO does not return bytes.*mode "rb"', id="text file"),
        pytest.param("", "never read as a local path.*pathlib.Path", id="no letters"),
        pytest.param("cat.png", "never read as a local path.*pathlib.Path", id="path with an extension"),
        pytest.param("pictures/cat", "never read as a local path.*pathlib.Path", id="path like base64"),
        pytest.param("file:///tmp/cat.png", "never read as a local path.*pathlib.Path", id="file URL"),
        pytest.param("été", "never read as a local path.*pathlib.Path", id="letters beyond ASCII"),
        pytest.param("data:image/png;base64", 'no "," before', id="data URI without data"),
        pytest.param("data:image/png;base64,", "media is empty", id="empty data URI"),
        pytest.param("data:image/png;base64,a", "not base64", id="data URI of half a byte"),
        pytest.param("data:image/png;base64,a*b=", "not base64", id="data URI of other letters"),
        pytest.param("data:image/png;base64,%FF%FE", "not base64", id="data URI of no letters"),
        pytest.param("data:image/png,%8", "two hexadecimal digits", id="data URI with half an escape"),
    ],
)
def test_not_readable(source: MediaLike, message: str) -> None:
    """What is missing, empty or broken is refused with the reason, and what to do instead."""
    with pytest.raises(MediaNotReadable, match=message):
        read(source)


def test_empty_files(tmp_path: Path) -> None:
    """An empty file is refused by its path."""
    path = tmp_path / "cat.png"
    path.touch()
    with pytest.raises(MediaNotReadable, match=r"cat\.png' is empty"):
        read(path)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to is refused, not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaNotReadable, match="is not a regular file"):
        read(tmp_path / "pipe")


def test_closed_files() -> None:
    """A file that cannot be read any more is refused, with its own error as the cause."""
    file = io.BytesIO(PNG)
    file.close()
    with pytest.raises(MediaNotReadable, match="closed file") as caught:
        read(file)
    assert isinstance(caught.value.__cause__, ValueError)


def test_files_that_give_text() -> None:
    """A file that turns out to give text is refused, with a hint at its mode."""

    class Script:
        def read(self) -> str:
            return "text"

    with pytest.raises(MediaNotReadable, match=r'returned str, not bytes.*"rb"'):
        read(Script())


def test_files_that_must_be_awaited() -> None:
    """A file whose read() is a coroutine is refused before it is called."""

    class Upload:
        async def read(self) -> bytes:
            pytest.fail("was called")

    with pytest.raises(MediaNotReadable, match=r"Upload does not return bytes.*read its bytes"):
        read(Upload())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(PDF, "The media is a file in PDF format", id="bytes"),
        pytest.param(Media(PDF, "cat.png"), "'cat.png' is a file in PDF format", id="name that lies"),
        pytest.param(base64.b64encode(PDF).decode(), "is a file in PDF format", id="base64"),
        pytest.param("data:text/plain,hello", "is text", id="data URI"),
        pytest.param(b"\x01\x02\x03", "in an unknown format", id="unknown"),
        pytest.param(
            None, "cannot be read from an object of type NoneType.*Pass a pathlib.Path", id="nothing"
        ),
        pytest.param(7, "of type int", id="number"),
        pytest.param([PNG], "of type list", id="list"),
        pytest.param(Media(Media(PNG)), "of type Media", id="media in media"),
    ],
)
def test_unsupported(source: MediaLike, message: str) -> None:
    """What Phi-4 does not take is refused by the name of what it is."""
    with pytest.raises(UnsupportedContent, match=message):
        read(source)


def test_mistyped_name() -> None:
    """A name that is no string is refused, not written out."""
    with pytest.raises(InvalidOption, match=r"Media\.name must be a string, not PosixPath"):
        read(Media(PNG, Path("cat.png")))  # type: ignore[arg-type]


def test_blocking_reads_leave_the_loop() -> None:
    """What may block is read in another thread than the loop's."""
    threads = []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            threads.append(threading.get_ident())
            return super().read(size)

    read(Slow(PNG))
    assert threads
    assert threading.get_ident() not in threads


def test_several() -> None:
    """Several are read into a tuple, in their order."""
    assert read_many([]) == ()
    assert [file.name for file in read_many([PNG, Media(GIF, "b"), Media(PNG, "c")])] == [
        "image.png",
        "b.gif",
        "c.png",
    ]


def test_several_at_once() -> None:
    """No reading waits for the one before it, and the order stays that of the things."""

    async def run() -> tuple[File, ...]:
        second_asked = asyncio.Event()

        async def fetch(url: str) -> bytes:
            if url.endswith("a"):
                await asyncio.wait_for(second_asked.wait(), 5)
            second_asked.set()
            return PNG

        return await read_all(["https://x.test/a", "https://x.test/b"], fetch=fetch)

    assert [file.name for file in asyncio.run(run())] == ["a.png", "b.png"]


def test_first_failure_wins() -> None:
    """The first failure is raised as it is, told apart by its number; what still runs is given up."""
    refusal = UrlRefused("https://x.test/b answered with HTTP status 404", status=404)
    given_up = []

    async def fetch(url: str) -> bytes:
        if url.endswith("b"):
            raise refusal
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_up.append(url)
            raise
        return PNG

    with pytest.raises(UrlRefused, match=r"^media 2 of 3: https://x\.test/b answered") as caught:
        asyncio.run(read_all(["https://x.test/a", "https://x.test/b", PNG], fetch=fetch))
    assert caught.value is refusal
    assert caught.value.status == 404
    assert given_up == ["https://x.test/a"]


def test_one_alone_is_not_numbered() -> None:
    """The failure of the only one needs no number."""
    with pytest.raises(Phi4Error, match=r"^The media is empty"):
        read_many([b""])
