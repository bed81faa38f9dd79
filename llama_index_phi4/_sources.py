"""Where a block's or node's bytes are -> Media. Knows core's ways to refer to bytes; no message, no Space.

Nothing is fetched here, and no picture or recording is read: both are the client's work, in threads and under
its fetch policy. Core's own `resolve_image` would load a URL at once, without a limit.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from io import IOBase
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol

from llama_index.core.base.llms.types import AudioBlock, ImageBlock
from llama_index.core.schema import ImageNode, MediaResource, Node, NodeWithScore

from llama_index_phi4._local_files import NO_FILES, LocalFiles
from llama_index_phi4._refusals import telling
from phi4_space import Media, MediaNotReadable, UnsupportedContent, UrlRefused

_SCHEMES = ("data", "http", "https")
_one_reads = threading.Lock()


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
    """An open file that is read from its start, and left as it stood.

    Agents send the same messages again and again, so that reading must not use them up. A file that cannot
    seek is read from where it stands, and only once.

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
        with _one_reads:  # the same file may stand in two messages, read by two threads
            stood = self._file.tell()
            self._file.seek(0)
            try:
                return self._file.read()
            finally:
                self._file.seek(stood)


class _File(Protocol):
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def seek(self, offset: int, /) -> int: ...
    def read(self) -> bytes | str: ...


def to_media(source: Source, *, files: LocalFiles = NO_FILES) -> Media:
    """A picture or a recording by reference.

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
            return Media(decoded(data))
        case Source(path=str() | PathLike() as path):
            return Media(files.find(path), Path(path).name)
        case Source(url=None):
            raise MediaNotReadable("It has no source", advice="Give it bytes, an open file, a path or a URL.")
        case _:
            return Media(_checked(str(source.url)))


def decoded(data: bytes) -> bytes:
    """The bytes themselves, where they may be in base64, as core keeps them.

    Raises:
        MediaNotReadable: There are none.
    """
    if not data:
        raise MediaNotReadable("It is empty")
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return data


def _checked(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme.lower() not in _SCHEMES:
        raise UrlRefused(
            f"Its URL begins with {scheme[:20]!r}, not with one of {', '.join(_SCHEMES)}",
            advice="Hand in its bytes, or a local file as path.",
        )
    if not is_text(url):
        raise UrlRefused("Its URL holds half of a surrogate pair, which cannot be sent")
    return url


def is_text(text: str) -> bool:
    """Whether a string is one that UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def images_to_media(images: Sequence[object], *, files: LocalFiles = NO_FILES) -> list[Media]:
    """What is handed in as `image_documents`, by reference.

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
        with telling(f"image_documents[{place}]"):
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
