"""References to media -> files. Knows no sockets (the caller passes a function that loads URLs), no Space."""

from __future__ import annotations

import inspect
import io
import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

import anyio
from anyio import to_thread

from phi4_space._errors import (
    InvalidOption,
    MediaNotReadable,
    Phi4Error,
    TooManyFiles,
    UnsupportedContent,
)
from phi4_space._json import mended
from phi4_space._media.data_uri import from_base64, is_data_uri, read_data_uri
from phi4_space._media.encode import encode
from phi4_space._media.formats import Format, Readable, describe, is_other_audio, recognise
from phi4_space._media.known import KnownFiles
from phi4_space._media.local_file import LocalFile, behind, not_empty, opened
from phi4_space._turns import File, Media, MediaLike

Fetch = Callable[[str], Awaitable[bytes]]
"""Loads the content of an http(s) URL, or raises one of our errors."""

_URL = re.compile(r"https?://", re.IGNORECASE)
_MAX_BYTES = 1 << 29  # of a local file; Spaces accept far less
_IN_MEMORY = 1 << 23  # bytes; a larger file on disk stays there, and is read again to be sent
_MAX_NAME_BYTES = 120  # in UTF-8; file systems allow 255, and the server may add to the name
_SOURCES = (
    "Pass a pathlib.Path, bytes, an open binary file, a data URI, an http(s) URL, base64, a PIL image, "
    "numpy pixels, or (sample_rate, samples) with numpy samples."
)
_CONVERT = (
    "Phi-4 accepts wav, mp3, flac, ogg, opus and m4a. Convert it first, such as by "
    "`ffmpeg -i recording.webm -vn recording.wav`, with its own name."
)
_ONLY_MEDIA = "Images and audio alone are sent as files. Write a text into the question itself."


@runtime_checkable
class _Readable(Protocol):
    def read(self) -> object: ...


def refuse_too_many(count: int, limit: int | None) -> None:
    """Refuses more files than one turn may have.

    Raises:
        TooManyFiles: There are more.
    """
    if limit is not None and count > limit:
        raise TooManyFiles(
            f"The turn has {count} files, but at most {limit} are allowed", count=count, limit=limit
        )


async def read_media(media: MediaLike, *, fetch: Fetch, known: KnownFiles | None = None) -> File:
    """Reads one image or audio file, and recognises its format from its bytes.

    Disk access, encoding and hashing, which block, run in a thread. An open file is read from its current
    position, and is not closed. Of a large file on disk the bytes stay there; it must not change until they
    were sent.

    Args:
        media: A `Media`, or anything that its `source` may be.
        fetch: Loads an http(s) URL.
        known: The files that were read before.

    Raises:
        MediaNotReadable: It is missing, empty or broken.
        UnsupportedContent: Media cannot be read from such a source, or Phi-4 does not accept the format.
        InvalidOption: `Media.name` is not a string.
        UrlRefused: `fetch` refused its URL.
    """
    media = media if isinstance(media, Media) else Media(media)
    if not isinstance(media.name, str | None):
        raise InvalidOption(f"Media.name must be a string, not {type(media.name).__name__}")
    source, name = media.source, media.name
    if isinstance(source, str) and _URL.match(source.lstrip()):
        name = name or _name_in_url(source)
        source = await fetch(source.strip())
    known = KnownFiles() if known is None else known
    if isinstance(source, bytes | str) and (file := known.find(source, name)) is not None:
        return file
    return await to_thread.run_sync(_read, source, name, known)


async def read_all(
    media: Sequence[MediaLike], *, fetch: Fetch, known: KnownFiles | None = None
) -> tuple[File, ...]:
    """Reads several media at the same time.

    Args:
        media: The media.
        fetch: Loads an http(s) URL.
        known: The files that were read before.

    Returns:
        The files, in the order of the media.

    Raises:
        Phi4Error: The first error of `read_media`; the message says for which of the media.
    """
    files: dict[int, File] = {}
    failures: list[Phi4Error] = []

    async def read(index: int) -> None:
        try:
            files[index] = await read_media(media[index], fetch=fetch, known=known)
        except Exception as exc:  # noqa: BLE001 - a caller's object may raise anything
            failure = exc if isinstance(exc, Phi4Error) else _unreadable(exc)
            failures.append(failure)
            if len(media) > 1:
                failure.what = f"media {index + 1} of {len(media)}: {failure.what}"
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index in range(len(media)):
            group.start_soon(read, index)
    if failures:
        raise failures[0]
    return tuple(files[index] for index in range(len(media)))


def _unreadable(cause: Exception) -> MediaNotReadable:
    failure = MediaNotReadable(f"The media cannot be read: {type(cause).__name__}: {cause}")
    failure.__cause__ = cause
    return failure


def _read(source: object, name: str | None, known: KnownFiles) -> File:
    name = name or _own_name(source)
    if isinstance(source, os.PathLike):
        return _read_path(Path(os.fsdecode(source)), name, known)
    if isinstance(source, io.BufferedReader | io.FileIO):
        stored = behind(source)
        if stored is not None and len(stored) > _IN_MEMORY:
            source.seek(0, io.SEEK_END)  # where reading it would leave it
            return _to_stored(stored, name, known)
    file = to_file(_load(source), name)
    _ = file.digest  # which takes a while, so it is made in this thread
    if isinstance(source, bytes | str):
        known.keep(source, name, file)
    return file


def _read_path(path: Path, name: str | None, known: KnownFiles) -> File:
    with opened(path, max_bytes=_MAX_BYTES) as (opened_file, stamp):
        stored = LocalFile(path.absolute(), stamp)
        if (file := known.find(stored, name)) is not None:
            return file
        if len(stored) > _IN_MEMORY:
            return _to_stored(stored, name, known)
        file = to_file(not_empty(opened_file.read(stamp.size), path), name)
        _ = file.digest  # as above
    if stamp.is_settled(time.time_ns()):
        known.keep(stored, name, file)
    return file


def _to_stored(stored: LocalFile, name: str | None, known: KnownFiles) -> File:
    """A file whose bytes stay on disk."""
    if (file := known.find(stored, name)) is not None:
        return file
    with stored.opened() as section:
        form = _recognised(section, name)
    file = File(_file_name(name or "", form), form.mime_type, replace(stored, digest=stored.hashed()))
    if stored.stamp.is_settled(time.time_ns()):
        known.keep(stored, name, file)
    return file


def to_file(data: bytes, name: str | None) -> File:
    """Makes a file of bytes, and recognises its format from the bytes alone.

    Args:
        data: The bytes.
        name: A file name, whose extension is corrected; None if there is none.

    Raises:
        MediaNotReadable: There are no bytes.
        UnsupportedContent: Phi-4 does not accept the format.
    """
    if not data:
        raise MediaNotReadable(f"{_label(name)} is empty")
    form = _recognised(data, name)
    return File(_file_name(name or "", form), form.mime_type, data)


def _recognised(data: Readable, name: str | None) -> Format:
    form = recognise(data)
    if form is None:
        raise UnsupportedContent(
            f"{_label(name)} is {describe(data) or 'in an unknown format'}",
            advice=_CONVERT if is_other_audio(data) else _ONLY_MEDIA,
        )
    return form


def _label(name: str | None) -> str:
    return repr(name) if name else "The media"


def _load(source: object) -> bytes:
    match source:
        case bytes() | bytearray() | memoryview():
            return bytes(source)
        case str():
            return _load_text(source.strip())
        case _Readable():
            return _load_file(source)
    encoded = encode(source)
    if encoded is not None:
        return encoded
    raise UnsupportedContent(
        f"Media cannot be read from an object of type {type(source).__name__}", advice=_SOURCES
    )


def _load_file(file: _Readable) -> bytes:
    if isinstance(file, io.TextIOBase) or inspect.iscoroutinefunction(file.read):
        raise MediaNotReadable(
            f"read() of a {type(file).__name__} does not return bytes",
            advice='Open the file in mode "rb", or read its bytes yourself and pass them.',
        )
    try:
        data = file.read()
    except Exception as exc:  # a file of any library, which may raise any error
        raise MediaNotReadable(f"The open file cannot be read: {exc}") from exc
    if not isinstance(data, bytes | bytearray | memoryview):
        raise MediaNotReadable(
            f"The open file returned {type(data).__name__}, not bytes", advice='Open it in mode "rb".'
        )
    if not data:
        raise MediaNotReadable("The open file is at its end", advice="Rewind it first: file.seek(0).")
    return bytes(data)


def _load_text(text: str) -> bytes:
    if text != mended(text):
        raise MediaNotReadable("The string contains lone surrogates, which no data URI or base64 contains")
    if is_data_uri(text):
        return read_data_uri(text).data
    data = from_base64(text)
    # Many a path, such as "images/cats", is valid base64, but does not decode to a known format.
    if not data or not (recognise(data) or describe(data)):
        raise MediaNotReadable(
            "The string is neither a data URI, nor an http(s) URL, nor an image or audio file in base64",
            advice="A string is never read as a local path; pass pathlib.Path(...) instead.",
        )
    return data


def _own_name(source: object) -> str | None:
    """The name of a path, an open file or a PIL image; None if it has none."""
    names = (getattr(source, attribute, None) for attribute in ("name", "filename"))
    return next((name for name in names if isinstance(name, str)), None)


def _name_in_url(url: str) -> str:
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0].partition("/")[2]
    return unquote(path.rpartition("/")[2])


def _file_name(name: str, form: Format) -> str:
    """A name that file systems accept: the stem of a name, with an extension of the format."""
    base = re.split(r"[/\\]", name)[-1]
    stem, dot, extension = base.rpartition(".")
    printable = "".join(letter for letter in (stem if dot else base) if letter.isprintable())
    short = printable.strip(". ").encode()[:_MAX_NAME_BYTES].decode(errors="ignore").rstrip(". ")
    extension = f".{extension.lower()}"
    kept = extension if extension in form.extensions else form.extensions[0]
    return f"{short or form.mime_type.partition('/')[0]}{kept}"
