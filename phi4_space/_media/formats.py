"""File formats, recognised from the bytes alone. Knows no names, no sources, no I/O and no errors of ours."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import filetype


@dataclass(frozen=True, slots=True)
class Format:
    """A format of images or audio that Phi-4 accepts.

    Attributes:
        mime_type: Its standard MIME type, such as "image/jpeg".
        extensions: Its file name extensions, with their dots, the usual one first.
    """

    mime_type: str
    extensions: tuple[str, ...]


# Keyed by the result of _detect(), which is mostly that of the library filetype.
_ACCEPTED = {
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
    "audio/opus": Format("audio/ogg", (".opus", ".ogg")),  # RFC 7845: the file has Ogg's type
    "audio/mp4": Format("audio/mp4", (".m4a",)),
}
_DESCRIPTIONS = {
    "text/plain": "text",
    "text/html": "a web page",
    "image/svg+xml": "an SVG drawing",
    "video/ogg": "a video in OGG format",
    "audio/webm": "audio in WEBM format",
    "audio/x-matroska": "audio in MKV format",
    "audio/x-ms-wma": "audio in WMA format",
    "audio/x-msvideo": "audio in AVI format",
    "audio/x-flv": "audio in FLV format",
}
_NOUNS = {"image": "an image", "audio": "audio", "video": "a video"}

_HEAD = 8192  # bytes that the library looks at
_TEXT_HEAD = 4096
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ID3_HEADER = 10
# Sync bits, a valid version, layer III, with or without a checksum; then a valid bit rate.
_MP3_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x00-\xef]")
_OGG_PAGE_HEADER = 27
_OGG_FIRST_PAGE = 0x02
_MAX_PARTS = 300  # pages, boxes or tracks of a file; one with more was made to waste time
# Matroska's elements, of which WebM has the same: https://www.rfc-editor.org/rfc/rfc9559.
_EBML, _EBML_HEADER = b"\x1a\x45\xdf\xa3", 64
_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_UNKNOWN = -1  # an element's size
_MAX_ELEMENTS = 3000  # that are looked at on each level, clusters of the stream itself among them
_TRACK_TYPE, _VIDEO_TRACK, _AUDIO_TRACK = 0x83, b"\x01", b"\x02"
_FLV_AUDIO, _FLV_VIDEO = 0x04, 0x01
_HEADERS = 1 << 16  # bytes: what a file says of its streams, before the streams
# Of a container that holds films and sounds alike: its type where it only sounds, how an audio stream is
# written in its headers, and how a video stream is.
_MARKED = {
    "video/x-ms-wmv": (
        "audio/x-ms-wma",
        bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b"),
        bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b"),
    ),
    "video/x-msvideo": ("audio/x-msvideo", b"auds", b"vids"),
}


class Readable(Protocol):
    """Bytes, in memory or elsewhere."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice, /) -> bytes:
        """A few of them."""


def recognise(data: Readable) -> Format | None:
    """The format of the bytes, among those that Phi-4 accepts; None if it is none of them."""
    return _ACCEPTED.get(_detect(data) or "")


def is_other_audio(data: Readable) -> bool:
    """Whether the bytes are audio in a format that Phi-4 does not accept, and can be converted to one."""
    mime_type = _detect(data) or ""
    return mime_type.startswith("audio/") and mime_type not in _ACCEPTED


def describe(data: Readable) -> str | None:
    """Describes bytes that Phi-4 does not accept, such as "a video in MP4 format".

    Returns:
        The description; None if Phi-4 does accept them, or if their format is not known.
    """
    mime_type = _detect(data)
    if mime_type is None or mime_type in _ACCEPTED:
        return None
    if mime_type in _DESCRIPTIONS:
        return _DESCRIPTIONS[mime_type]
    noun = _NOUNS.get(mime_type.partition("/")[0], "a file")
    return f"{noun} in {filetype.get_type(mime=mime_type).extension.upper()} format"


def _detect(data: Readable) -> str | None:
    """The MIME type of any bytes; it reads on where the few bytes that the library checks do not suffice."""
    head = data[:_HEAD]
    guessed: str | None = filetype.guess_mime(head)
    if guessed != "application/pdf" and (text := _detect_text(head, is_whole=len(data) <= _HEAD)):
        return text  # checked first, since the library takes a text that starts with "BM" for a bitmap
    if head[4:8] == b"ftyp":
        return _detect_mp4(data, guessed)
    if head.startswith(b"ID3"):
        return _detect_tagged(data)
    if head.startswith(_EBML):
        return _detect_matroska(data)
    if read := _READERS.get(guessed or ""):
        return read(data)
    return guessed or ("audio/mpeg" if _MP3_FRAME.match(head) else None)


def _detect_text(head: bytes, *, is_whole: bool) -> str | None:
    is_whole, head = is_whole and len(head) <= _TEXT_HEAD, head[:_TEXT_HEAD]
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=is_whole)
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(head):
        return None
    text = text.lstrip().lower()
    if text.startswith(("<?xml", "<svg", "<!--", "<!doctype svg")) and "<svg" in text:
        return "image/svg+xml"
    return "text/html" if text.startswith(("<!doctype html", "<html")) else "text/plain"


def _detect_tagged(data: Readable) -> str:
    """The MIME type of what follows an ID3v2 tag: MP3, unless it is recognised as another kind of audio."""
    length = 0
    for byte in data[6:_ID3_HEADER]:
        length = length << 7 | byte
    start = _ID3_HEADER + length
    guessed: str | None = filetype.guess_mime(data[start : start + 64])
    return guessed if guessed and guessed.startswith("audio/") else "audio/mpeg"


def _detect_ogg(data: Readable) -> str:
    """The MIME type by the codecs that the first pages name, one for each stream of the file."""
    mime_type = "audio/ogg"
    for page in islice(_first_ogg_pages(data), _MAX_PARTS):
        if page.startswith((b"\x80theora", b"\x01video")):
            return "video/ogg"
        if page.startswith(b"OpusHead"):
            mime_type = "audio/opus"
    return mime_type


def _first_ogg_pages(data: Readable) -> Iterator[bytes]:
    """The content of the pages that begin the streams, which precede all others."""
    at = 0
    while data[at : at + 4] == b"OggS" and data[at + 5 : at + 6] == bytes([_OGG_FIRST_PAGE]):
        sizes = at + _OGG_PAGE_HEADER
        start = sizes + sum(data[sizes - 1 : sizes])  # the header's last byte counts the sizes after it
        at = start + sum(data[sizes:start])
        yield data[start:at]


def _detect_mp4(data: Readable, guessed: str | None) -> str | None:
    """The MIME type of one of the many formats that use MP4's boxes, by its brand or else by its tracks."""
    if guessed and guessed.startswith("image/"):
        return guessed
    if data[8:12] in {b"M4A ", b"M4B "}:
        return "audio/mp4"
    tracks = set(_track_kinds(data))
    if b"vide" in tracks:
        return guessed or "video/mp4"
    return "audio/mp4" if b"soun" in tracks else guessed


def _track_kinds(data: Readable) -> Iterator[bytes]:
    """The handler of each track of an MP4 file, such as b"vide" or b"soun"."""
    contents = [range(len(data))]
    for name in (b"moov", b"trak", b"mdia", b"hdlr"):
        inside = (box for outer in contents for box in islice(_boxes(data, outer), _MAX_PARTS))
        contents = [content for kind, content in inside if kind == name][:_MAX_PARTS]
    return (data[content.start + 8 : content.start + 12] for content in contents if len(content) >= 12)  # noqa: PLR2004 - behind version and flags


def _boxes(data: Readable, outer: range) -> Iterator[tuple[bytes, range]]:
    """The type of each box at the top level of a part of the data, and where its content is."""
    at = outer.start
    while at + 8 <= outer.stop:
        start = data[at : at + 16]
        header, size, kind = 8, int.from_bytes(start[:4]), start[4:8]
        if size == 1 and at + 16 <= outer.stop:  # the size does not fit into four bytes
            header, size = 16, int.from_bytes(start[8:])
        elif size == 0:  # up to the end
            size = outer.stop - at
        if size < header:
            return
        yield kind, range(at + header, min(at + size, outer.stop))
        at += size


def _detect_matroska(data: Readable) -> str:
    """The MIME type of WebM or Matroska by the types of its tracks; a film where none can be read."""
    kinds = set(_track_types(data))
    name = "webm" if b"webm" in data[:_EBML_HEADER] else "x-matroska"
    return f"{'audio' if _AUDIO_TRACK in kinds and _VIDEO_TRACK not in kinds else 'video'}/{name}"


def _track_types(data: Readable) -> Iterator[bytes]:
    """The type of each track of a Matroska file, such as _AUDIO_TRACK."""
    contents = [range(len(data))]
    for wanted in (_SEGMENT, _TRACKS, _TRACK, _TRACK_TYPE):
        inside = (element for outer in contents for element in _elements(data, outer))
        contents = [content for number, content in islice(inside, _MAX_ELEMENTS) if number == wanted]
    return (data[content.start : min(content.start + 8, content.stop)].lstrip(b"\0") for content in contents)


def _elements(data: Readable, outer: range) -> Iterator[tuple[int, range]]:
    """The number of each element at the top level of a part of the data, and where its content is."""
    at = outer.start
    while at < outer.stop:
        head = data[at : min(at + 16, outer.stop)]
        number, size_at = _variable_integer(head, 0, marked=True)
        size, header = _variable_integer(head, size_at)
        if number is None or size is None:
            return
        at += header
        # Where the size was not known yet, as recorders write it, it is up to the end.
        end = outer.stop if size == _UNKNOWN else min(at + size, outer.stop)
        yield number, range(at, end)
        at = end


def _variable_integer(head: bytes, at: int, *, marked: bool = False) -> tuple[int | None, int]:
    """An integer of EBML, and where it ends; None where it is broken.

    Args:
        head: Where it is.
        at: Where it begins.
        marked: Whether the bit that says how long it is belongs to it, as it does to an element's number.
    """
    length = 9 - head[at].bit_length() if at < len(head) else 9
    if length > 8 or at + length > len(head):  # noqa: PLR2004 - bytes, the most that EBML has
        return None, at
    value, bits = int.from_bytes(head[at : at + length]), 7 * length
    if not marked:
        value &= (1 << bits) - 1
        if value == (1 << bits) - 1:
            value = _UNKNOWN
    return value, at + length


def _detect_marked(data: Readable) -> str:
    guessed: str = filetype.guess_mime(data[:_HEAD])
    audio_type, audio, video = _MARKED[guessed]
    headers = data[:_HEADERS]
    return audio_type if audio in headers and video not in headers else guessed


def _detect_flv(data: Readable) -> str:
    streams = data[4:5][0] & (_FLV_AUDIO | _FLV_VIDEO)
    return "audio/x-flv" if streams == _FLV_AUDIO else "video/x-flv"


_READERS: Mapping[str, Callable[[Readable], str]] = {
    "audio/ogg": _detect_ogg,
    "video/x-flv": _detect_flv,
    **dict.fromkeys(_MARKED, _detect_marked),
}
