"""The name and the URLs of a Space. Knows no sockets and no Gradio."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from phi4_space._errors import InvalidSpaceName

HUB = "https://huggingface.co"
_PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface|hf)\.co/(?:spaces/([^/]+/[^/?#]+).*|.*)", re.IGNORECASE
)
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
"""A name on the Hub, fit to be part of a URL."""
# Letters of any script, as host names may have; nothing that two URL parsers could read differently.
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+")
PUBLIC_SPACE = "microsoft/phi-4-multimodal"
_MAX_LABEL = 63  # of a host name, RFC 1035; the Hub shortens longer ones by a rule of its own
_SUFFIX = ".hf.space"
_STATIC = ".static.hf.space"
_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.hf\.space(?:[/?#].*)?", re.ASCII | re.IGNORECASE)
"""A running Space's host as a page shows it, without a scheme; no name has three parts."""
_VIEW = re.compile(r"[?](?:(?:__theme|view|logs)=[\w-]*(?:&|(?=#|\Z)))*(?:#[\w-]*)?\Z", re.ASCII)
"""What a page's URL ends with where nothing but its looks are in it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A Space's name on the Hub and its URLs.

    Attributes:
        name: "owner/name" on the Hub; None if only the URL is known.
        api_url: The root URL of its server, without a trailing slash.
    """

    name: str | None
    api_url: str

    @property
    def url(self) -> str:
        """The page to open in a browser: on the Hub, if the Space is there."""
        return f"{HUB}/spaces/{self.name}" if self.name else self.api_url

    @property
    def referer(self) -> str:
        """The Referer that a browser on that page sends."""
        return f"{self.api_url}?__theme=light"

    @property
    def is_shortened(self) -> bool:
        """Whether the Hub alone knows its host, since its name is longer than one may be."""
        return any(len(label) > _MAX_LABEL for label in self.host.split("."))

    @property
    def host(self) -> str:
        """The server's host name."""
        return urlsplit(self.api_url).hostname or ""

    @property
    def subdomain(self) -> str | None:
        """The label under hf.space, by which the Hub finds the Space's name; None outside the Hub."""
        return self.host.removesuffix(_SUFFIX) if self.on_hub else None

    @property
    def on_hub(self) -> bool:
        """Whether Hugging Face serves it, so that the Hub knows its stage and its quota."""
        return self.host.endswith(_SUFFIX)

    @property
    def is_loopback(self) -> bool:
        """Whether it runs on this machine."""
        return _is_loopback(self.host)

    @property
    def is_https(self) -> bool:
        """Whether requests to it are encrypted."""
        return self.api_url.startswith("https://")

    def __str__(self) -> str:
        """The name if there is one, otherwise the URL."""
        return self.name or self.api_url


def to_address(space: str) -> Address:
    """Parses a Space's name or URL.

    Args:
        space: "owner/name"; the URL of its page on the Hub; or the http(s) URL of a running Space, whose
            path, if it has one, is kept as part of the server's root.

    Raises:
        InvalidSpaceName: It is none of these.
    """
    if not isinstance(space, str):
        raise InvalidSpaceName(f"A Space's name must be a string, not {type(space).__name__}")
    text = space.strip()
    if "@" in text:  # looked for first: the texts below repeat what they were given
        raise InvalidSpaceName(
            "A Space's name or URL carries no user or password",
            advice="Pass credentials as token=... or cookies=..., and the URL without them.",
        )
    page = _PAGE.fullmatch(text)
    if _BARE_HOST.fullmatch(text):
        text = f"https://{text}"
    if page or "://" not in text:
        return _from_name((page and page[1]) or text)
    return _from_url(text)


def _from_name(name: str) -> Address:
    if not NAME.fullmatch(name):
        raise InvalidSpaceName(f"{name!r} is not the name of a Space")
    owner = name.partition("/")[0]
    if "." in owner or owner.lower() == "localhost":
        raise InvalidSpaceName(
            f"{name!r} begins like a host name, which no owner on the Hub has",
            advice=f"For a server, pass its URL, such as http://{name}.",
        )
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return Address(name=name, api_url=f"https://{label}{_SUFFIX}")


def _from_url(text: str) -> Address:
    text = _VIEW.sub("", text)
    if re.search(r"[?#]", text):  # checked first, since the messages below repeat the URL
        raise InvalidSpaceName(
            "A Space's URL may not contain a query or fragment",
            advice="Pass the URL alone, and credentials as token=... or cookies=....",
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # What stands where the port should be may be a password, and the cause repeats it.
        raise InvalidSpaceName("The URL is not valid: its host or its port cannot be read") from None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or not _is_plain(text):
        raise InvalidSpaceName(f"{text!r} is not an http(s) URL of a Space")
    if host.endswith(_STATIC):
        raise InvalidSpaceName(
            f"{host} is a static Space, which shows a page and runs no program",
            advice="Use a Space that runs Gradio.",
        )
    scheme = "https" if host.endswith(_SUFFIX) else parts.scheme
    host = f"[{host}]" if ":" in host else host
    return Address(
        name=None, api_url=f"{scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    )


def _is_plain(text: str) -> bool:
    return text.isprintable() and not re.search(r"[ \\]", text)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def with_scheme(url: str) -> str:
    """A proxy's URL, which may be written without a scheme."""
    url = url.strip()
    return url if "://" in url else f"http://{url.removeprefix('//')}"
