"""Whose certificates are trusted, as the environment says."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from phi4_space import InvalidOption
from phi4_space._net import certificates
from phi4_space._net.certificates import no_certificates, ssl_context

HASHED = "5ed36f99.0"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    ssl_context.cache_clear()
    yield
    ssl_context.cache_clear()


def test_all_share_one_ssl_context() -> None:
    """Making a context costs tens of milliseconds, so it is made once; it verifies."""
    assert ssl_context() is ssl_context()
    assert ssl_context().check_hostname
    assert ssl_context().cert_store_stats()["x509_ca"] > 0


def test_a_context_may_trust_nobody() -> None:
    """Where there is no TLS nothing is loaded, and nothing would be let through."""
    context = no_certificates()

    assert context.cert_store_stats()["x509_ca"] == 0
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_is_none(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing leaves everything as it is."""
    monkeypatch.setenv(name, value)

    assert ssl_context().cert_store_stats()["x509_ca"] > 0


@pytest.mark.parametrize(
    "content", ["missing", "a folder", b"", b"garbage", b"\0\xff" * 99, "a key", "below"]
)
def test_a_file_that_holds_no_certificates(
    content: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aider 3710: the error names the variable, its value and what is wrong, and is raised each time."""
    path = tmp_path / "certs.pem"
    match content:
        case "a folder":
            path.mkdir()
        case "a key":
            path.write_text("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
        case "below":
            path.write_bytes(b"")
            path /= "x.pem"
        case bytes():
            path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    for _ in range(2):
        with pytest.raises(
            InvalidOption, match=re.escape(f"SSL_CERT_FILE='{path}' cannot be used: ")
        ) as caught:
            ssl_context()
        assert "unset it" in caught.value.advice


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason is passed on."""

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ssl.create_default_context", refuse)
    monkeypatch.setenv("SSL_CERT_FILE", "/secret.pem")

    with pytest.raises(InvalidOption, match=r"SSL_CERT_FILE='/secret.pem' cannot be used: Permission denied"):
        ssl_context()


@pytest.mark.parametrize("content", ["missing", "a file", (), ("root.pem",), ("5ed36f99",)])
def test_a_folder_that_holds_no_certificates(
    content: str | tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL would take it, and then trust nobody."""
    path = tmp_path / "certs"
    if content == "a file":
        path.write_bytes(b"")
    elif not isinstance(content, str):
        path.mkdir()
        for name in content:
            (path / name).write_bytes(b"")
    monkeypatch.setenv("SSL_CERT_DIR", str(path))

    with pytest.raises(InvalidOption, match=re.escape(f"SSL_CERT_DIR='{path}' cannot be used: ")) as caught:
        ssl_context()
    assert "openssl rehash" in caught.value.advice


def test_what_holds_certificates_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, or one or several folders; the file comes first."""
    (tmp_path / HASHED).write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}{os.pathsep}")

    assert ssl_context().cert_store_stats()["x509_ca"] == 0  # they are looked up one by one
    ssl_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert ssl_context().cert_store_stats()["x509_ca"] > 0


def test_a_folder_that_is_missing_beside_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over, as by OpenSSL; where none has certificates, each that cannot be read is named."""
    (tmp_path / HASHED).write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", f"/missing{os.pathsep}{tmp_path}")
    assert ssl_context()

    ssl_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_DIR", f"/missing{os.pathsep}/lost")
    with pytest.raises(InvalidOption, match="'/missing': No such file or directory; '/lost': No such file"):
        ssl_context()


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        ({}, "have SSL_CERT_FILE name a file that holds them."),
        ({"REQUESTS_CA_BUNDLE": "/x"}, "holds them. REQUESTS_CA_BUNDLE is not read."),
        (
            {"REQUESTS_CA_BUNDLE": "/x", "CURL_CA_BUNDLE": "/y"},
            "holds them. REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are not read.",
        ),
        ({"SSL_CERT_FILE": "/a.pem"}, "Only the certificates in SSL_CERT_FILE='/a.pem' are trusted"),
        ({"SSL_CERT_DIR": "/a"}, "Only the certificates in SSL_CERT_DIR='/a' are trusted"),
    ],
)
def test_what_to_do_about_a_certificate(
    environment: dict[str, str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server's is not trusted, the variable is named that decides it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert advice in certificates.advice()
