"""Whose certificates are trusted: certifi's, or those that the environment names. Knows ssl; no requests."""

from __future__ import annotations

import os
import re
import ssl
from functools import cache
from pathlib import Path

import httpx

from phi4_space._errors import InvalidOption

FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
_NOT_READ = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+", re.ASCII)
"""The name under which OpenSSL looks for a certificate in a folder."""
_FILE_ADVICE = f"Have {FILE} name a readable file of certificates in PEM form, or unset it."
_FOLDER_ADVICE = f'Have {FOLDER} name a folder that "openssl rehash" has seen, or unset it.'


@cache
def ssl_context() -> ssl.SSLContext:
    """The context that all clients share: creating one takes 20 to 30 ms.

    Raises:
        InvalidOption: The environment names a file or a folder that holds no certificates.
    """
    if file := os.environ.get(FILE, "").strip():
        return _of_file(file)
    if folders := os.environ.get(FOLDER, "").strip():
        return _of_folders(folders)
    return httpx.create_ssl_context(trust_env=False)


def no_certificates() -> ssl.SSLContext:
    """A context that trusts nobody, for a client that sends nothing over TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def advice() -> str:
    """What to do where a server's certificate is not trusted."""
    for name in (FILE, FOLDER):
        if value := os.environ.get(name, "").strip():
            return f"Only the certificates in {name}={value!r} are trusted: add the server's, or unset it."
    others = [name for name in _NOT_READ if os.environ.get(name)]
    unread = f" {' and '.join(others)} {'is' if len(others) == 1 else 'are'} not read." if others else ""
    return f"If your network has certificates of its own, have {FILE} name a file that holds them.{unread}"


def _of_file(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        reason = "it is not a file of certificates in PEM form"
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
    raise InvalidOption(f"{FILE}={file!r} cannot be used: {reason}", advice=_FILE_ADVICE)


def _of_folders(folders: str) -> ssl.SSLContext:
    # OpenSSL passes over a folder that is not there; where that was all, it trusts nobody.
    names, reasons = [], []
    for folder in filter(None, folders.split(os.pathsep)):
        try:
            names += [path.name for path in Path(folder).iterdir()]
        except OSError as exc:
            reasons.append(f"{folder!r}: {exc.strerror or type(exc).__name__}")
    if not any(map(_HASHED.fullmatch, names)):
        reason = "; ".join(reasons) or "no file in it has a name such as 5ed36f99.0"
        raise InvalidOption(f"{FOLDER}={folders!r} cannot be used: {reason}", advice=_FOLDER_ADVICE)
    return ssl.create_default_context(capath=folders)
