"""Blocks of content in the forms of LangChain, OpenAI, Anthropic, Bedrock and Google."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_phi4._content import _KINDS, _READERS, read_block
from langchain_phi4._parts import Passage, Piece, Result, UnparsedCall, flow
from phi4_space import InvalidInput, Media, MediaNotReadable, ToolCall, UnsupportedContent, UrlRefused

PNG = b"\x89PNG\r\n\x1a\n" + b"\xff" * 9
WAV = b"RIFF\x24\x08\x00\x00WAVEfmt \xff"
PDF = b"%PDF-1.7\n"
URL = "https://example.com/a.png"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def uri(data: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{b64(data)}"


PICTURES: dict[str, tuple[Any, Any]] = {
    "v1 base64": ({"type": "image", "base64": b64(PNG), "mime_type": "image/png"}, PNG),
    "v1 base64 without a type": ({"type": "image", "base64": b64(PNG)}, PNG),
    "v1 base64, wrapped in lines": ({"type": "image", "base64": b64(PNG)[:9] + "\n" + b64(PNG)[9:]}, PNG),
    "v1 base64, URL-safe and unpadded": (
        {"type": "image", "base64": base64.urlsafe_b64encode(PNG).decode().rstrip("=")},
        PNG,
    ),
    "v1 data URI as base64": (
        {"type": "image", "base64": uri(PNG, "image/png")},
        uri(PNG, "image/png"),
    ),
    "v1 bytes": ({"type": "image", "base64": PNG}, PNG),
    "v1 url": ({"type": "image", "url": URL}, URL),
    "v1 url, in blanks": ({"type": "image", "url": f" {URL}\n"}, URL),
    "v1 data URI as url": ({"type": "image", "url": uri(PNG, "image/png")}, uri(PNG, "image/png")),
    "v1 url and extras": ({"type": "image", "url": URL, "extras": {"url": "x", "detail": "low"}}, URL),
    "v0 base64": ({"type": "image", "source_type": "base64", "data": b64(PNG)}, PNG),
    "v0 url": ({"type": "image", "source_type": "url", "url": URL}, URL),
    "OpenAI": ({"type": "image_url", "image_url": {"url": URL, "detail": "high"}}, URL),
    "OpenAI data URI": (
        {"type": "image_url", "image_url": {"url": uri(PNG, "image/png")}},
        uri(PNG, "image/png"),
    ),
    "OpenAI, a bare string": ({"type": "image_url", "image_url": URL}, URL),
    "OpenAI, with a cache mark": (
        {"type": "image_url", "image_url": {"url": URL}, "cache_control": {"type": "ephemeral"}},
        URL,
    ),
    "OpenAI, without a type": ({"image_url": {"url": URL}}, URL),
    "OpenAI responses": ({"type": "input_image", "image_url": URL, "detail": "auto"}, URL),
    "OpenAI responses, made by it": ({"type": "image_generation_call", "id": "ig", "result": b64(PNG)}, PNG),
    "OpenAI responses, of a screen": ({"type": "computer_screenshot", "image_url": URL}, URL),
    "Anthropic base64": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}},
        PNG,
    ),
    "Anthropic base64 without a type": (
        {"type": "image", "source": {"type": "base64", "data": b64(PNG)}},
        PNG,
    ),
    "Anthropic url": ({"type": "image", "source": {"type": "url", "url": URL}, "cache_control": {}}, URL),
    "Bedrock": ({"image": {"format": "png", "source": {"bytes": PNG}}}, PNG),
    "Bedrock base64": ({"image": {"format": "png", "source": {"bytes": b64(PNG)}}}, PNG),
    "Bedrock, typed": ({"type": "image", "image": {"format": "png", "source": {"bytes": PNG}}}, PNG),
    "Google": ({"type": "media", "mime_type": "image/png", "data": b64(PNG)}, PNG),
    "Google bytes": ({"type": "media", "mime_type": "image/png", "data": PNG}, PNG),
    "Google url": ({"type": "media", "mime_type": "image/png", "file_uri": URL}, URL),
    "Google file": ({"type": "file_data", "file_uri": URL}, URL),
    "a file that is a picture": ({"type": "file", "base64": b64(PNG), "mime_type": "image/png"}, PNG),
    "a file of no told type": ({"type": "file", "base64": b64(PNG)}, PNG),
    "a file that is a picture, as data URI": (
        {"type": "file", "url": uri(PNG, "image/png")},
        uri(PNG, "image/png"),
    ),
    "a file at a URL": ({"type": "file", "url": URL}, URL),
    "a file at a URL that says it is a picture": (
        {"type": "file", "url": URL, "mime_type": "image/png"},
        URL,
    ),
    "OpenAI file": (
        {"type": "file", "file": {"file_data": uri(PNG, "image/png"), "filename": "a.png"}},
        uri(PNG, "image/png"),
    ),
    "OpenAI file, as core tells it": (
        {"type": "file", "base64": b64(PNG), "mime_type": "application/pdf", "extras": {"filename": "a.png"}},
        PNG,
    ),
    "OpenAI responses file": ({"type": "input_file", "file_url": URL}, URL),
}
SOUNDS: dict[str, tuple[Any, Any]] = {
    "v1 base64": ({"type": "audio", "base64": b64(WAV), "mime_type": "audio/wav"}, WAV),
    "v1 url": ({"type": "audio", "url": "https://example.com/a.wav"}, "https://example.com/a.wav"),
    "v0 base64": (
        {"type": "audio", "source_type": "base64", "data": b64(WAV), "mime_type": "audio/wav"},
        WAV,
    ),
    "OpenAI": ({"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}, WAV),
    "OpenAI without a format": ({"type": "input_audio", "input_audio": {"data": b64(WAV)}}, WAV),
    "vLLM": (
        {"type": "audio_url", "audio_url": {"url": "http://example.com/a"}},
        "http://example.com/a",
    ),
    "vLLM, a bare string": (
        {"type": "audio_url", "audio_url": "http://example.com/a"},
        "http://example.com/a",
    ),
    "a file that is a recording": ({"type": "file", "base64": b64(WAV), "mime_type": "audio/wav"}, WAV),
}


@pytest.mark.parametrize("form", PICTURES)
def test_a_picture_arrives(form: str) -> None:
    """Base64 becomes bytes; a URL of the web or with data in it is left to the client."""
    block, source = PICTURES[form]
    [piece] = read_block(block)
    assert isinstance(piece, Media)
    assert piece.source == source


@pytest.mark.parametrize("form", SOUNDS)
def test_a_recording_arrives(form: str) -> None:
    """As pictures do."""
    block, source = SOUNDS[form]
    [piece] = read_block(block)
    assert isinstance(piece, Media)
    assert piece.source == source


def test_a_file_keeps_its_name() -> None:
    """A file's name goes with it, and what is no string is not taken for one."""
    [piece] = read_block({"type": "image", "url": URL, "extras": {"filename": "cat.png"}})
    assert piece == Media(URL, "cat.png")
    [piece] = read_block({"type": "image", "url": URL, "extras": {"filename": 5}})
    assert piece == Media(URL)


CORE_READS = [
    *(form for form in PICTURES if form.startswith(("v1", "v0", "OpenAI", "Anthropic"))),
]


@pytest.mark.parametrize("form", CORE_READS)
def test_core_reads_the_same(form: str) -> None:
    """Where core's `content_blocks` knows a form, what it makes of it is read as the form itself is."""
    block, _ = PICTURES[form]
    [standard] = HumanMessage([copy.deepcopy(block)]).content_blocks
    if standard["type"] != "non_standard":
        [ours], [theirs] = read_block(block), read_block(standard)
        assert isinstance(ours, Media)
        assert isinstance(theirs, Media)
        assert _content(ours) == _content(theirs)


def _content(medium: Media) -> object:
    """Where a medium's bytes are, a data URI taken apart, as core takes it."""
    source = medium.source
    if isinstance(source, str) and source.startswith("data:"):
        return base64.b64decode(source.partition(",")[2])
    return source


DOCUMENTS: dict[str, tuple[Any, str]] = {
    "v1 text": (
        {"type": "text-plain", "text": "Words.", "mime_type": "text/plain", "title": "Notes"},
        'Document "Notes":\nWords.',
    ),
    "v1 text with a context": (
        {"type": "text-plain", "text": "Words.", "title": "N", "context": "by\nAnn"},
        'Document "N" (by Ann):\nWords.',
    ),
    "v1 text without a title": ({"type": "text-plain", "text": "Words."}, "Document:\nWords."),
    "v1 text in base64": ({"type": "text-plain", "base64": b64(b"Words.")}, "Document:\nWords."),
    "v1 file": (
        {
            "type": "file",
            "base64": b64(b"a,b\n1,2"),
            "mime_type": "text/csv",
            "extras": {"filename": "t.csv"},
        },
        'Document "t.csv":\na,b\n1,2',
    ),
    "v1 file of no told type": ({"type": "file", "base64": b64("Ä".encode())}, "Document:\nÄ"),
    "a file with a byte order mark": ({"type": "file", "base64": b64(b"\xef\xbb\xbfA")}, "Document:\nA"),
    "v1 file as data URI": ({"type": "file", "url": uri(b"Words.", "text/plain")}, "Document:\nWords."),
    "v1 file as percent-encoded data URI": ({"type": "file", "url": "data:,A%20B"}, "Document:\nA B"),
    "v1 file as percent-encoded base64": (
        {"type": "file", "url": "data:text/plain;charset=utf-8;base64,V29yZHMu%0A"},
        "Document:\nWords.",
    ),
    "v1 file as base64 with an escaped sign": (
        {"type": "file", "url": "data:;base64,8J%2BYgA%3D%3D"},
        "Document:\n😀",
    ),
    "v0 text": ({"type": "file", "source_type": "text", "url": "Words."}, "Document:\nWords."),
    "v0 text, as once documented": (
        {"type": "file", "source_type": "text", "text": "Words."},
        "Document:\nWords.",
    ),
    "OpenAI file": (
        {"type": "file", "file": {"file_data": uri(b"Words.", "text/plain"), "filename": "a.txt"}},
        'Document "a.txt":\nWords.',
    ),
    "OpenAI file, bare base64": (
        {"type": "file", "file": {"file_data": b64(b"Words."), "filename": "a.txt"}},
        'Document "a.txt":\nWords.',
    ),
    "OpenAI file, as core tells it": (
        {"type": "file", "base64": b64(b"W"), "mime_type": "application/pdf", "extras": {"filename": "a"}},
        'Document "a":\nW',
    ),
    "OpenAI responses file": (
        {"type": "input_file", "file_data": uri(b"Words.", "text/plain"), "filename": "a.txt"},
        'Document "a.txt":\nWords.',
    ),
    "Anthropic text": (
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Words."},
            "title": "Notes",
            "context": "old",
            "citations": {"enabled": True},
        },
        'Document "Notes" (old):\nWords.',
    ),
    "Anthropic base64": (
        {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": b64(b"W")}},
        "Document:\nW",
    ),
    "Anthropic content": (
        {"type": "document", "source": {"type": "content", "content": "Words."}, "title": "N"},
        'Document "N":\nWords.',
    ),
    "Anthropic blocks": (
        {
            "type": "document",
            "source": {
                "type": "content",
                "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
            },
        },
        "Document:\nA\nB",
    ),
    "Anthropic search result": (
        {
            "type": "search_result",
            "source": "https://example.com",
            "title": "Site",
            "content": [{"type": "text", "text": "Words."}],
        },
        'Document "Site" (https://example.com):\nWords.',
    ),
    "Bedrock text": (
        {"document": {"format": "txt", "name": "n", "source": {"text": "Words."}}},
        'Document "n":\nWords.',
    ),
    "Bedrock bytes": (
        {"document": {"format": "csv", "name": "n", "source": {"bytes": b"a,b"}}},
        'Document "n":\na,b',
    ),
    "Bedrock content": (
        {"document": {"name": "n", "source": {"content": [{"text": "Words."}]}}},
        'Document "n":\nWords.',
    ),
}


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_text_document_is_told_in_full(form: str) -> None:
    """Its text stands in the turn, after a line with its title and context."""
    block, text = DOCUMENTS[form]
    pieces = read_block(block)
    assert all(isinstance(piece, Passage) for piece in pieces)
    assert "".join(str(part) for part in flow(pieces)) == text  # type: ignore[arg-type]


def test_a_document_may_hold_pictures() -> None:
    """A document of blocks is told in their order."""
    block = {
        "type": "document",
        "source": {"type": "content", "content": ["A", {"type": "image", "url": URL}, "B"]},
    }
    assert read_block(block) == [Passage("Document:"), Passage("A"), Media(URL), Passage("B")]


WORDS: dict[str, tuple[Any, list[Piece]]] = {
    "a string": ("Hi ", ["Hi "]),
    "text": ({"type": "text", "text": "Hi "}, ["Hi "]),
    "text with citations": (
        {"type": "text", "text": "Hi", "citations": [{"url": URL}], "annotations": []},
        ["Hi"],
    ),
    "text that only brings annotations": ({"type": "text", "annotations": []}, [""]),
    "text without a type": ({"text": "Hi", "cache_control": {"type": "ephemeral"}}, ["Hi"]),
    "OpenAI responses, in": ({"type": "input_text", "text": "Hi"}, ["Hi"]),
    "OpenAI responses, out": ({"type": "output_text", "text": "Hi"}, ["Hi"]),
    "a refusal": ({"type": "refusal", "refusal": "No."}, ["No."]),
    "Bedrock guarded": ({"type": "guard_content", "text": "Hi"}, ["Hi"]),
    "Bedrock guarded, raw": ({"guardContent": {"text": {"text": "Hi", "qualifiers": []}}}, ["Hi"]),
    "JSON": ({"type": "json", "json": {"a": "ä"}}, [Passage('{"a": "ä"}')]),
    "JSON without a type": ({"json": [1]}, [Passage("[1]")]),
    "Anthropic summary": ({"type": "compaction", "content": "So far."}, [Passage("So far.")]),
    "a block in a block": ({"type": "non_standard", "value": {"type": "text", "text": "Hi"}}, ["Hi"]),
    "reasoning": ({"type": "reasoning", "reasoning": "Hm."}, []),
    "thinking": ({"type": "thinking", "thinking": "Hm.", "signature": "x"}, []),
    "Bedrock reasoning": ({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, []),
    "Bedrock cache mark": ({"cachePoint": {"type": "default"}}, []),
    "a piece of a call": ({"type": "input_json_delta", "partial_json": "{"}, []),
}


@pytest.mark.parametrize("form", WORDS)
def test_words_are_told_as_they_are(form: str) -> None:
    """Words come out unchanged; what only a provider reads comes out as nothing."""
    block, pieces = WORDS[form]
    assert read_block(block) == pieces


@pytest.mark.parametrize("kind", next(kinds for read, kinds in _KINDS.items() if read.__name__ == "_ignored"))
def test_what_is_left_out_needs_no_fields(kind: str) -> None:
    """A block that says nothing may hold anything."""
    assert read_block({"type": kind, "whatever": object()}) == []


CALLS: dict[str, tuple[Any, list[Piece]]] = {
    "v1": ({"type": "tool_call", "id": "1", "name": "f", "args": {"a": 1}}, [ToolCall("1", "f", {"a": 1})]),
    "Anthropic": (
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
        [ToolCall("1", "f", {"a": 1})],
    ),
    "Anthropic, streamed": (
        {"type": "tool_use", "id": "1", "name": "f", "input": '{"a": 1}'},
        [ToolCall("1", "f", {"a": 1})],
    ),
    "OpenAI responses": (
        {"type": "function_call", "id": "fc", "call_id": "1", "name": "f", "arguments": '{"a": 1}'},
        [ToolCall("1", "f", {"a": 1})],
    ),
    "OpenAI responses, no arguments": (
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": ""},
        [ToolCall("1", "f", {})],
    ),
    "OpenAI responses, free text": (
        {"type": "custom_tool_call", "call_id": "1", "name": "f", "input": "x = 1"},
        [ToolCall("1", "f", {"input": "x = 1"})],
    ),
    "Google": ({"type": "function_call", "name": "f", "args": {"a": 1}}, [ToolCall("", "f", {"a": 1})]),
    "Bedrock": (
        {"toolUse": {"toolUseId": "1", "name": "f", "input": {"a": 1}}},
        [ToolCall("1", "f", {"a": 1})],
    ),
    "v1 at the provider": (
        {"type": "server_tool_call", "id": "1", "name": "web_search", "args": {"q": "x"}},
        [ToolCall("1", "web_search", {"q": "x"})],
    ),
    "Anthropic at the provider": (
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"q": "x"}},
        [ToolCall("1", "web_search", {"q": "x"})],
    ),
    "without arguments": ({"type": "tool_call", "id": "1", "name": "f"}, [ToolCall("1", "f", {})]),
    "with broken arguments": (
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"a" 1'},
        [UnparsedCall("1", "f", '{"a" 1')],
    ),
    "with arguments that are no object": (
        {"type": "tool_call", "id": "1", "name": "f", "args": [1]},
        [UnparsedCall("1", "f", "[1]")],
    ),
    "without a name": ({"type": "tool_call", "id": "1", "args": {}}, [UnparsedCall("1", None, "{}")]),
    "v1 invalid": (
        {"type": "invalid_tool_call", "id": "1", "name": "f", "args": "{}", "error": "e"},
        [UnparsedCall("1", "f", "{}")],
    ),
    "v1 invalid, without arguments": (
        {"type": "invalid_tool_call", "id": "1", "name": "f", "args": "", "error": "e"},
        [ToolCall("1", "f")],
    ),
}
RESULTS: dict[str, tuple[Any, list[Piece]]] = {
    "Anthropic": (
        {"type": "tool_result", "tool_use_id": "1", "content": "Sunny"},
        [Result("1", ("Sunny",))],
    ),
    "Anthropic, failed, with a picture": (
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "is_error": True,
            "content": [
                {"type": "text", "text": "No"},
                {"type": "image", "source": {"type": "url", "url": URL}},
            ],
        },
        [Result("1", ("No", Media(URL)), failed=True)],
    ),
    "Anthropic, empty": ({"type": "tool_result", "tool_use_id": "1"}, [Result("1", ())]),
    "Bedrock": (
        {"toolResult": {"toolUseId": "1", "content": [{"json": {"a": 1}}, {"text": "b"}], "status": "error"}},
        [Result("1", (Passage('{"a": 1}'), "b"), failed=True)],
    ),
    "OpenAI responses": (
        {"type": "function_call_output", "call_id": "1", "output": "Sunny"},
        [Result("1", ("Sunny",))],
    ),
    "v1 at the provider": (
        {
            "type": "server_tool_result",
            "tool_call_id": "1",
            "status": "success",
            "output": [{"type": "web_search_result", "url": URL, "encrypted_content": "x" * 99}],
        },
        [Result("1", (Passage(f'{{"type": "web_search_result", "url": "{URL}"}}'),))],
    ),
    "v1 at the provider, failed": (
        {"type": "server_tool_result", "tool_call_id": "1", "status": "error", "output": {"error_code": "e"}},
        [Result("1", (Passage('{"error_code": "e"}'),), failed=True)],
    ),
    "Anthropic at the provider": (
        {
            "type": "code_execution_tool_result",
            "tool_use_id": "1",
            "content": {"type": "code_execution_result", "stdout": "4", "return_code": 0},
        },
        [Result("1", (Passage('{"type": "code_execution_result", "stdout": "4", "return_code": 0}'),))],
    ),
    "Anthropic, a page fetched": (
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "1",
            "content": {
                "type": "web_fetch_result",
                "url": URL,
                "content": {"type": "document", "source": {"type": "text", "data": "Words."}, "title": "T"},
            },
        },
        [Result("1", (Passage('Document "T":\nWords.'),))],
    ),
    "OpenAI's web search": (
        {
            "type": "web_search_call",
            "id": "1",
            "action": {"type": "search", "query": "x"},
            "status": "completed",
        },
        [ToolCall("1", "web_search", {"type": "search", "query": "x"}), Result("1", ())],
    ),
    "OpenAI's file search": (
        {"type": "file_search_call", "id": "1", "queries": ["x"], "results": [{"text": "y"}]},
        [ToolCall("1", "file_search", {"input": ["x"]}), Result("1", (Passage('{"text": "y"}'),))],
    ),
    "OpenAI's code interpreter": (
        {
            "type": "code_interpreter_call",
            "id": "1",
            "code": "2+2",
            "outputs": [{"type": "logs", "logs": "4"}, {"type": "image", "url": URL}],
        },
        [
            ToolCall("1", "code_interpreter", {"input": "2+2"}),
            Result("1", (Passage('{"type": "logs", "logs": "4"}'), Media(URL))),
        ],
    ),
    "OpenAI's remote tool, failed": (
        {"type": "mcp_call", "id": "1", "name": "f", "arguments": '{"a": 1}', "error": "down"},
        [ToolCall("1", "f", {"a": 1}), Result("1", ("down",), failed=True)],
    ),
}


@pytest.mark.parametrize("form", CALLS)
def test_a_call_is_read(form: str) -> None:
    """Each form of call gives its id, name and arguments; one that cannot be read gives its text."""
    block, pieces = CALLS[form]
    assert read_block(block) == pieces


@pytest.mark.parametrize("form", RESULTS)
def test_a_result_is_read(form: str) -> None:
    """Each form of result says which call it answers, what it gave, and whether it failed."""
    block, pieces = RESULTS[form]
    assert read_block(block) == pieces


REFUSED: dict[str, tuple[Any, type[InvalidInput], str]] = {
    "a video": (
        {"type": "video", "url": "https://x/v.mp4"},
        UnsupportedContent,
        "no content of type 'video'",
    ),
    "a video at Google": (
        {"type": "media", "mime_type": "video/mp4", "file_uri": "https://x/v"},
        UnsupportedContent,
        "type 'media': Phi-4 takes no video/mp4",
    ),
    "a video's bytes": (
        {"type": "file", "mime_type": "video/mp4", "base64": b64(b"\xff\xfe")},
        UnsupportedContent,
        "type 'file': The document is a binary of type video/mp4, not text in UTF-8",
    ),
    "Bedrock's video": ({"video": {"format": "mp4"}}, UnsupportedContent, "'video'"),
    "a PDF": (
        {"type": "file", "base64": b64(PDF), "mime_type": "application/pdf"},
        UnsupportedContent,
        "type 'file': The document is a PDF, not text in UTF-8. Extract its text, or pass its pages",
    ),
    "a PDF that claims to be text": (
        {"type": "file", "base64": b64(PDF), "mime_type": "text/plain"},
        UnsupportedContent,
        "is a PDF",
    ),
    "a PDF at a URL": (
        {"type": "file", "url": "https://x/a.pdf", "mime_type": "application/pdf"},
        UnsupportedContent,
        "application/pdf",
    ),
    "a PDF in a data URI": (
        {"type": "file", "url": uri(PDF, "application/pdf")},
        UnsupportedContent,
        "is a PDF",
    ),
    "Anthropic's PDF": (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}},
        UnsupportedContent,
        "type 'document': The document is a PDF",
    ),
    "Bedrock's PDF": (
        {"document": {"format": "pdf", "name": "n", "source": {"bytes": PDF}}},
        UnsupportedContent,
        "type 'document': n is a PDF",
    ),
    "an upload": ({"type": "file", "file_id": "f"}, UnsupportedContent, "at its provider (file_id)"),
    "an uploaded picture": (
        {"type": "image", "file_id": "f"},
        UnsupportedContent,
        "type 'image': It is stored",
    ),
    "OpenAI's upload": ({"type": "file", "file": {"file_id": "f"}}, UnsupportedContent, "(file_id)"),
    "OpenAI responses' upload": ({"type": "input_image", "file_id": "f"}, UnsupportedContent, "(file_id)"),
    "Anthropic's upload": (
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        UnsupportedContent,
        "(file_id)",
    ),
    "v0 upload": ({"type": "image", "source_type": "id", "id": "f"}, UnsupportedContent, "provider (id)"),
    "Bedrock's upload": (
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://x"}}}},
        UnsupportedContent,
        "(s3Location)",
    ),
    "a picture without data": ({"type": "image"}, UnsupportedContent, "It holds no data and no URL"),
    "another scheme": ({"type": "image", "url": "gs://b/a.png"}, UrlRefused, "not 'gs://b/a.png'"),
    "a local path": ({"type": "image_url", "image_url": "a.png"}, UrlRefused, "not 'a.png'"),
    "a URL that is none": ({"type": "image", "url": 5}, UrlRefused, "not 5"),
    "broken base64": ({"type": "image", "base64": "!"}, MediaNotReadable, "Its base64 is broken"),
    "empty base64": ({"type": "image", "base64": ""}, MediaNotReadable, "Its base64 is empty"),
    "data that is none": ({"type": "image", "base64": 5}, MediaNotReadable, "of type int, not base64"),
    "text in an old encoding": (
        {"type": "file", "base64": b64("Ä".encode("latin-1")), "mime_type": "text/plain"},
        UnsupportedContent,
        "type 'file': The document is a binary of type text/plain, not text in UTF-8",
    ),
    "an archive": (
        {"type": "file", "base64": b64(b"PK\x03\x04\xff"), "mime_type": "application/zip"},
        UnsupportedContent,
        "ZIP",
    ),
    "an unknown type": ({"type": "hologram"}, UnsupportedContent, "no content of type 'hologram'"),
    "an unknown form": ({"hologram": 1}, UnsupportedContent, "no content of type 'hologram'"),
    "two things at once": ({"text": "a", "image": {}}, UnsupportedContent, "no content of type 'text/image'"),
    "text that is none": (
        {"type": "text", "text": 5},
        UnsupportedContent,
        "type 'text': Its text is of type int",
    ),
    "no block": (5, UnsupportedContent, "a string or a dict, not of type int"),
    "a call in a result": (
        {"type": "tool_result", "content": [{"type": "tool_use", "name": "f"}]},
        UnsupportedContent,
        "A call or its result is nested in other content",
    ),
    "a video in a result": (
        {"type": "tool_result", "content": [{"type": "video"}]},
        UnsupportedContent,
        "type 'tool_result': Phi-4 takes no content of type 'video'",
    ),
    "a call that holds nothing": ({"toolUse": None}, UnsupportedContent, "not of type NoneType"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_be_lost_is_refused_by_name(what: str) -> None:
    """What Phi-4 cannot take is refused with its type, never dropped."""
    block, kind, told = REFUSED[what]
    with pytest.raises(kind) as caught:
        read_block(block)
    assert told in str(caught.value)


_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8)
_KEYS = st.sampled_from(
    [
        *("type", "text", "url", "base64", "data", "source", "image_url", "file", "content", "input"),
        *("id", "name", "args", "arguments", "output", "image", "document", "title", "mime_type", "value"),
        *("toolUse", "toolResult", "extras", "source_type", "filename", "status", "is_error"),
    ]
)
_KIND = st.sampled_from(sorted(_READERS))
_INNER = _LEAVES | _KIND | st.dictionaries(_KEYS, _LEAVES | _KIND, max_size=3)
_VALUES = _INNER | st.lists(_INNER, max_size=2) | st.dictionaries(_KEYS, _INNER, max_size=3)


@settings(deadline=None)
@given(block=st.dictionaries(_KEYS, _VALUES, max_size=5), kind=_KIND)
@example(block={"status": {}}, kind="file_search_call")
@example(block={"content": [{"type": []}]}, kind="server_tool_result")
def test_any_block_is_read_or_refused(block: dict[str, Any], kind: str) -> None:
    """Whatever a block holds, it is read or refused as bad input, and it is the same afterwards."""
    block = {**block, "type": kind}
    before = copy.deepcopy(block)
    try:
        read_block(block)
    except InvalidInput as error:
        assert f"type {kind!r}" in str(error)  # noqa: PT017 - both ways are allowed
    assert block == before


@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=60))
def test_bytes_survive(data: bytes) -> None:
    """Bytes that go in as base64 come out as they were."""
    [piece] = read_block({"type": "image", "base64": b64(data)})
    assert isinstance(piece, Media)
    assert piece.source == data


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r"), min_size=1))
def test_a_documents_text_survives(text: str) -> None:
    """A text document's words come out as they were, whichever way they went in."""
    inline = read_block({"type": "text-plain", "text": text})
    assert inline == [Passage(f"Document:\n{text}")]
    assume(text.strip() and not text.startswith(("\ufeff", "%PDF-", "%!PS", r"{\rtf")))
    assert read_block({"type": "file", "base64": b64(text.encode())}) == inline


_JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@settings(deadline=None)
@given(value=st.lists(_JSON | st.dictionaries(st.text("abc_é", max_size=4), _JSON, max_size=3), max_size=3))
def test_json_is_told_whole(value: Any) -> None:
    """JSON is told as JSON that says the same."""
    [piece] = read_block({"type": "json", "json": value})
    assert isinstance(piece, Passage)
    assert json.loads(piece.text) == value


def test_a_result_of_any_type_is_told_as_json_would() -> None:
    """A tool's dates and sets are told as pydantic writes them."""
    value = {"at": datetime(2026, 1, 2, tzinfo=UTC), "names": {"b", "a"}}
    assert read_block({"type": "json", "json": value}) == [
        Passage('{"at": "2026-01-02T00:00:00Z", "names": ["a", "b"]}')
    ]


def test_what_only_its_provider_can_read_is_left_out() -> None:
    """Encrypted fields are left out wherever they stand; what is no JSON is told as text."""
    value = {"encrypted_index": "x", "at": [{"encrypted_content": "y", "type": Passage}]}
    [told] = read_block({"type": "json", "json": value})
    assert told == Passage(json.dumps({"at": [{"type": str(Passage)}]}))
