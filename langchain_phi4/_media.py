"""The image, audio or document in a block. Knows all providers' fields; no message, no I/O.

Providers write the same few things under many names, one mapping within another. They are read alike: the
mappings are laid flat, then the fields are looked for under all their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_phi4._parts import Passage
from phi4_space import Media, UnsupportedContent
from phi4_space.interop import (
    document_heading,
    is_data_uri,
    media_from_data,
    media_from_url,
    read_data_uri,
    read_document,
)

_WRAPPERS = frozenset(
    ("audio", "audio_url", "document", "extras", "file", "image", "image_url", "input_audio", "source")
)
_DATA = ("base64", "data", "bytes", "file_data", "result")
_URL = ("url", "image_url", "audio_url", "file_url", "file_uri")
_MIME_TYPE = ("mime_type", "media_type")
_TITLE = ("title", "filename", "name")
_CONTEXT = ("context", "source")  # a search result's source is its URL, and no wrapper
_AT_PROVIDER = ("file_id", "id", "s3Location", "s3_location", "fileUri")
# OpenAI's form is read by core as a PDF whatever it holds, so that this type says nothing.
_MEANINGLESS = ("application/octet-stream", "application/pdf")


def flat(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block's fields and those of the mappings in it that only wrap.

    Of fields with one name the innermost counts; what a provider adds as `extras` counts least.
    """
    wrapped = {key: value for key, value in block.items() if key in _WRAPPERS and isinstance(value, Mapping)}
    extras = wrapped.pop("extras", {})
    outer = {key: value for key, value in block.items() if key not in wrapped and key != "extras"}
    layers = (extras, outer, *(flat(value) for value in wrapped.values()))
    return {key: value for layer in layers for key, value in layer.items()}


def to_media(block: Mapping[str, Any]) -> Media:
    """The image or audio that a block holds or points to.

    Raises:
        UnsupportedContent: It is stored where only its provider can reach it.
        UrlRefused: Its URL is neither http(s) nor a data URI.
        MediaNotReadable: Its base64 is broken.
    """
    fields = flat(block)
    filename = fields.get("filename")
    name = filename if isinstance(filename, str) else None
    if (data := _first(fields, _DATA)) is not None:
        return media_from_data(data, name)
    if (url := _first(fields, _URL)) is not None:
        return media_from_url(url, name)
    raise _unreachable(fields)


def to_document(block: Mapping[str, Any]) -> Media | Passage:
    """The document that a block holds or points to: its text with its title, or an image or audio.

    What it is shows in its bytes. At a URL there are none yet: it is an image or audio then, unless its
    declared type says otherwise.

    Raises:
        UnsupportedContent: It is a PDF, a video or the like, or stored where only its provider can reach it.
        UrlRefused: Its URL is neither http(s) nor a data URI.
        MediaNotReadable: It is empty, or its base64 is broken.
    """
    fields = flat(block)
    if (text := _own_text(fields)) is not None:
        return Passage(f"{heading(fields)}\n{text}")
    media = to_media(block)
    mime_type = str(_first(fields, _MIME_TYPE) or "").lower()
    match media.source:
        case bytes(data):
            pass
        case str(uri) if is_data_uri(uri):
            opened = read_data_uri(uri)
            data, mime_type = opened.data, opened.mime_type or mime_type
        case _:
            if mime_type and not mime_type.startswith(("image/", "audio/")):
                raise UnsupportedContent(f"Phi-4 takes no {mime_type}", advice="Pass its text or images.")
            return media
    declared = "" if mime_type in _MEANINGLESS else mime_type
    content = read_document(data, title=_title(fields), mime_type=declared)
    return media if isinstance(content, Media) else Passage(f"{heading(fields)}\n{content}")


def heading(fields: Mapping[str, Any]) -> str:
    """The line that goes before a document's text."""
    return document_heading(_title(fields), str(_first(fields, _CONTEXT) or ""))


def _title(fields: Mapping[str, Any]) -> str:
    return str(_first(fields, _TITLE) or "")


def _own_text(fields: Mapping[str, Any]) -> str | None:
    """The text in the block itself; Anthropic and LangChain v0 have it in fields for data."""
    kind = fields.get("source_type", fields.get("type"))
    text = _first(fields, ("text", "data", "url") if kind == "text" else ("text",))
    return text if isinstance(text, str) else None


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _unreachable(fields: Mapping[str, Any]) -> UnsupportedContent:
    where = [name for name in _AT_PROVIDER if name in fields]
    what = (
        f"It is stored at its provider ({', '.join(where)})"
        if where
        else "It holds no data and no URL, and paths are not read"
    )
    return UnsupportedContent(what, advice="Pass its bytes in base64, or its URL.")
