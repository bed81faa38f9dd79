"""What two recordings of the same conversation have in common. Knows Gradio's JSON; no cassettes, no sockets.

Ids, ports, times and folders differ from one recording to the next. Here they become the same, so that
recording again gives the same text, with nothing in it of the machine that did.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

HOME = "http://127.0.0.1:7860"
"""Where a Space on this machine is said to be, whatever port it has."""

_STEADY: Mapping[str, Any] = {
    "app_id": 2**53 + 1,  # real ones need 64 bits too: a client that reads floats would not see it right
    "average_duration": 0.1,
    "avg_time": 0.1,
    "cache_duration": 0.1,
    "done": 0.1,
    "eta": 0.1,
    "first_text": 0.1,
    "rank_eta": 0.1,
}
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost):\d+")
_UPLOADS = re.compile(r"(/[^/\"\s=]+)*/[0-9a-f]{64}(?=/)")  # a folder and a digest with the server's own seed
# Made by our client, and by LangChain for calls in examples.
_CALL_ID = re.compile(r"call_[0-9a-f]{32}|(?<=\")[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\")")
_CONFIG = (
    *("version", "api_prefix", "app_id", "space_id"),
    *("enable_queue", "show_error", "max_file_size", "protocol"),
)
_CALL = (
    *("id", "targets", "inputs", "outputs", "backend_fn", "queue", "api_name"),
    *("show_api", "api_visibility", "types", "trigger_after"),
)
_PROPS = ("value", "label", "file_count", "file_types", "minimum", "maximum", "visible")


@dataclass
class Tidy:
    """Names jobs and sessions by their order, and so holds for one conversation."""

    _jobs: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)

    def url(self, url: str) -> str:
        """A URL without this machine's port, on a session that is named by its number."""
        parts = urlsplit(at_home(url))
        query = [(name, self._named(name, value)) for name, value in parse_qsl(parts.query)]
        return parts._replace(query=urlencode(query)).geturl()

    def body(self, text: str, kind: str) -> str:
        """A body that says the same, laid out to be read.

        Args:
            text: The body.
            kind: Its content type; JSON and event streams are known, all else stays as it is.
        """
        match kind.partition(";")[0]:
            case "application/json":
                return spread(self.json(json.loads(text)))
            case "text/event-stream":
                return re.sub(r"(?<=^data: ).+", self._message, text, flags=re.MULTILINE)
            case _:
                return text

    def json(self, value: Any) -> Any:
        """A JSON value that says the same."""
        match value:
            case {"components": _, "dependencies": _}:
                return self._object(_calls(value))
            case {"average_duration": _}:
                return self._object(value) | {"duration": 0.1}
            case dict():
                return self._object(value)
            case list():
                return [self.json(part) for part in value]
            case str():
                return _UPLOADS.sub("/uploads", at_home(value))
            case _:
                return value

    def _object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._named(name, part) for name, part in value.items()}

    def _named(self, name: str, value: Any) -> Any:
        match name, value:
            case "event_id", str():
                return self._jobs.setdefault(value, f"{len(self._jobs) + 1:032x}")
            case "session_hash", str() if not value.startswith("session-"):
                return self._sessions.setdefault(value, f"session-{len(self._sessions) + 1}")
            case _:
                return _STEADY[name] if name in _STEADY else self.json(value)

    def _message(self, found: re.Match[str]) -> str:
        return _line(self.json(json.loads(found[0])))


def with_steady_calls(text: str) -> str:
    """The text with the ids of tool calls, which are made at random, numbered in their order."""
    names: dict[str, str] = {}
    return _CALL_ID.sub(lambda found: names.setdefault(found[0], f"call_{len(names) + 1:032x}"), text)


def at_home(text: str) -> str:
    """The text with all Spaces on this machine at the same port."""
    return _LOOPBACK.sub(HOME, text)


def _calls(config: Mapping[str, Any]) -> dict[str, Any]:
    """The few kB of a `/config` that are about calls of programs; the other 30 are the page's own."""
    kept = {name: config[name] for name in _CONFIG if name in config}
    calls = [{name: part[name] for name in _CALL if name in part} for part in _open(config["dependencies"])]
    taken = {number for call in calls for number in (*call["inputs"], *call["outputs"])}
    parts = [
        {"id": part["id"], "type": part["type"], "props": _kept_props(part["props"])}
        for part in config["components"]
        if part["id"] in taken
    ]
    return {**kept, "dependencies": calls, "components": parts}


def _open(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls that a Space shows to programs, and those that belong to a chain with one.

    Live tests meet the others, of which a ChatInterface has thirty.
    """
    kept = {call["id"] for call in calls if _is_shown(call)}
    links = [{call["id"], call["trigger_after"]} for call in calls if call.get("trigger_after") is not None]
    while linked := [link for link in links if len(link & kept) == 1]:
        kept = kept.union(*linked)
    return [call for call in calls if call["id"] in kept]


def _is_shown(call: Mapping[str, Any]) -> bool:
    is_public = call.get("api_visibility", "public") == "public" and call.get("show_api", True)
    return bool(is_public and call.get("api_name") and call.get("backend_fn"))


def _kept_props(props: Mapping[str, Any]) -> dict[str, Any]:
    return {name: props[name] for name in _PROPS if name in props}


def spread(value: Any, depth: int = 2) -> str:
    """JSON with the outer `depth` levels on lines of their own."""
    if not depth or not value or not isinstance(value, dict | list):
        return _line(value)
    if isinstance(value, dict):
        brackets, parts = "{}", [f"{_line(key)}: {spread(part, depth - 1)}" for key, part in value.items()]
    else:
        brackets, parts = "[]", [spread(part, depth - 1) for part in value]
    inner = ",\n".join(parts).replace("\n", "\n  ")
    return f"{brackets[0]}\n  {inner}\n{brackets[1]}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def files_of(body: bytes, content_type: str) -> list[dict[str, Any]]:
    """The files of a multipart body, each as its names, type, size and digest."""
    parsed = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    return [_file(part) for part in parsed.walk() if not part.is_multipart()]


def _file(part: Message) -> dict[str, Any]:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return {
        "field": part.get_param("name", header="content-disposition"),
        "name": part.get_filename(),
        "type": part.get_content_type(),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
