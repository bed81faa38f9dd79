"""Names for sessions, the same in each recording whatever order threads ask in. Knows no cassettes."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tidy import Tidy, with_steady_calls
from vcr.request import Request

PREFIX = "session-"
_STEADY = re.compile(rf"\b{PREFIX}[0-9a-f]{{8}}-\d+\b")


@dataclass
class Sessions:
    """Names each session by what was asked on it first: `session-` and a digest, and a number for a second.

    Clients draw their sessions' names at random; so a cassette could not tell whose turn a request is.
    """

    _names: dict[str, str] = field(default_factory=dict)
    _asked: Counter[str] = field(default_factory=Counter)

    def rename(self, request: Request) -> Request:
        """The request, on the session by its steady name; one that has a steady name keeps it."""
        parts, body = urlsplit(request.uri), _json(request)
        query = parse_qs(parts.query)
        known = body.get("session_hash") or "".join(query.get("session_hash", ()))
        if not isinstance(known, str) or not known or known.startswith(PREFIX):
            return request
        name = self._names.get(known) or self._names.setdefault(known, self._named(body))
        renamed = copy.copy(request)
        asked = [(key, name if key == "session_hash" else value) for key, value in parse_qsl(parts.query)]
        renamed.uri = parts._replace(query=urlencode(asked)).geturl()
        if body:
            renamed.body = with_steady_calls(json.dumps({**body, "session_hash": name}))
        return renamed

    def _named(self, body: dict[str, Any]) -> str:
        told = with_steady_calls(json.dumps(Tidy().json({**body, "session_hash": ""}), sort_keys=True))
        digest = hashlib.sha256(told.encode()).hexdigest()[:8]
        self._asked[digest] += 1
        return f"{PREFIX}{digest}-{self._asked[digest]}"


def in_order(interactions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Recorded interactions in an order that the next recording has, too.

    Turns that were taken at the same time are told one after the other, by their sessions' names; all else
    stays where it was.

    Args:
        interactions: As vcrpy keeps them, on sessions with steady names.
    """
    names = [_session_of(part["request"]) for part in interactions]
    last = {name: place for place, name in enumerate(names) if name}
    ordered: list[Mapping[str, Any]] = []
    open_until = 0
    for place, name in enumerate(names):
        open_until = max(open_until, last.get(name, place))
        if place == open_until:  # no session that was begun so far goes on
            together = range(len(ordered), place + 1)
            ordered += [interactions[one] for one in sorted(together, key=names.__getitem__)]
    return ordered


def _session_of(request: Mapping[str, Any]) -> str:
    """The steady name of a recorded request's session; empty where it has none."""
    found = _STEADY.search(f"{request['uri']} {request['body']}")
    return found[0] if found else ""


def _json(request: Request) -> dict[str, Any]:
    """The object that a request carries; empty where it carries none."""
    if "json" not in request.headers.get("content-type", "") or not request.body:
        return {}
    told = json.loads(request.body)
    return told if isinstance(told, dict) else {}
