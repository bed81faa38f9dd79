"""Where one server is, and which URLs are its own. Knows URLs; no sockets and no Gradio.

A server's words may become a part of a URL's path, and of nothing else: URLs are joined from segments, and
each request is held against the origin once more before it is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from phi4_space._errors import UnexpectedAnswer

_LONGEST = 200
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+"  # what no reader of URLs takes for anything else
_PREFIX = re.compile(rf"(?:/{_SEGMENT})*", re.ASCII)


def is_prefix(path: str) -> bool:
    """Whether a path is "" or plain segments, each behind a slash, so that it can stand in any URL."""
    return len(path) <= _LONGEST and _PREFIX.fullmatch(path) is not None


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
            path: Segments, each behind a slash; whatever stands in them stays in the path.

        Raises:
            UnexpectedAnswer: A segment is empty, or leads up and out of the path.
            httpx.InvalidURL: The root is no URL.
        """
        _, *segments = path.split("/")
        if not segments or not {"", ".", ".."}.isdisjoint(segments):
            raise UnexpectedAnswer(f"The server has no path such as {path[:_LONGEST]!r}")
        root = httpx.URL(self.root)
        joined = "/".join(["", *(quote(segment, safe="") for segment in segments)])
        return root.copy_with(raw_path=root.raw_path.rstrip(b"/") + joined.encode("ascii"))

    def check(self, url: httpx.URL) -> None:
        """Refuses a URL that is not the server's, whoever built it.

        Raises:
            UnexpectedAnswer: Its scheme, host, port or folder is another, or it names a user.
        """
        root = httpx.URL(self.root)
        own = _place(url) == _place(root) and url.raw_path.startswith(root.raw_path.rstrip(b"/") + b"/")
        if not own or url.userinfo:
            raise UnexpectedAnswer(
                f"A request to {url.scheme}://{url.netloc.decode('ascii', 'replace')} was not sent: "
                f"the server is {self.root}"
            )


def _place(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port
