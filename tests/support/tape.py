"""Cassettes: how requests to a Space are written down, and how they play again. Knows vcrpy; no client."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
import yaml
from sessions import Sessions, in_order
from tidy import Tidy, at_home, files_of, spread
from vcr.cassette import Cassette
from vcr.request import Request

_HEADERS = ("accept", "content-type", "location", "retry-after", "x-gradio-user")
"""The headers that are kept: no other can carry a credential, a cookie or a date into a cassette."""


@contextmanager
def recording(path: Path, *, space: str, server: str, command: str) -> Iterator[None]:
    """Records all requests of the block.

    Args:
        path: The cassette's file; a former one is replaced.
        space: Where the Space is, as a client takes it.
        server: What answers there.
        command: What is typed to record it again.
    """
    recorded = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, with {command}"
    path.unlink(missing_ok=True)
    tape = _vcr({"space": at_home(space), "server": server, "recorded": recorded})
    with tape.use_cassette(str(path), record_mode="all"):
        yield


@contextmanager
def playing(path: Path) -> Iterator[Cassette]:
    """Answers the requests of the block from a cassette, and nothing else.

    Raises:
        FileNotFoundError: There is no such cassette.
        AssertionError: The block did not ask for all that the cassette holds.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} was never recorded; docs/recording.md tells how")
    with _vcr({}).use_cassette(str(path), record_mode="none") as cassette:
        yield cassette
    left = [str(request) for at, request in enumerate(cassette.requests) if not cassette.play_counts[at]]
    assert not left, f"{path} was only partly played: nobody asked for {', '.join(left)}"


def source_of(path: Path) -> dict[str, str]:
    """Where a cassette came from, as its first lines tell."""
    lines = path.read_text(encoding="utf-8").partition("\nversion:")[0]
    return dict(yaml.safe_load(lines)["source"])


def _vcr(source: Mapping[str, str]) -> vcr.VCR:
    sessions = Sessions()
    tape = vcr.VCR(
        serializer="paper",
        match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        before_record_request=lambda request: sessions.rename(_without_bytes(request)),
        ignore_hosts=("localhost",),  # others may ask the same server there, and are not recorded
    )
    tape.register_serializer("paper", _Paper(source))
    return tape


def _without_bytes(request: Request) -> Request:
    """Puts a list of its files in a multipart body's place: readable, and without the random boundary."""
    kind = request.headers.get("content-type", "")
    if "boundary=" in kind:
        request.body = spread(files_of(request.body, kind))
        request.headers["content-type"] = "multipart/form-data"
    return request


class _Paper:
    """Writes a cassette down and reads it, as vcrpy's serializers do.

    Args:
        source: What stands at its top: where it came from.
    """

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source

    def serialize(self, cassette: Mapping[str, Any]) -> str:
        """The text of a cassette."""
        tidy = Tidy()
        interactions = [_kept(part, tidy) for part in in_order(cassette["interactions"])]
        source = {**self._source, "gradio": _gradio(interactions)}
        tape = {"version": cassette["version"], "interactions": interactions}
        return _yaml({"source": source}, flow=False) + _yaml(tape, flow=None)

    def deserialize(self, text: str) -> Any:
        """What vcrpy needs of it."""
        return yaml.safe_load(text)


def _kept(interaction: Mapping[str, Any], tidy: Tidy) -> dict[str, Any]:
    """What is kept of a request and its response."""
    request, response = interaction["request"], interaction["response"]
    sent, told = _headers(request["headers"]), _headers(response["headers"])
    return {
        "request": {
            "method": request["method"],
            "uri": tidy.url(request["uri"]),
            "headers": sent,
            "body": tidy.body(request["body"], _kind(sent)),
        },
        "response": {
            "status": response["status"],
            "headers": told,
            "body": {"string": tidy.body(response["body"]["string"], _kind(told))},
        },
    }


def _headers(headers: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    return {name.lower(): values for name, values in headers.items() if name.lower() in _HEADERS}


def _kind(headers: Mapping[str, Sequence[str]]) -> str:
    return "".join(headers.get("content-type", ()))


def _gradio(interactions: Sequence[Mapping[str, Any]]) -> str:
    """The Gradio that a Space says it runs on."""
    for part in interactions:
        if urlsplit(part["request"]["uri"]).path.endswith("/config"):
            return str(json.loads(part["response"]["body"]["string"])["version"])
    return "not told"


class _Dumper(yaml.SafeDumper):
    """Writes what has several lines as several lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(value: object, *, flow: bool | None) -> str:
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16, default_flow_style=flow
    )
