"""One block of content as what it says. Knows the forms of all providers; no message, no model, no I/O.

Read here rather than by core's `content_blocks`, which loses the arguments of OpenAI's `function_call`, tells
every OpenAI file for a PDF, and, for messages from Anthropic, takes fields out of the caller's own blocks.

=============================  =======================================================================
told as words                  text, input_text, output_text, refusal, guard_content, compaction, json
told as a document             text-plain, document, file, input_file, media, search_result
sent as a picture or sound     image, image_url, input_image, image_generation_call, computer_screenshot,
                               audio, input_audio, audio_url
told as a call                 tool_use, tool_call, function_call, custom_tool_call, server_tool_use,
                               server_tool_call, mcp_tool_use, invalid_tool_call
told as a result               tool_result, server_tool_result, function_call_output, and all that end
                               in _tool_result
told as a call and its result  web_search_call, file_search_call, code_interpreter_call, mcp_call
left out, as nothing was said  reasoning and its kin, cache points, signatures, tool lists, and pieces of
                               calls (a chunk holds them whole in `tool_calls`)
=============================  =======================================================================

All else is refused by name: videos, PDFs, uploads that lie at a provider (`file_id`), and unknown types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_phi4._pieces import BrokenCall, Part, Passage, Piece, Result
from langchain_phi4._sources import flat, heading, read_document, read_medium
from phi4_space import Media, ToolCall, UnsupportedContent

Block = Mapping[str, Any]


def read_block(block: object) -> list[Piece]:
    """What a block says, in order; empty where it says nothing that the model is to hear.

    Args:
        block: A string, or a mapping in LangChain's form, old or new, or a provider's.

    Raises:
        UnsupportedContent: It is of an unknown kind, or Phi-4 cannot take what it holds; its type is told.
        InvalidInput: What it holds cannot be read.
    """
    if isinstance(block, str):
        return [block]
    if not isinstance(block, Mapping):
        raise UnsupportedContent(f"Content is a string or a dict, not a {type(block).__name__}")
    kind = _kind(block)
    read = _served_result if kind.endswith("_tool_result") else _READERS.get(kind)
    if read is None:
        raise UnsupportedContent(f"Phi-4 takes no content of type {kind!r}")
    return [*read(block)]


def _kind(block: Block) -> str:
    """Its type, or, where it has none, as Bedrock does it, the field that holds it all."""
    if "type" in block:
        return str(block["type"])
    held = [key for key in block if key in _UNTYPED]
    return _UNTYPED[held[0]] if len(held) == 1 else "/".join(map(str, block))


def _text(block: Block) -> Iterator[Piece]:
    text = _first(block, "text", "refusal", "guardContent")
    if isinstance(text, Mapping):
        yield from _text(text)
    elif isinstance(text, str | None):
        yield text or ""
    else:
        raise UnsupportedContent(f"A block of text holds a {type(text).__name__}")


def _passage(block: Block) -> Iterator[Piece]:
    value = _first(block, "json", "content")
    yield Passage(value if isinstance(value, str) else _as_json(value))


def _medium(block: Block) -> Iterator[Piece]:
    yield read_medium(block)


def _document(block: Block) -> Iterator[Piece]:
    fields = flat(block)
    match fields.get("content"):
        case None:
            yield read_document(block)
        case content:
            yield Passage(heading(fields))
            yield from (Passage(part) if isinstance(part, str) else part for part in read_parts(content))


def _nested(block: Block) -> Iterator[Piece]:
    yield from read_block(next(block[key] for key in ("value", "content") if key in block))


def _call(block: Block) -> Iterator[Piece]:
    block = block.get("toolUse", block)
    call_id = _first(block, "call_id", "toolUseId", "id")
    name = _first(block, "name")
    given = _first(block, "args", "input", "arguments")
    arguments = _arguments(given)
    if isinstance(name, str) and name and arguments is not None and block.get("type") != "invalid_tool_call":
        yield ToolCall(call_id or "", name, arguments)
    else:
        yield BrokenCall(call_id, name, given if isinstance(given, str) else _as_json(given))


def _free_call(block: Block) -> Iterator[Piece]:
    yield ToolCall(_first(block, "call_id", "id") or "", block["name"], {"input": block.get("input")})


def _served_call(block: Block) -> Iterator[Piece]:
    """A call that OpenAI carried out itself: its block holds the result as well."""
    call_id = block.get("id") or ""
    given = _first(block, "arguments", "action", "queries", "code")
    arguments = _arguments(given)
    name = block.get("name") or str(block["type"]).removesuffix("_call")
    yield ToolCall(call_id, name, {"input": given} if arguments is None else arguments)
    yield from _served_result({**block, "call_id": call_id})


def _result(block: Block) -> Iterator[Piece]:
    block = block.get("toolResult", block)
    yield _to_result(block, read_parts(_output(block)))


def _served_result(block: Block) -> Iterator[Piece]:
    """What a tool gave that ran at its provider: where its form is not known, its JSON is told."""
    yield _to_result(
        block,
        [
            part
            for item in _listed(_output(block))
            for part in (read_parts(item) if _is_known(item) else [Passage(_as_json(item))])
        ],
    )


def _to_result(block: Block, parts: Iterable[Part]) -> Result:
    failed = bool(block.get("is_error") or block.get("error") or block.get("status") in {"error", "failed"})
    call_id = _first(block, "tool_use_id", "tool_call_id", "toolUseId", "call_id")
    return Result(call_id, tuple(parts), failed=failed)


def _output(block: Block) -> object:
    return _first(block, "content", "output", "outputs", "results", "error")


def _is_known(item: object) -> bool:
    return isinstance(item, str) or (isinstance(item, Mapping) and item.get("type") in _READERS)


def read_parts(content: object) -> list[Part]:
    """What may be said within a turn: content without calls and their results.

    Raises:
        UnsupportedContent: As `read_block` does, and where a call or result stands within.
    """
    pieces = [piece for block in _listed(content) for piece in read_block(block)]
    parts = [piece for piece in pieces if isinstance(piece, str | Media | Passage)]
    if len(parts) < len(pieces):
        raise UnsupportedContent("A call or its result stands within other content")
    return parts


def _listed(content: object) -> Sequence[object]:
    match content:
        case None:
            return ()
        case list() | tuple():
            return content
        case _:
            return (content,)


def _nothing(_: Block) -> Iterator[Piece]:
    return iter(())


def _arguments(given: object) -> Mapping[str, Any] | None:
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError):
            return None
    return given if isinstance(given, Mapping) else {} if given is None else None


def _first(block: Block, *names: str) -> Any:
    return next((block[name] for name in names if block.get(name) is not None), None)


def _as_json(value: object) -> str:
    return json.dumps(_readable(value), ensure_ascii=False, default=str)


def _readable(value: object) -> object:
    """The value without what only its provider can read."""
    if isinstance(value, Mapping):
        return {key: _readable(item) for key, item in value.items() if not str(key).startswith("encrypted_")}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


_Reader = Callable[[Block], Iterable[Piece]]
_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal", "guard_content", "guardContent"), _text),
    **dict.fromkeys(("json", "compaction"), _passage),
    **dict.fromkeys(
        ("image", "image_url", "input_image", "image_generation_call", "computer_screenshot"), _medium
    ),
    **dict.fromkeys(("audio", "input_audio", "audio_url"), _medium),
    **dict.fromkeys(("text-plain", "document", "file", "input_file", "media", "file_data"), _document),
    "search_result": _document,
    **dict.fromkeys(("tool_use", "tool_call", "function_call", "invalid_tool_call", "toolUse"), _call),
    **dict.fromkeys(("server_tool_use", "server_tool_call", "mcp_tool_use"), _call),
    "custom_tool_call": _free_call,
    **dict.fromkeys(
        ("web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"), _served_call
    ),
    **dict.fromkeys(("tool_result", "toolResult", "function_call_output"), _result),
    "server_tool_result": _served_result,
    **dict.fromkeys(("non_standard", "web_fetch_result"), _nested),
    **dict.fromkeys(
        ("reasoning", "thinking", "redacted_thinking", "reasoning_content", "reasoningContent"), _nothing
    ),
    **dict.fromkeys(("cachePoint", "cache_point", "mcp_list_tools", "function_call_signature"), _nothing),
    **dict.fromkeys(("tool_call_chunk", "server_tool_call_chunk", "input_json_delta"), _nothing),
}
_UNTYPED = {
    key: key
    for key in (
        "text",
        "json",
        "image",
        "document",
        "image_url",
        "audio_url",
        "input_audio",
        "toolUse",
        "toolResult",
        "reasoningContent",
        "guardContent",
        "cachePoint",
    )
}
