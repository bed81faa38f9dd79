"""The variables of the environment by which httpx finds certificates and proxies, as errors name them."""

from __future__ import annotations

import os
import re
import ssl

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_FILE_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ssl.SSLError)
_MAX_VALUE = 200
# What may stand before an @ is a user and a password.
_USERINFO = re.compile(r"(?:(?<=//)|\A)(?:(?!//).)*@", re.DOTALL)


def fault_of(problem: Exception) -> str | None:
    """What an error says of the environment, which kept a client from being made; None where it is another's.

    Args:
        problem: What was raised when the client was made, or used for the first time.
    """
    if isinstance(problem, _FILE_ERRORS) or type(problem) is OSError:
        reason = "no certificates" if isinstance(problem, ssl.SSLError) else problem.strerror
        return f"{_set(_CERTIFICATES)} cannot be used: {reason}" if _set(_CERTIFICATES) else None
    is_proxys = isinstance(problem, ImportError | ValueError) and "proxy" in str(problem).lower()
    if (is_proxys or type(problem).__name__ == "InvalidURL") and _set(_PROXIES):
        reason = "the package socksio is not installed" if isinstance(problem, ImportError) else "not a URL"
        return f"{_set(_PROXIES)} cannot be used: {reason}"
    return None


def certificates_in_use() -> str:
    """Which variables say whose certificates are trusted, with their values; "" where none does."""
    return _set(_CERTIFICATES)


def _set(names: tuple[str, ...]) -> str:
    values = {name: value for name, value in os.environ.items() if name.upper() in names and value}
    return ", ".join(f"{name}={_shown(value)!r}" for name, value in values.items())


def _shown(value: str) -> str:
    return _USERINFO.sub("***@", value)[:_MAX_VALUE]
