"""What bytes are, told from the bytes alone. Knows no names, no sources, no I/O and none of our errors."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import filetype


@dataclass(frozen=True, slots=True)
class Format:
    """A format of pictures or recordings that Phi-4 takes.

    Attributes:
        mime_type: Its standard type, such as "image/jpeg".
        extensions: The file name extensions it goes by, with their dots, the usual one first.
    """

    mime_type: str
    extensions: tuple[str, ...]


# Keyed by what _tell() tells, which for the most part are the words of the library filetype.
_TAKEN = {
    "image/jpeg": Format("image/jpeg", (".jpg", ".jpeg")),
    "image/png": Format("image/png", (".png",)),
    "image/apng": Format("image/png", (".png",)),
    "image/gif": Format("image/gif", (".gif",)),
    "image/webp": Format("image/webp", (".webp",)),
    "image/bmp": Format("image/bmp", (".bmp",)),
    "image/tiff": Format("image/tiff", (".tiff", ".tif")),
    "audio/x-wav": Format("audio/wav", (".wav",)),
    "audio/mpeg": Format("audio/mpeg", (".mp3",)),
    "audio/x-flac": Format("audio/flac", (".flac",)),
    "audio/ogg": Format("audio/ogg", (".ogg",)),
    "audio/opus": Format("audio/ogg", (".opus", ".ogg")),  # RFC 7845 gives the Ogg file Ogg's type
    "audio/mp4": Format("audio/mp4", (".m4a",)),
}
_WORDS = {
    "text/plain": "text",
    "text/html": "a web page",
    "image/svg+xml": "a drawing in the format SVG",
    "video/ogg": "a video in the format OGG",
}
_NOUNS = {"image": "a picture", "audio": "a recording", "video": "a video"}

_TEXT_HEAD = 4096
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ID3_HEADER = 10
# Sync bits, a version that exists, layer III, with or without a checksum; then a bit rate that exists.
_MP3_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x00-\xef]")
_OGG_PAGE_HEADER = 27
_OGG_FIRST_PAGE = 0x02
_MOST_PARTS = 300  # of a file, beyond which it is made to waste time: pages, boxes, tracks


def recognise(data: bytes) -> Format | None:
    """Tells which of the formats that Phi-4 takes the bytes are in; None where they are in none of them."""
    return _TAKEN.get(_tell(data) or "")


def describe(data: bytes) -> str | None:
    """Says in plain words what bytes are that Phi-4 does not take, such as "a video in the format MP4".

    Returns:
        The words; None where Phi-4 does take them, or where nobody can tell.
    """
    told = _tell(data)
    if told is None or told in _TAKEN:
        return None
    if told in _WORDS:
        return _WORDS[told]
    noun = _NOUNS.get(told.partition("/")[0], "a file")
    return f"{noun} in the format {filetype.get_type(mime=told).extension.upper()}"


def _tell(data: bytes) -> str | None:
    """The type of any bytes; where the library's few bytes do not suffice, by looking further in."""
    guessed: str | None = filetype.guess_mime(data)
    if guessed != "application/pdf" and (text := _tell_text(data)):
        return text  # before the library is believed: it takes a text that starts with "BM" for a bitmap
    if data[4:8] == b"ftyp":
        return _tell_mp4(data, guessed)
    if data.startswith(b"ID3"):
        return _tell_tagged(data)
    if guessed == "audio/ogg":
        return _tell_ogg(data)
    return guessed or ("audio/mpeg" if _MP3_FRAME.match(data) else None)


def _tell_text(data: bytes) -> str | None:
    head = data[:_TEXT_HEAD]
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(data) <= _TEXT_HEAD)
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(head):
        return None
    text = text.lstrip().lower()
    if text.startswith(("<?xml", "<svg", "<!--", "<!doctype svg")) and "<svg" in text:
        return "image/svg+xml"
    return "text/html" if text.startswith(("<!doctype html", "<html")) else "text/plain"


def _tell_tagged(data: bytes) -> str:
    """What follows an ID3v2 tag: MP3, unless it says that it is another recording."""
    length = 0
    for byte in data[6:_ID3_HEADER]:
        length = length << 7 | byte
    start = _ID3_HEADER + length
    guessed: str | None = filetype.guess_mime(data[start : start + 64])
    return guessed if guessed and guessed.startswith("audio/") else "audio/mpeg"


def _tell_ogg(data: bytes) -> str:
    """Which codec the first pages name, one for each stream of the file."""
    told = "audio/ogg"
    for page in islice(_first_ogg_pages(data), _MOST_PARTS):
        if page.startswith((b"\x80theora", b"\x01video")):
            return "video/ogg"
        if page.startswith(b"OpusHead"):
            told = "audio/opus"
    return told


def _first_ogg_pages(data: bytes) -> Iterator[bytes]:
    """The content of the pages that begin the streams; they stand before all others."""
    at = 0
    while data[at : at + 4] == b"OggS" and data[at + 5 : at + 6] == bytes([_OGG_FIRST_PAGE]):
        sizes = at + _OGG_PAGE_HEADER
        start = sizes + sum(data[sizes - 1 : sizes])  # the header's last byte counts the sizes after it
        at = start + sum(data[sizes:start])
        yield data[start:at]


def _tell_mp4(data: bytes, guessed: str | None) -> str | None:
    """Which of the many things that share MP4's boxes it is, by its brand, else by its tracks."""
    if guessed and guessed.startswith("image/"):
        return guessed
    if data[8:12] in {b"M4A ", b"M4B "}:
        return "audio/mp4"
    tracks = set(_track_kinds(memoryview(data)))
    if b"vide" in tracks:
        return guessed or "video/mp4"
    return "audio/mp4" if b"soun" in tracks else guessed


def _track_kinds(data: memoryview) -> Iterator[bytes]:
    """The handler of each track of an MP4 file, such as b"vide" or b"soun"."""
    contents = [data]
    for name in (b"moov", b"trak", b"mdia", b"hdlr"):
        inside = (box for outer in contents for box in islice(_boxes(outer), _MOST_PARTS))
        contents = [content for kind, content in inside if kind == name][:_MOST_PARTS]
    return (bytes(handler[8:12]) for handler in contents)


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The type and content of each box that stands in the data side by side, up to a broken one."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):  # the size did not fit into four bytes
            header, size = 16, struct.unpack_from(">Q", data, at + 8)[0]
        elif size == 0:  # up to the end
            size = len(data) - at
        if size < header:
            return
        yield kind, data[at + header : at + size]
        at += size
