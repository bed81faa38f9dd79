"""References -> named bytes. Knows no sockets (who calls brings the way to load a URL) and no Space."""

from __future__ import annotations

import base64
import inspect
import io
import os
import re
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, unquote_to_bytes

import anyio
from anyio import to_thread

from phi4_space._errors import (
    FileTooLarge,
    InvalidOption,
    MediaNotReadable,
    Phi4Error,
    TooManyFiles,
    UnsupportedContent,
    shortened,
)
from phi4_space._json import mended
from phi4_space._media.encode import encode
from phi4_space._media.formats import Format, describe, recognise
from phi4_space._turns import File, Media, MediaLike

Fetch = Callable[[str], Awaitable[bytes]]
"""Loads what an http(s) URL names, or raises one of our errors."""

_URL = re.compile(r"https?://", re.IGNORECASE)
_DATA_URI = re.compile(r"data:", re.IGNORECASE)
_IN_BASE64 = re.compile(r";\s*base64\s*$", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FROM_URL_SAFE = str.maketrans("-_", "+/")
_LARGEST = 1 << 29  # bytes of a local file, which is read whole; Spaces take far less
_NAME_BYTES = 120  # of UTF-8: file systems take 255, and the server may add to it
_SOURCES = (
    "Hand in a pathlib.Path, bytes, an open binary file, a data URI, an http(s) URL, base64, a PIL image, "
    "or (sample_rate, samples) with numpy samples."
)


@runtime_checkable
class _Readable(Protocol):
    def read(self) -> object: ...


def refuse_too_many(count: int, limit: int | None) -> None:
    """Refuses more files than one turn may carry.

    Raises:
        TooManyFiles: There are more.
    """
    if limit is not None and count > limit:
        raise TooManyFiles(f"The turn has {count} files and may carry {limit}", count=count, limit=limit)


async def read_media(thing: MediaLike, *, fetch: Fetch) -> File:
    """Reads one picture or recording, and recognises it from its bytes.

    What blocks, such as a disk or an encoder, runs in a thread. Nothing that was handed in is closed, and an
    open file is read from where it stands.

    Args:
        thing: A `Media`, or anything that its `source` may be.
        fetch: Loads an http(s) URL.

    Raises:
        MediaNotReadable: It is missing, empty or broken.
        UnsupportedContent: It is nothing to read media from, or Phi-4 does not take what it holds.
        InvalidOption: `Media.name` is no string.
        UrlRefused: `fetch` refused its URL.
    """
    media = thing if isinstance(thing, Media) else Media(thing)
    if not isinstance(media.name, str | None):
        raise InvalidOption(f"Media.name is a string, not {type(media.name).__name__}")
    source, name = media.source, media.name
    if isinstance(source, str) and _URL.match(source.lstrip()):
        name = name or _name_in_url(source)
        source = await fetch(source.strip())
    return await to_thread.run_sync(_read, source, name)


async def read_all(things: Sequence[MediaLike], *, fetch: Fetch) -> tuple[File, ...]:
    """Reads several at once.

    Returns:
        The files, in the order of the things.

    Raises:
        Phi4Error: As `read_media` does: whichever fails first, and it says which of the things that was.
    """
    files: dict[int, File] = {}
    failures: list[Phi4Error] = []

    async def read(place: int) -> None:
        try:
            files[place] = await read_media(things[place], fetch=fetch)
        except Exception as exc:  # noqa: BLE001 - what is handed in may raise what it likes when it is looked at
            failure = exc if isinstance(exc, Phi4Error) else _unreadable(exc)
            failures.append(failure)
            if len(things) > 1:
                failure.what = f"media {place + 1} of {len(things)}: {failure.what}"
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for place in range(len(things)):
            group.start_soon(read, place)
    if failures:
        raise failures[0]
    return tuple(files[place] for place in range(len(things)))


def _unreadable(cause: Exception) -> MediaNotReadable:
    failure = MediaNotReadable(f"The media cannot be read: {type(cause).__name__}: {cause}")
    failure.__cause__ = cause
    return failure


def _read(source: object, name: str | None) -> File:
    return to_file(_load(source), name or _own_name(source))


def to_file(data: bytes, name: str | None) -> File:
    """Recognises a picture or recording from its bytes alone.

    Args:
        data: The bytes.
        name: What to call it, if it has a name; its extension is corrected.

    Raises:
        MediaNotReadable: It is empty.
        UnsupportedContent: Phi-4 does not take what it is.
    """
    label = repr(name) if name else "The media"
    if not data:
        raise MediaNotReadable(f"{label} is empty")
    form = recognise(data)
    if form is None:
        raise UnsupportedContent(f"{label} is {describe(data) or 'of no known kind, by its bytes'}")
    return File(_file_name(name or "", form), form.mime_type, data)


def _load(source: object) -> bytes:
    match source:
        case bytes() | bytearray() | memoryview():
            return bytes(source)
        case str():
            return _load_text(source.strip())
        case os.PathLike():
            return _load_path(Path(os.fsdecode(source)))
        case _Readable():
            return _load_file(source)
    encoded = encode(source)
    if encoded is not None:
        return encoded
    raise UnsupportedContent(f"Media cannot be read from a {type(source).__name__}", advice=_SOURCES)


def _load_path(path: Path) -> bytes:
    shown = repr(shortened(str(path)))
    try:
        # A pipe or a device might never end, so that neither is opened.
        _checked_size(path.stat(), shown)
        with open(path, "rb", opener=_open) as file:
            data = file.read(_checked_size(os.fstat(file.fileno()), shown))
    except Phi4Error:
        raise
    except (OSError, ValueError) as exc:
        raise MediaNotReadable(f"{shown} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    if not data:
        raise MediaNotReadable(f"{shown} is empty")
    return data


def _checked_size(found: os.stat_result, shown: str) -> int:
    """How much is to be read of a file: no more than it says, as one in /proc says that it is empty."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise MediaNotReadable(f"{shown} is {kind}")
    if found.st_size > _LARGEST:
        raise FileTooLarge(f"{shown} has {found.st_size} bytes", size=found.st_size, limit=_LARGEST)
    return found.st_size


def _open(path: str, flags: int) -> int:
    # Should a pipe have come into its place meanwhile, nobody waits for who writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _load_file(file: _Readable) -> bytes:
    if isinstance(file, io.TextIOBase) or inspect.iscoroutinefunction(file.read):
        raise MediaNotReadable(
            f"A {type(file).__name__} gives no bytes to who calls read()",
            advice='Open the file with mode "rb", or await its bytes and hand them in.',
        )
    try:
        data = file.read()
    except Exception as exc:  # any library's file, with any library's errors
        raise MediaNotReadable(f"The open file cannot be read: {exc}") from exc
    if not isinstance(data, bytes | bytearray | memoryview):
        raise MediaNotReadable(
            f"The open file gave {type(data).__name__}, not bytes", advice='Open it with mode "rb".'
        )
    if not data:
        raise MediaNotReadable("The open file is at its end", advice="Rewind it first: file.seek(0).")
    return bytes(data)


def _load_text(text: str) -> bytes:
    if text != mended(text):
        raise MediaNotReadable("The string holds halves of surrogate pairs, which no data URI or base64 has")
    if _DATA_URI.match(text):
        return _load_data_uri(text)
    data = _from_base64(text)
    # Many a path, such as "pictures/cat", is base64 by its letters: what it means would be nothing known.
    if not data or not (recognise(data) or describe(data)):
        raise MediaNotReadable(
            "The string is neither a data URI, nor an http(s) URL, nor a picture or recording in base64",
            advice="A string is never a local path: wrap one as pathlib.Path(...).",
        )
    return data


def _load_data_uri(uri: str) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma:
        raise MediaNotReadable('The data URI is broken: no "," stands before its data')
    if _BROKEN_ESCAPE.search(body):
        raise MediaNotReadable("The data URI is broken: a % in it has no two hexadecimal digits after it")
    in_base64 = _IN_BASE64.search(head)
    data = _from_base64(unquote(body)) if in_base64 else unquote_to_bytes(body)
    if data is None:
        raise MediaNotReadable("The data URI is broken: its data is no base64")
    return data


def _from_base64(text: str) -> bytes | None:
    """The bytes that standard or URL-safe base64 means, with or without blanks and padding; None if none."""
    letters = "".join(text.split()).rstrip("=").translate(_FROM_URL_SAFE)
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:
        return None


def _own_name(source: object) -> str | None:
    """The name that a path, an open file or a PIL image brings along."""
    names = (getattr(source, attribute, None) for attribute in ("name", "filename"))
    return next((name for name in names if isinstance(name, str)), None)


def _name_in_url(url: str) -> str:
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0].partition("/")[2]
    return unquote(path.rpartition("/")[2])


def _file_name(given: str, form: Format) -> str:
    """A name that file systems take: the given one's stem, with the extension that the format calls for."""
    base = re.split(r"[/\\]", given)[-1]
    stem, dot, extension = base.rpartition(".")
    printable = "".join(letter for letter in (stem if dot else base) if letter.isprintable())
    short = printable.strip(". ").encode()[:_NAME_BYTES].decode(errors="ignore").rstrip(". ")
    extension = f".{extension.lower()}"
    kept = extension if extension in form.extensions else form.extensions[0]
    return f"{short or form.mime_type.partition('/')[0]}{kept}"
