"""One block of content, read. Knows the forms of all providers; no message, no model, no I/O.

Read here rather than by core's `content_blocks`: that loses the arguments of OpenAI's `function_call`, takes
each file of OpenAI's for a PDF, and pulls fields out of the caller's own blocks where Anthropic wrote them.

- Sent as text: text in all its types, refusals, guarded content, JSON, and summaries (`compaction`). Their
  citations and annotations are left out.
- Sent as a document, under its title: `text-plain`, and what is text by its bytes in a `file`, `document`,
  `input_file` or `media`; search results.
- Sent as files: images and audio, by their bytes; a file or document may hold one, too.
- Sent as calls and results: those of tools, and those that ran at a provider (`server_tool_*`, `*_call`,
  `*_tool_result`), without what only that provider can read (`encrypted_*`).
- Left out: reasoning and the like, cache marks, signatures, lists of tools, and pieces of calls, which a
  chunk holds whole elsewhere.
- All else is refused by name: videos, PDFs, uploads stored at a provider (`file_id`), unknown types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_phi4._media import flat, heading, to_document, to_media
from langchain_phi4._parts import Part, Passage, Piece, Result, UnparsedCall
from phi4_space import Media, ToolCall, UnsupportedContent
from phi4_space.interop import errors_at, read_call_arguments, to_json_value

Block = Mapping[str, Any]


def read_block(block: object) -> list[Piece]:
    """What a block holds, in order; empty where it holds nothing for the model.

    Args:
        block: A string, or a mapping in LangChain's form, old or new, or a provider's.

    Raises:
        UnsupportedContent: Its type is unknown, or Phi-4 cannot take what it holds; the error names the type.
        InvalidInput: What it holds cannot be read.
    """
    if isinstance(block, str):
        return [block]
    if not isinstance(block, Mapping):
        raise UnsupportedContent(f"Content is a string or a dict, not of type {type(block).__name__}")
    kind = _kind(block)
    read = _READERS.get(kind, _builtin_tool_result if kind.endswith("_tool_result") else None)
    if read is None:
        raise UnsupportedContent(f"Phi-4 takes no content of type {kind!r:.80}")
    with errors_at(f"type {kind!r:.80}"):
        return [*read(block)]


def _kind(block: Block) -> str:
    """Its type, or, where it has none, as Bedrock does it, the field that holds it all."""
    if block.get("type") is not None:
        return str(block["type"])
    held = [key for key in block if key in _UNTYPED]
    return held[0] if len(held) == 1 else "/".join(map(str, block))


def _text(block: Block) -> Iterator[Piece]:
    text = _first(block, "text", "refusal", "guardContent")
    if isinstance(text, Mapping):
        yield from _text(text)
    elif isinstance(text, str | None):
        yield text or ""
    else:
        raise UnsupportedContent(f"Its text is of type {type(text).__name__}")


def _passage(block: Block) -> Iterator[Piece]:
    value = _first(block, "json", "content")
    yield Passage(value if isinstance(value, str) else _as_json(value))


def _media(block: Block) -> Iterator[Piece]:
    yield to_media(block)


def _document(block: Block) -> Iterator[Piece]:
    fields = flat(block)
    match fields.get("content"):
        case None:
            yield to_document(block)
        case content:
            yield Passage(heading(fields))
            yield from (Passage(part) if isinstance(part, str) else part for part in read_parts(content))


def _wrapped(block: Block) -> Iterator[Piece]:
    """A block within another that adds nothing of its own."""
    yield from read_block(_first(block, "value", "content"))


def _bedrock_call(block: Block) -> Iterator[Piece]:
    """A call or a result as Bedrock writes it, without a type."""
    kind = "tool_use" if "toolUse" in block else "tool_result"
    held = _first(block, "toolUse", "toolResult")
    yield from read_block({**held, "type": kind} if isinstance(held, Mapping) else held)


def _call(block: Block) -> Iterator[Piece]:
    call_id = _id(block, "call_id", "toolUseId", "id")
    name = _id(block, "name")
    written = _first(block, "args", "input", "arguments")
    arguments = read_call_arguments(written)
    if block.get("type") == "invalid_tool_call":
        yield read_invalid_call(call_id, name, written)
    elif name and arguments is not None:
        yield ToolCall(call_id or "", name, arguments)
    else:
        yield _unparsed_call(call_id, name, written)


def read_invalid_call(call_id: str | None, name: str | None, written: object) -> ToolCall | UnparsedCall:
    """A call that another reader could not parse: where it has no arguments, it is one all the same."""
    if name and (written is None or (isinstance(written, str) and written.strip() in {"", "null"})):
        return ToolCall(call_id or "", name)
    return _unparsed_call(call_id, name, written)


def _unparsed_call(call_id: str | None, name: str | None, written: object) -> UnparsedCall:
    text = "" if written is None else written
    return UnparsedCall(call_id, name, text if isinstance(text, str) else _as_json(text))


def _custom_tool_call(block: Block) -> Iterator[Piece]:
    """OpenAI's call with free text, in the one form that Phi-4 knows."""
    call_id = _id(block, "call_id", "id")
    yield ToolCall(call_id or "", _id(block, "name") or "custom", {"input": block.get("input")})


def _builtin_tool_call(block: Block) -> Iterator[Piece]:
    """A call that OpenAI ran itself: its block holds the result as well."""
    call_id = _id(block, "id") or ""
    name = _id(block, "name") or str(block["type"]).removesuffix("_call")
    written = _first(block, "arguments", "action", "queries", "code")
    arguments = read_call_arguments(written)
    yield ToolCall(call_id, name, {"input": written} if arguments is None else arguments)
    yield from _builtin_tool_result({**block, "call_id": call_id})


def _result(block: Block) -> Iterator[Piece]:
    yield _to_result(block, read_parts(_output(block)))


def _builtin_tool_result(block: Block) -> Iterator[Piece]:
    """The output of a tool that its provider ran: sent as JSON where its form is not known."""
    yield _to_result(
        block,
        [
            part
            for item in _listed(_output(block))
            for part in (read_parts(item) if _is_known(item) else [Passage(_as_json(item))])
        ],
    )


def _to_result(block: Block, parts: Iterable[Part]) -> Result:
    failed = bool(
        block.get("is_error") or block.get("error") or str(block.get("status")) in {"error", "failed"}
    )
    call_id = _id(block, "tool_use_id", "tool_call_id", "toolUseId", "call_id")
    return Result(call_id, tuple(parts), failed=failed)


def _output(block: Block) -> object:
    return _first(block, "content", "output", "outputs", "results", "error")


def _is_known(item: object) -> bool:
    return isinstance(item, str) or (isinstance(item, Mapping) and str(item.get("type")) in _READERS)


def read_parts(content: object) -> list[Part]:
    """Content that a turn may hold: neither calls nor results.

    Raises:
        UnsupportedContent: As `read_block` does, and where it holds a call or a result.
    """
    pieces = [piece for block in _listed(content) for piece in read_block(block)]
    parts = [piece for piece in pieces if isinstance(piece, str | Media | Passage)]
    if len(parts) < len(pieces):
        raise UnsupportedContent("A call or its result is nested in other content")
    return parts


def _listed(content: object) -> Sequence[object]:
    match content:
        case None:
            return ()
        case list() | tuple():
            return content
        case _:
            return (content,)


def _ignored(_: Block) -> Iterator[Piece]:
    return iter(())


def _first(block: Block, *names: str) -> Any:
    return next((block[name] for name in names if block.get(name) is not None), None)


def _id(block: Block, *names: str) -> str | None:
    value = _first(block, *names)
    return None if value is None else str(value)


def _as_json(value: object) -> str:
    with suppress(ValueError):  # as its repr has it then, rather than not at all
        value = to_json_value(value)
    return json.dumps(_readable(value), ensure_ascii=False, default=str)


def _readable(value: object) -> object:
    """The value without what only its provider can read."""
    if isinstance(value, Mapping):
        return {key: _readable(item) for key, item in value.items() if not str(key).startswith("encrypted_")}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


_Reader = Callable[[Block], Iterable[Piece]]
_KINDS: Mapping[_Reader, tuple[str, ...]] = {
    _text: ("text", "input_text", "output_text", "refusal", "guard_content", "guardContent"),
    _passage: ("json", "compaction"),
    _media: (
        *("image", "image_url", "input_image", "image_generation_call", "computer_screenshot"),
        *("audio", "audio_url", "input_audio"),
    ),
    _document: (
        *("text-plain", "document", "file", "input_file", "file_data", "media"),
        "search_result",
    ),
    _call: (
        *("tool_use", "tool_call", "function_call", "invalid_tool_call"),
        *("server_tool_use", "server_tool_call", "mcp_tool_use"),
    ),
    _custom_tool_call: ("custom_tool_call",),
    _builtin_tool_call: ("web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"),
    _result: ("tool_result", "function_call_output"),
    _builtin_tool_result: ("server_tool_result",),
    _wrapped: ("non_standard", "web_fetch_result"),
    _bedrock_call: ("toolUse", "toolResult"),
    _ignored: (
        *("reasoning", "reasoning_content", "reasoningContent", "thinking", "redacted_thinking"),
        *("cachePoint", "cache_point", "function_call_signature", "mcp_list_tools"),
        *("tool_call_chunk", "server_tool_call_chunk", "input_json_delta"),
    ),
}
_READERS = {kind: read for read, kinds in _KINDS.items() for kind in kinds}
_UNTYPED = frozenset(
    (
        *("text", "json", "image", "document", "image_url", "audio_url", "input_audio"),
        *("toolUse", "toolResult", "guardContent", "reasoningContent", "cachePoint"),
    )
)
