"""One content block -> what is sent of it: text and media, in order. Knows each kind of block; no message.

========= =====================================================================
text      its text, verbatim
image     by reference; its bytes tell its kind, `detail` is ignored
audio     by reference; its bytes tell its kind, `format` is ignored
document  `Document "title":`, then its text; refused where its bytes are no text
citable   `Document "title" (source):`, then its content, block by block
citation  `Document "title" (source):`, then what it cites
cache     nothing, as it is a hint
thinking  nothing, as other models do not go on from one's thoughts
tool_call nothing here, as calls are the message's, not its text's
video     refused, as is every kind that is not listed
========= =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

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

from llama_index_phi4._documents import heading, read_document
from llama_index_phi4._local_files import NO_FILES, LocalFiles
from llama_index_phi4._sources import Source, to_media
from phi4_space import Media, UnsupportedContent


def to_parts(block: object, *, files: LocalFiles = NO_FILES) -> Iterator[str | Media]:
    """What is sent of a block; texts without the line breaks that stand between them.

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
            yield from read_document(block, files=files)
        case CitableBlock() | CitationBlock():
            yield heading(block.title, block.source)
            for nested in block.nested_blocks:
                yield from to_parts(nested, files=files)
        case CachePoint() | ThinkingBlock() | ToolCallBlock():
            pass
        case _:
            raise UnsupportedContent(f"Phi-4 takes no {kind_of(block)}")


def kind_of(block: object) -> str:
    """What to call a block's kind in an error."""
    kind = getattr(block, "block_type", None)
    return f"{kind} block" if isinstance(kind, str) and kind.isidentifier() else type(block).__name__
