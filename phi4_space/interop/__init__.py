"""What an adapter to any framework reads: media, documents, schemas, options. Knows no framework.

Frameworks and providers write the same few things in many forms. The adapter knows the fields of each form;
their values are read here, so that all adapters read them alike. Code that only asks a Space needs nothing of
this.

| room | what it reads |
|---|---|
| `media` | bytes, base64, data URIs and URLs, as `Media` |
| `documents` | the bytes of a document: as text, or as an image or audio |
| `schema` | what `response_format` is set to: a class, a JSON Schema, or OpenAI's dicts |
| `json_schema` | what a JSON Schema refers to and allows |
| `typed_dict` | TypedDict classes, as JSON Schema |
| `options` | sampling options, stop strings, other models' names for arguments, and those that nobody reads |
| `messages` | roles, and the arguments of tool calls |
| `events` | a turn's events and parts of its reply, as dicts |
| `loop` | no data: which event loop a framework's class may be used on |
| `errors` | where in a caller's data something was wrong |
| `_caller` | the line of the program that asked, for warnings |
| `_prompt.call_arguments` | the arguments of tool calls, as JSON has them |
| `_turn.growth` | where in a text that grew an earlier one ends |
"""

from phi4_space._caller import Caller, calling_line, on_behalf_of
from phi4_space._media.data_uri import DataUri, decode_base64, from_base64, is_data_uri, read_data_uri
from phi4_space._media.local_file import read_local_file
from phi4_space._prompt.call_arguments import to_json_arguments, to_json_value
from phi4_space._turn.growth import end_of
from phi4_space._turns import Role
from phi4_space.interop.documents import document_bytes, document_heading, read_document
from phi4_space.interop.errors import error_text, errors_at, short_repr
from phi4_space.interop.events import to_dict
from phi4_space.interop.json_schema import check_types, close_schema, inline_root, is_recursive
from phi4_space.interop.loop import on_asyncio
from phi4_space.interop.media import media_from_data, media_from_url
from phi4_space.interop.messages import read_call_arguments, to_role
from phi4_space.interop.options import (
    ALIASES,
    SAMPLING_OPTIONS,
    check_options,
    merge_options,
    own_names,
    refuse_unknown,
    sampling_options,
    to_stop,
)
from phi4_space.interop.schema import PydanticCheck, is_pydantic, pydantic_schema, to_response_format
from phi4_space.interop.typed_dict import is_typed_dict, typed_dict_schema

__all__ = [
    "ALIASES",
    "SAMPLING_OPTIONS",
    "Caller",
    "DataUri",
    "PydanticCheck",
    "Role",
    "calling_line",
    "check_options",
    "check_types",
    "close_schema",
    "decode_base64",
    "document_bytes",
    "document_heading",
    "end_of",
    "error_text",
    "errors_at",
    "from_base64",
    "inline_root",
    "is_data_uri",
    "is_pydantic",
    "is_recursive",
    "is_typed_dict",
    "media_from_data",
    "media_from_url",
    "merge_options",
    "on_asyncio",
    "on_behalf_of",
    "own_names",
    "pydantic_schema",
    "read_call_arguments",
    "read_data_uri",
    "read_document",
    "read_local_file",
    "refuse_unknown",
    "sampling_options",
    "short_repr",
    "to_dict",
    "to_json_arguments",
    "to_json_value",
    "to_response_format",
    "to_role",
    "to_stop",
    "typed_dict_schema",
]
