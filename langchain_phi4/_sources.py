"""Where the bytes of a picture, recording or document are. Knows all providers' fields; no message, no I/O.

Providers write the same few things under many names, one mapping within another. They are read alike: the
mappings are laid flat, then the fields are looked for under all their names.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from langchain_phi4._pieces import Passage
from phi4_space import Media, MediaNotReadable, UnsupportedContent, UrlRefused

_WRAPPERS = frozenset(
    ("audio", "audio_url", "document", "extras", "file", "image", "image_url", "input_audio", "source")
)
_DATA = ("base64", "data", "bytes", "file_data", "result")
_URL = ("url", "image_url", "audio_url", "file_url", "file_uri")
_MIME_TYPE = ("mime_type", "media_type")
_TITLE = ("title", "filename", "name")
_CONTEXT = ("context", "source")  # a search result's source is its URL, and no wrapper
_ELSEWHERE = ("file_id", "id", "s3Location", "s3_location", "fileUri")
_DATA_URI = re.compile(r"data:[^,]*+,", re.IGNORECASE)
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_FROM_URL_SAFE = str.maketrans("-_", "+/")


def flat(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block's fields and those of the mappings in it that only wrap.

    Of fields with one name the innermost counts; what a provider adds as `extras` counts least.
    """
    wrapped = {key: value for key, value in block.items() if key in _WRAPPERS and isinstance(value, Mapping)}
    extras = wrapped.pop("extras", {})
    outer = {key: value for key, value in block.items() if key not in wrapped and key != "extras"}
    layers = (extras, outer, *(flat(value) for value in wrapped.values()))
    return {key: value for layer in layers for key, value in layer.items()}


def read_medium(block: Mapping[str, Any]) -> Media:
    """The picture or recording that a block holds or points to.

    Raises:
        UnsupportedContent: It lies where only its provider can reach it.
        UrlRefused: Its URL is neither http(s) nor a data URI.
        MediaNotReadable: Its base64 is broken.
    """
    fields = flat(block)
    name = fields.get("filename")
    name = name if isinstance(name, str) else None
    if (data := _first(fields, _DATA)) is not None:
        return Media(_bytes(data), name)
    if (url := _first(fields, _URL)) is not None:
        return Media(_checked_url(url), name)
    raise _unreachable(fields)


def read_document(block: Mapping[str, Any]) -> Media | Passage:
    """The document that a block holds or points to: its text with its title, or a picture or recording.

    What it is shows in its bytes. A declared type counts only where there are none, at a URL.

    Raises:
        UnsupportedContent: It is a PDF, a video or the like, or lies where only its provider can reach it.
        UrlRefused: Its URL is neither http(s) nor a data URI.
        MediaNotReadable: Its base64 is broken.
    """
    fields = flat(block)
    if (text := _own_text(fields)) is not None:
        return Passage(f"{heading(fields)}\n{text}")
    medium = read_medium(block)
    mime_type = str(_first(fields, _MIME_TYPE) or "").lower()
    match medium.source:
        case bytes(data):
            pass
        case str(url) if _DATA_URI.match(url):
            data, told = _opened_uri(url)
            mime_type = told or mime_type
        case _:
            if mime_type and not _is_medium(mime_type):
                raise _unsupported(mime_type)
            return medium
    return _opened(data, mime_type, fields, medium)


def _opened_uri(uri: str) -> tuple[bytes, str]:
    """The bytes in a data URI, and the type that it declares, in lower case."""
    head, _, body = uri.partition(",")
    mime_type, *parameters = head[len("data:") :].lower().split(";")
    data = unquote_to_bytes(body)
    in_base64 = parameters and parameters[-1].strip() == "base64"
    return _decoded(data.decode("latin-1")) if in_base64 else data, mime_type.strip()


def heading(fields: Mapping[str, Any]) -> str:
    """The line that goes before a document's text."""
    title = " ".join(str(_first(fields, _TITLE) or "").split())
    context = " ".join(str(_first(fields, _CONTEXT) or "").split())
    return "".join(("Document", title and f' "{title}"', context and f" ({context})", ":"))


def _opened(data: bytes, mime_type: str, fields: Mapping[str, Any], medium: Media) -> Media | Passage:
    if data.startswith(b"%PDF-"):
        raise _unsupported("application/pdf")
    if _is_medium(mime_type):
        return medium
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return Passage(f"{heading(fields)}\n{text}")
    if mime_type.startswith("text/"):
        raise MediaNotReadable("Its text is not UTF-8")
    # OpenAI's form is read by core as a PDF whatever it holds, so that this type says nothing.
    if mime_type in {"", "application/octet-stream", "application/pdf"}:
        return medium
    raise _unsupported(mime_type)


def _is_medium(mime_type: str) -> bool:
    return mime_type.startswith(("image/", "audio/"))


def _unsupported(mime_type: str) -> UnsupportedContent:
    advice = "Hand in its text, or its pages as pictures." if mime_type == "application/pdf" else None
    return UnsupportedContent(f"Phi-4 takes no {mime_type}", advice=advice)


def _own_text(fields: Mapping[str, Any]) -> str | None:
    """The text that stands in the block itself; Anthropic and LangChain v0 have it in fields for data."""
    kind = fields.get("source_type", fields.get("type"))
    text = _first(fields, ("text", "data", "url") if kind == "text" else ("text",))
    return text if isinstance(text, str) else None


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _bytes(data: object) -> bytes | str:
    match data:
        case bytes() | bytearray() | memoryview():
            return bytes(data)
        case str() if _DATA_URI.match(data):
            return _encodable(data)
        case str():
            return _decoded(data)
    raise MediaNotReadable(f"Its data is of type {type(data).__name__}, not base64")


def _decoded(text: str) -> bytes:
    letters = "".join(text.split()).rstrip("=").translate(_FROM_URL_SAFE)
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError as failed:
        raise MediaNotReadable("Its base64 is broken") from failed
    if not data:
        raise MediaNotReadable("Its base64 is empty")
    return data


def _checked_url(url: object) -> str:
    if isinstance(url, str) and (_HTTP.match(url.strip()) or _DATA_URI.match(url.strip())):
        return _encodable(url.strip())
    raise UrlRefused(f"Only http(s) URLs and data URIs are read, not {url!r:.80}")


def _encodable(url: str) -> str:
    try:
        url.encode()
    except UnicodeEncodeError as failed:
        raise UrlRefused("Its URL holds half of a surrogate pair, which cannot be sent") from failed
    return url


def _unreachable(fields: Mapping[str, Any]) -> UnsupportedContent:
    where = [name for name in _ELSEWHERE if name in fields]
    told = f"It lies at its provider ({', '.join(where)})" if where else "It holds no data and no URL"
    return UnsupportedContent(told, advice="Hand in its bytes in base64, or its URL.")
