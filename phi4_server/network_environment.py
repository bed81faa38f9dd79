"""What the environment says of certificates and proxies. Knows its variables; sends nothing.

Which server is reached without a proxy is read here and not by httpx, which takes an entry of NO_PROXY that
it cannot read, such as `fe11::/16`, for a proxy that cannot be used, and of others knows no networks.
"""

from __future__ import annotations

import os
import re
import ssl
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult
from urllib.request import getproxies, proxy_bypass_environment  # type: ignore[attr-defined] # of Python

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_FILE_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ssl.SSLError)
_MAX_VALUE = 200
# What may stand before an @ is a user and a password.
_USERINFO = re.compile(r"(?:(?<=//)|\A)(?:(?!//).)*@", re.DOTALL)


def proxy_for(url: SplitResult) -> str | None:
    """The URL of the proxy that the environment has for a server; None where it is reached without one."""
    found = getproxies()
    proxy = (found.get(url.scheme, "").strip() or found.get("all", "").strip()).removeprefix("//")
    if not proxy or _is_direct(url, found.get("no", "")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def fault_of(problem: Exception) -> str | None:
    """What an error says of the environment, which kept a client from being made; None where it is another's.

    Args:
        problem: What was raised when the client was made, or used for the first time.
    """
    if isinstance(problem, _FILE_ERRORS) or type(problem) is OSError:
        reason = "it holds no certificates" if isinstance(problem, ssl.SSLError) else problem.strerror
        named = certificates_in_use()
    elif isinstance(problem, ImportError) and "socksio" in str(problem):
        reason, named = "the package socksio is not installed", _set(_PROXIES)
    elif isinstance(problem, ValueError) and "scheme for proxy" in str(problem):
        reason, named = "its scheme is none of a proxy's", _set(_PROXIES)
    elif type(problem).__name__ == "InvalidURL":
        reason, named = "it is not a URL", _set((*_PROXIES, "NO_PROXY"))
    else:
        return None
    return f"{named} cannot be used: {reason}" if named else None


def certificates_in_use() -> str:
    """The variable that says whose certificates are trusted, with its value; "" where none does."""
    return _set(_CERTIFICATES).partition(", ")[0]


def _is_direct(url: SplitResult, no_proxy: str) -> bool:
    entries = [entry for entry in re.split(r"[,\s]+", no_proxy) if entry]
    if "*" in entries or proxy_bypass_environment(url.netloc, {"no": ",".join(entries)}):
        return True
    return any(_is_in(url.hostname or "", entry) for entry in entries)


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(re.sub(r"[\[\]]", "", network), strict=False)
    except ValueError:
        return False


def _set(names: tuple[str, ...]) -> str:
    values = ((name, os.environ.get(name)) for upper in names for name in (upper.lower(), upper))
    return ", ".join(f"{name}={_without_login(value)!r}" for name, value in values if value)


def _without_login(value: str) -> str:
    return _USERINFO.sub("***@", value)[:_MAX_VALUE]
