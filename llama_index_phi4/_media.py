"""Where the bytes of a block or node are, and which local files may be read. Knows paths and core's fields.

Nothing is fetched here, and no image or audio is read: both are the client's work, in threads and under its
fetch policy. Core's own `resolve_image` would load a URL at once, without a limit.

A path in a block or node may be the program's own, or come from JSON, an index or a chat that was loaded, and
nothing in the block shows which. So none is read unless the program has said where from.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import IOBase
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol

from llama_index.core.base.llms.types import AudioBlock, ImageBlock
from llama_index.core.schema import ImageNode, MediaResource, Node, NodeWithScore

from phi4_space import Media, MediaNotReadable, UnsupportedContent, UrlRefused
from phi4_space.interop import (
    document_bytes,
    errors_at,
    from_base64,
    is_data_uri,
    media_from_data,
    media_from_url,
    read_data_uri,
    read_local_file,
)

_LARGEST = 8_000_000  # bytes of a document, all of which goes into the prompt
_ADVICE = (
    "Phi4(local_files=FOLDER) reads the files of a folder, Phi4(local_files=True) all; or pass its bytes."
)
_reading = threading.Lock()


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The local files that a program allows to be read.

    Attributes:
        allowed: True for all files, or the folder whose files may be read; anything else allows none.
    """

    allowed: bool | str | os.PathLike[str] = False

    def find(self, path: str | os.PathLike[str]) -> Path:
        """The file, at its real place, if it may be read; nothing is opened.

        Raises:
            MediaNotReadable: It may not be; the text says why, and what would allow it.
        """
        name = repr(str(path))
        if self.allowed is not True and not isinstance(self.allowed, str | os.PathLike):
            raise MediaNotReadable(f"{name} is a local file, and none may be read", advice=_ADVICE)
        try:
            found = Path(path).resolve()  # what links and ".." lead to
        except (OSError, ValueError, RuntimeError) as exc:  # too long, with a null, or links in a circle
            raise MediaNotReadable(f"{name} cannot be read: {exc}") from exc
        if self.allowed is not True and not found.is_relative_to(Path(self.allowed).resolve()):
            raise MediaNotReadable(f"{name} is not in {str(self.allowed)!r}", advice=_ADVICE)
        return found

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """The bytes of a document.

        Raises:
            MediaNotReadable: It may not be read, or cannot.
            FileTooLarge: It is too large for a prompt.
        """
        return read_local_file(self.find(path), max_bytes=_LARGEST)


NO_FILES = LocalFiles()
"""What is allowed by default: nothing."""


class Source(NamedTuple):
    """Where bytes are, in the order in which core looks for them.

    Attributes:
        data: The bytes, as they are or in base64, or an open binary file.
        path: A local path.
        url: A `data:`, http or https URL.
    """

    data: bytes | IOBase | None = None
    path: str | PathLike[str] | None = None
    url: object | None = None


class OpenFile:
    """An open file that is read from its start; its position is kept.

    Agents send the same messages again and again, so that reading must not use them up. A file that cannot
    seek is read from its current position, and only once.

    Attributes:
        name: What the file calls itself, if it does: a name, or the number of its descriptor.
    """

    def __init__(self, file: IOBase) -> None:
        """Remembers the file; reads nothing."""
        self._file: _File = file
        self.name: object = getattr(file, "name", None)

    def read(self) -> bytes | str:
        """All that the file holds; text if it was opened as text."""
        if not self._file.seekable():
            return self._file.read()
        with _reading:  # the same file may be in two messages, read by two threads
            position = self._file.tell()
            self._file.seek(0)
            try:
                return self._file.read()
            finally:
                self._file.seek(position)


class _File(Protocol):
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def seek(self, offset: int, /) -> int: ...
    def read(self) -> bytes | str: ...


def to_media(source: Source, *, files: LocalFiles = NO_FILES) -> Media:
    """An image or audio by reference.

    Args:
        source: Where it is.
        files: Which local files may be read.

    Raises:
        MediaNotReadable: There is no source, it is empty, or a local file that may not be read.
        UrlRefused: The URL is neither `data:` nor http(s).
    """
    match source:
        case Source(data=IOBase() as file):
            return Media(OpenFile(file))
        case Source(data=bytes(data)):
            return media_from_data(_decoded(data))
        case Source(path=str() | PathLike() as path):
            return Media(files.find(path), Path(path).name)
        case Source(url=None):
            raise MediaNotReadable("It has no source", advice="Give it bytes, an open file, a path or a URL.")
        case _:
            return media_from_url(str(source.url))


def _decoded(data: bytes) -> bytes:
    """The bytes themselves, where they may be in base64, as core keeps them."""
    decoded = from_base64(data.decode()) if data.isascii() else None
    return data if decoded is None else decoded


def read_bytes(source: Source, *, files: LocalFiles = NO_FILES) -> bytes:
    """The bytes of a document.

    Args:
        source: Where it is.
        files: Which local files may be read.

    Raises:
        MediaNotReadable: There is no source, or it cannot or may not be read.
        UrlRefused: Its URL is not a data URI.
    """
    match source:
        case Source(data=IOBase() as file):
            return _read(OpenFile(file).read)
        case Source(data=bytes(data)):
            return document_bytes(data)
        case Source(path=str() | PathLike() as path):
            return files.read(path)
        case Source(url=None):
            raise MediaNotReadable("It has no source", advice="Give it bytes, an open file or a path.")
        case _ if is_data_uri(uri := str(source.url)):
            return read_data_uri(uri).data
        case _:
            raise UrlRefused(
                "Documents are not loaded from URLs", advice="Load it yourself, and pass its text."
            )


def _read(read: Callable[[], bytes | str]) -> bytes:
    try:
        data = read()
    except Exception as exc:  # any library's file, with any library's errors
        raise MediaNotReadable(f"It cannot be read: {exc}") from exc
    return data.encode() if isinstance(data, str) else data


def images_to_media(images: Sequence[object], *, files: LocalFiles = NO_FILES) -> list[Media]:
    """The media passed as `image_documents`, by reference.

    Args:
        images: `ImageDocument`, `ImageNode`, a `Node` with an image, `NodeWithScore` of these, `ImageBlock`
            or `AudioBlock`, in any mixture.
        files: Which local files may be read.

    Raises:
        UnsupportedContent: One is none of these, or a node without an image.
        MediaNotReadable: One has no source, is empty, or a local file that may not be read.
        UrlRefused: A URL is neither `data:` nor http(s).
    """
    media = []
    for place, image in enumerate(images):
        with errors_at(f"image_documents[{place}]"):
            media.append(to_media(_image_source(image), files=files))
    return media


def _image_source(image: object) -> Source:
    match image:
        case NodeWithScore():
            return _image_source(image.node)
        case ImageBlock():
            return Source(image.image, image.path, image.url)
        case AudioBlock():
            return Source(image.audio, image.path, image.url)
        case ImageNode():
            return Source(_encoded(image.image), image.image_path, image.image_url)
        case Node(image_resource=MediaResource() as resource):
            return Source(resource.data, resource.path, resource.url)
    raise UnsupportedContent(f"It is a {type(image).__name__} without an image")


def _encoded(text: str | None) -> bytes | None:
    return text.encode() if text else None
