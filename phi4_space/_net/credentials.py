"""How credentials get into requests: at the last moment, and into nothing else. Knows httpx; no Gradio."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

if TYPE_CHECKING:
    from urllib.request import Request

_MOST_COOKIES = 50  # that a server may set, as many as browsers keep of a site
_LARGEST_COOKIE = 4096  # characters


class HeaderAuth(httpx.Auth):
    """Puts headers with credentials on a request.

    Only what is sent has them: no argument and no local of whoever asks.

    Args:
        headers: Their names and values.
    """

    def __init__(self, headers: Sequence[tuple[str, SecretStr]]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with the headers; what is answered changes nothing."""
        for name, value in self._headers:
            request.headers[name] = value.get_secret_value()
        yield request


class _FewCookies(DefaultCookiePolicy):
    """Keeps few cookies of a server, and none that are large."""

    def __init__(self, jar: CookieJar) -> None:
        super().__init__()
        self._jar = jar

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        size = len(cookie.name) + len(cookie.value or "")
        return len(self._jar) < _MOST_COOKIES and size <= _LARGEST_COOKIE and super().set_ok(cookie, request)


class _Jar(CookieJar):
    """Reads no cookies that take long to read: in the old form, which nobody sends, or of many attributes."""

    def make_cookies(self, response: Any, request: Request) -> Sequence[Cookie]:
        headers = response.info()
        sizes = map(len, headers.get_all("Set-Cookie", []))
        is_plain = "Set-Cookie2" not in headers and all(size <= 2 * _LARGEST_COOKIE for size in sizes)
        return super().make_cookies(response, request) if is_plain else []


def to_jar(cookies: Mapping[str, str]) -> CookieJar:
    """A jar with these cookies, in which a server may put some more."""
    jar = _Jar()
    holder = httpx.Cookies(jar)
    for name, value in cookies.items():
        holder.set(name, value)
    jar.set_policy(_FewCookies(jar))
    return jar


class _Hidden(bytes):
    """Bytes that do not show: httpcore logs what it opens a SOCKS proxy with."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'**********'"


class Proxy(httpx.Proxy):
    """A proxy whose user and password are in no log line."""

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        """The user and password, encoded."""
        told = super().raw_auth
        return told and (_Hidden(told[0]), _Hidden(told[1]))
