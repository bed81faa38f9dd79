"""A document block -> its title and text. Knows how to tell text from other bytes; no message, no Space.

Documents are read here and at once, since they become part of the prompt. Nothing is fetched.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from io import IOBase
from os import PathLike
from pathlib import Path
from urllib.parse import unquote_to_bytes

from llama_index.core.base.llms.types import DocumentBlock

from llama_index_phi4._local_files import NO_FILES, LocalFiles
from llama_index_phi4._sources import OpenFile, Source, decoded, is_text
from phi4_space import MediaNotReadable, UnsupportedContent, UrlRefused

_UNTITLED = "input_document"  # core's own title for a document without one
_WRITTEN_IN_ASCII = (b"%PDF-", b"%!PS", rb"{\rtf")  # formats that can pass for text
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def read_document(block: DocumentBlock, *, files: LocalFiles = NO_FILES) -> Iterator[str]:
    """Its heading, and its text.

    Its bytes tell whether it is text, in UTF-8, and not the type that it claims.

    Args:
        block: The document.
        files: Which local files may be read.

    Raises:
        UnsupportedContent: It is no text, such as a PDF.
        MediaNotReadable: It has no source, is empty, or cannot be read.
        UrlRefused: Its URL is not a `data:` URL.
    """
    yield heading(_title(block))
    yield _text(block, _bytes(Source(block.data, block.path, block.url), files))


def heading(title: str, source: str = "") -> str:
    """The line that goes before what a document says."""
    title, source = (" ".join(text.split()) for text in (title, source))
    return "".join(("Document", title and f' "{title}"', source and f" ({source})", ":"))


def _title(block: DocumentBlock) -> str:
    """The block's own title, or the name of its file; empty where it has neither."""
    if block.title and block.title != _UNTITLED:
        return block.title
    return Path(block.path).name if block.path else ""


def _text(block: DocumentBlock, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if data.startswith(_WRITTEN_IN_ASCII) or _NO_TEXT.search(text):
        raise UnsupportedContent(
            f"{_title(block) or 'It'}, of type {block.document_mimetype or 'unknown'}, is no text in UTF-8",
            advice="Extract its text, or send its pages as images.",
        )
    return text


def _bytes(source: Source, files: LocalFiles) -> bytes:
    match source:
        case Source(data=IOBase() as file):
            data = _read(OpenFile(file).read)
        case Source(data=bytes(kept)):
            data = decoded(kept)
        case Source(path=str() | PathLike() as path):
            data = files.read(path)
        case Source(url=None):
            raise MediaNotReadable("It has no source", advice="Give it bytes, an open file or a path.")
        case _:
            data = _in_url(str(source.url))
    if not data:
        raise MediaNotReadable("It is empty")
    return data


def _read(read: Callable[[], bytes | str]) -> bytes:
    try:
        data = read()
    except Exception as exc:  # any library's file, with any library's errors
        raise MediaNotReadable(f"It cannot be read: {exc}") from exc
    return data.encode() if isinstance(data, str) else data


def _in_url(url: str) -> bytes:
    head, _, body = url.partition(",")
    if not head.lower().startswith("data:"):
        raise UrlRefused(
            "Documents are not loaded from URLs", advice="Load it yourself, and hand in its text."
        )
    if not is_text(body):
        raise MediaNotReadable("Its data URL is broken: it holds half of a surrogate pair")
    data = unquote_to_bytes(body)
    try:
        return base64.b64decode(data, validate=True) if head.lower().endswith(";base64") else data
    except ValueError as exc:
        raise MediaNotReadable("Its data URL is broken: its data is no base64") from exc
