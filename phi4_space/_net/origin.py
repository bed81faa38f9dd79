"""The URL of one server, and which URLs belong to it. Knows URLs; no sockets and no Gradio.

What a server sends may become part of a URL's path, and of nothing else: URLs are joined from quoted
segments, and each request is compared with the origin once more before it is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

import httpx

from phi4_space._errors import UnexpectedAnswer

_MAX_LENGTH = 200
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+"  # which every URL parser reads alike
_PREFIX = re.compile(rf"(?:/{_SEGMENT})*", re.ASCII)


def is_prefix(path: str) -> bool:
    """Whether a path is "" or plain segments, each behind a slash, so that it fits into any URL."""
    return len(path) <= _MAX_LENGTH and _PREFIX.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Origin:
    """One server.

    Attributes:
        root: Its URL, without a slash at the end.
    """

    root: str

    def url(self, path: str) -> httpx.URL:
        """The URL of a path on the server.

        Args:
            path: Segments, each behind a slash; they are quoted, so that they remain a path.

        Raises:
            UnexpectedAnswer: A segment is empty, or `.` or `..`.
            httpx.InvalidURL: The root is not a valid URL.
        """
        _, *segments = path.split("/")
        if not segments or not {"", ".", ".."}.isdisjoint(segments):
            raise UnexpectedAnswer(f"The server cannot have a path such as {path[:_MAX_LENGTH]!r}")
        root = _parsed(self.root)
        joined = "/".join(["", *(quote(segment, safe="") for segment in segments)])
        return root.copy_with(raw_path=root.raw_path.rstrip(b"/") + joined.encode("ascii"))

    def check(self, url: httpx.URL) -> None:
        """Refuses a URL that does not belong to the server, whoever built it.

        Raises:
            UnexpectedAnswer: Its scheme, host, port or folder differs, or it contains a user name.
        """
        root = _parsed(self.root)
        own = _server(url) == _server(root) and url.raw_path.startswith(root.raw_path.rstrip(b"/") + b"/")
        if not own or url.userinfo:
            raise UnexpectedAnswer(
                f"A request to {url.scheme}://{url.netloc.decode('ascii', 'replace')} was not sent, "
                f"because the server is {self.root}"
            )


@lru_cache(maxsize=16)  # each request asks twice, and it is a tenth of what one costs
def _parsed(root: str) -> httpx.URL:
    return httpx.URL(root)


def _server(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port
