"""How credentials get into requests: at the last moment, and nowhere else. Knows httpx; no Gradio."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx

from phi4_space._secret import SecretLike

if TYPE_CHECKING:
    from urllib.request import Request

_MAX_COOKIES = 50  # that a server may set; browsers keep as many for a site
_MAX_COOKIE_SIZE = 4096  # characters


class HeaderAuth(httpx.Auth):
    """Adds headers with credentials to a request.

    They are on the request alone: no argument and no local variable of the caller holds them.

    Args:
        headers: Their names and values.
    """

    def __init__(self, headers: Sequence[tuple[str, SecretLike]]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yields the request with the headers; the response changes nothing."""
        for name, value in self._headers:
            request.headers[name] = value.get_secret_value()
        yield request


class _BoundedCookies(DefaultCookiePolicy):
    """Keeps a limited number of a server's cookies, and none that is large."""

    def __init__(self, jar: CookieJar) -> None:
        super().__init__()
        self._jar = jar

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        size = len(cookie.name) + len(cookie.value or "")
        return len(self._jar) < _MAX_COOKIES and size <= _MAX_COOKIE_SIZE and super().set_ok(cookie, request)


class _Jar(CookieJar):
    """Reads no cookies that take long to read: in the old form, which nobody sends, or of many attributes."""

    def make_cookies(self, response: Any, request: Request) -> Sequence[Cookie]:
        headers = response.info()
        sizes = map(len, headers.get_all("Set-Cookie", []))
        is_plain = "Set-Cookie2" not in headers and all(size <= 2 * _MAX_COOKIE_SIZE for size in sizes)
        return super().make_cookies(response, request) if is_plain else []


def to_jar(cookies: Mapping[str, str]) -> CookieJar:
    """A jar with these cookies, to which a server may add some more."""
    jar = _Jar()
    cookie_store = httpx.Cookies(jar)
    for name, value in cookies.items():
        cookie_store.set(name, value)
    jar.set_policy(_BoundedCookies(jar))
    return jar


class _MaskedBytes(bytes):
    """Bytes whose repr is masked: httpcore logs the credentials that it sends to a SOCKS proxy."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'**********'"


class Proxy(httpx.Proxy):
    """A proxy whose user and password never appear in a log."""

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        """The user and password, encoded."""
        auth = super().raw_auth
        return auth and (_MaskedBytes(auth[0]), _MaskedBytes(auth[1]))
