"""What a request must be before Gradio sees it, and what browsers are told. Knows HTTP; no page, no model.

Gradio serves whoever asks, under whatever name, from whatever page, and more than this page needs. Here a
request is refused that comes under a name that is not the server's (another site that has its own name lead
here could read all answers), from another site's page, or for something that the page and the clients of a
Space do not use.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from fastapi.datastructures import Headers, QueryParams
from fastapi.responses import PlainTextResponse

# Gradio 5's page asks for fonts and a script of other hosts, which a laptop without a network waits for; and
# an answer could name an image elsewhere, to carry text of the chat out.
PAGE_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What the browser may load and do on the page; scripts of Gradio's own stand in it, and it compiles some."""

FILE_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
"""The same for uploads, which are strangers' files: none of them is a page that may do anything."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, forms of the page itself would come from nowhere
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""What else every response says."""

_FILE = "/gradio_api/file="
_NAME = r"[\w.-]+"
_READ = re.compile(
    rf"""
    / | /config/? | /theme\.css | /robots\.txt | /manifest\.json | /favicon\.ico | /logout
    | /(static | assets | svelte)/.+
    | /gradio_api/(info/? | app_id/? | theme\.css | startup-events | upload_progress)
    | /gradio_api/(queue/data | queue/status | heartbeat/{_NAME} | call/(v2/)?{_NAME}/{_NAME})
    | {_FILE}(?![\w.+-]{{2,}}:|[/\\]{{2}}).+   # a path; Gradio would fetch a URL, or send the browser there
    """,
    re.VERBOSE,
)
_WRITE = re.compile(
    rf"""
    /login/? | /gradio_api/(queue/join | cancel | reset/? | upload | (run | api | call | call/v2)/{_NAME}/?)
    """,
    re.VERBOSE,
)
_HOST = re.compile(r"(?:\[(?P<six>[\da-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII | re.IGNORECASE)

_LONGEST_PATH = 4096
"""Characters; Gradio looks on the disk for each folder in it."""

_RANGE = re.compile(r"bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})")
"""The part of a file that players of sound ask for; of many parts, or impossible ones, much work is made."""

_OWN_COOKIE = re.compile(r"\s*(access-token-[\w-]{1,100}=[\w-]{1,100})\s*", re.ASCII)
"""What Gradio sets at a login. Other cookies are other programs' on the same host, and none of its business;
Python before 3.11.10 takes a square of time to read what stands in quotes there."""

_Message = MutableMapping[str, Any]
_App = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not passed on.

    Attributes:
        status: The HTTP status.
        text: What is wrong, and what to do.
    """

    status: int
    text: str


class WebSecurity:
    """ASGI middleware that passes on what the page and the clients of a Space ask for, and nothing else."""

    def __init__(
        self,
        app: _App,
        allowed_hosts: Collection[str] = (),
        also_open: Sequence[Mapping[str, re.Pattern[str]]] = (),
    ) -> None:
        """Stands before `app`.

        Args:
            app: What answers.
            allowed_hosts: The server's names. Those of this machine, and addresses, always are.
            also_open: What is answered besides: by method, the paths.
        """
        self._app = app
        self._also_open = also_open
        self._hosts = {"localhost", *(name.lower() for name in allowed_hosts)}

    async def __call__(
        self, scope: _Message, receive: Callable[..., Any], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        """Passes a request on, or refuses it; all responses have the headers that browsers obey."""
        policy = FILE_POLICY if scope.get("path", "").startswith(_FILE) else PAGE_POLICY
        extra = [*HEADERS.items(), ("content-security-policy", policy)]

        async def send_with_headers(message: _Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in extra]
                names = {name for name, _ in own}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
                message = {**message, "headers": kept + own}
            await send(message)

        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":  # websockets, which no client of these Gradios opens
            await send({"type": "websocket.close", "code": 1008})
        elif refusal := self.refusal(scope):
            response = PlainTextResponse(refusal.text, status_code=refusal.status)
            await response(scope, receive, send_with_headers)
        else:
            await self._app({**scope, "headers": _own_headers(scope["headers"])}, receive, send_with_headers)

    def refusal(self, scope: Mapping[str, Any]) -> Refusal | None:
        """Why a request is refused, or None."""
        headers = Headers(raw=scope["headers"])
        return (
            _unreadable(headers, scope["path"])
            or _misdirected(headers, self._hosts)
            or _foreign(headers, method=scope["method"], path=scope["path"])
            or self._closed(scope["method"], scope["path"], scope["query_string"])
        )

    def _closed(self, method: str, path: str, query: bytes) -> Refusal | None:
        """What neither the page nor a client asks for, such as what Gradio offers to authors of Spaces."""
        also = (more[method].fullmatch(path) for more in self._also_open if method in more)
        is_open = any(also) or (
            _READ.fullmatch(path) and "deep_link" not in QueryParams(query)
            if method in {"GET", "HEAD"}
            else method == "POST" and _WRITE.fullmatch(path)
        )
        return (
            None
            if is_open
            else Refusal(
                404,
                "There is nothing here. The page is at /; OpenAI's API, where the Space serves it, at"
                " /v1/chat/completions and /v1/models.",
            )
        )


def _own_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with none but Gradio's own cookies."""
    headers = [*headers]
    cookies = (
        part for name, value in headers if name == b"cookie" for part in value.decode("latin-1").split(";")
    )
    own = [match[1] for match in map(_OWN_COOKIE.fullmatch, cookies) if match]
    others = [pair for pair in headers if pair[0] != b"cookie"]
    return [*others, (b"cookie", "; ".join(own).encode())] if own else others


def _unreadable(headers: Headers, path: str) -> Refusal | None:
    if len(path) > _LONGEST_PATH:
        return Refusal(414, f"A path has {_LONGEST_PATH} characters at most.")
    if any(not _RANGE.fullmatch(given) for given in headers.getlist("range")):
        return Refusal(416, "A request asks for one part of a file, as in bytes=0-1023.")
    return None


def _misdirected(headers: Headers, hosts: Collection[str]) -> Refusal | None:
    """A name that may be another site's. An address is nobody's name, so that every address will do."""
    given = headers.getlist("host")
    host = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    if host is None:
        return Refusal(400, "A request names one host.")
    name = (host["six"] or host["name"]).lower()
    if name in hosts or _is_address(name):
        return None
    return Refusal(
        421, f"This server is not known as {name}. If it should be, start it with --allowed-host {name}."
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _foreign(headers: Headers, *, method: str, path: str) -> Refusal | None:
    """A request that the page of another site made; the browser says so. A link to the page is none."""
    site = headers.get("sec-fetch-site")  # sent to https and to this machine, and no script can write it
    if site is None:
        own = {headers["host"], *re.split(r"\s*,\s*", headers.get("x-forwarded-host", ""))} - {""}
        is_own = "origin" not in headers or headers["origin"].partition("://")[2] in own
    else:
        is_link = (method, path, headers.get("sec-fetch-dest")) == ("GET", "/", "document")
        is_own = site in {"same-origin", "none"} or is_link
    if is_own:
        return None
    return Refusal(403, "This server answers its own page, and programs, but no page of another site.")
