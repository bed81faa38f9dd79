"""One content block as text and media, in order. Knows each kind of block; no message.

========= =====================================================================
text      its text, verbatim
image     by reference; its bytes decide on its format, `detail` is ignored
audio     by reference; its bytes decide on its format, `format` is ignored
document  `Document "title":`, then its text; or the image or audio that it is
citable   `Document "title" (source):`, then its content, block by block
citation  `Document "title" (source):`, then what it cites
cache     nothing, as it is a hint
thinking  nothing, as other models do not go on from one's thoughts
tool_call nothing here, as calls belong to the message, not its text
video     refused, as is every kind that is not listed
========= =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index_phi4._media import NO_FILES, LocalFiles, Source, read_bytes, to_media
from phi4_space import Media, UnsupportedContent
from phi4_space.interop import document_heading, read_document

_UNTITLED = "input_document"  # core's own title for a document without one

WORDS = (TextBlock, ToolCallBlock, ThinkingBlock, CachePoint)
"""The blocks for which nothing is read, decoded or looked up."""


def to_parts(block: object, *, files: LocalFiles = NO_FILES) -> Iterator[str | Media]:
    """The text and media of a block; texts without the line breaks between them.

    Args:
        block: The block.
        files: Which local files may be read.

    Raises:
        UnsupportedContent: Phi-4 does not take its kind.
        MediaNotReadable: It has no source, it is a local file that may not be read, or a document that cannot
            be read.
        UrlRefused: Its URL is not one that is loaded.
    """
    match block:
        case TextBlock(text=str(text)):
            yield text
        case ImageBlock():
            yield to_media(Source(block.image, block.path, block.url), files=files)
        case AudioBlock():
            yield to_media(Source(block.audio, block.path, block.url), files=files)
        case DocumentBlock():
            yield from _document_parts(block, files)
        case CitableBlock() | CitationBlock():
            yield document_heading(block.title, block.source)
            for nested in block.nested_blocks:
                yield from to_parts(nested, files=files)
        case CachePoint() | ThinkingBlock() | ToolCallBlock():
            pass
        case _:
            raise UnsupportedContent(f"Phi-4 takes no {kind_of(block)}")


def _document_parts(block: DocumentBlock, files: LocalFiles) -> Iterator[str | Media]:
    """A document's heading and text; or the image or audio that it is.

    Documents are read here and at once, since they become part of the prompt. Nothing is fetched.
    """
    title = _title(block)
    data = read_bytes(Source(block.data, block.path, block.url), files=files)
    content = read_document(data, title=title, mime_type=block.document_mimetype or "")
    if isinstance(content, str):
        yield document_heading(title)
    yield content


def _title(block: DocumentBlock) -> str:
    """The block's own title, or the name of its file; empty where it has neither."""
    if block.title and block.title != _UNTITLED:
        return block.title
    return Path(block.path).name if block.path else ""


def kind_of(block: object) -> str:
    """What to call a block's kind in an error."""
    kind = getattr(block, "block_type", None)
    return f"{kind} block" if isinstance(kind, str) and kind.isidentifier() else type(block).__name__
