"""Where an engine is: the forms of URL that its owner may write. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_CHAT = "/chat/completions"
_AZURE = (".azure.com", ".azure.net")


@dataclass(frozen=True, slots=True)
class Address:
    """An engine's base URL, checked.

    Attributes:
        url: Its parts; the path has no slash at its end.
    """

    url: SplitResult

    @property
    def host(self) -> str:
        """Its host, and its port if it has one: all of it that is ever shown."""
        return self.url.netloc

    @property
    def chat(self) -> str:
        """The URL of its chat completions."""
        return self._below(_CHAT)

    @property
    def models(self) -> str:
        """The URL of the list of its models."""
        return self._below("/models")

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, by its name or number."""
        name = self.url.hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"

    @property
    def is_readable(self) -> bool:
        """Whether others on the way can read what is sent there."""
        return self.url.scheme == "http" and not self.is_local

    @property
    def is_azure(self) -> bool:
        """Whether it is one of Azure's, which have a header of their own for keys."""
        return (self.url.hostname or "").endswith(_AZURE)

    def _below(self, path: str) -> str:
        return self.url._replace(path=self.url.path + path).geturl()


def to_address(text: str) -> Address:
    """Reads a URL: with or without `/v1`, a slash at its end, `/chat/completions`, and a query.

    Raises:
        ValueError: It is not the URL of a server; the text says why, and holds nothing of it.
    """
    try:
        url = urlsplit(text.strip())
        port = url.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise ValueError("must be a URL such as http://127.0.0.1:8000/v1")
    if "@" in url.netloc:
        raise ValueError("must hold no user and no password; a key goes into an environment variable")
    if url.fragment:
        raise ValueError("must hold no fragment (#)")
    path = url.path.rstrip("/").removesuffix(_CHAT) or "/v1"
    return Address(url._replace(path=path))
