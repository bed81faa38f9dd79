"""The options that say which engine answers."""

from __future__ import annotations

import argparse
import os

import pytest

from phi4_server.upstream.address import to_address
from phi4_server.upstream.settings import Adapters, UpstreamSettings, add_options, to_settings

KEY = "sk-sentinel-4f1d9c2b7a6e"
LOCAL = "http://127.0.0.1:8000/v1"


def settings(*words: str) -> UpstreamSettings | None:
    """What options on the command line come to."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser)
    return to_settings(parser.parse_args(words))


@pytest.mark.parametrize(
    ("text", "chat"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        ("https://h/llama/v1", "https://h/llama/v1/chat/completions"),
        ("https://a.openai.azure.com/openai/v1/", "https://a.openai.azure.com/openai/v1/chat/completions"),
        (
            "https://a.openai.azure.com/openai/deployments/phi?api-version=2024-10-21",
            "https://a.openai.azure.com/openai/deployments/phi/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_the_forms_of_an_address(text: str, chat: str) -> None:
    """Whatever of it was copied from the engine's documentation, requests go to the right place."""
    address = to_address(text)

    assert address.chat == chat
    assert address.models == chat.replace("/chat/completions", "/models")


@pytest.mark.parametrize(
    "text",
    [
        *("", "127.0.0.1:8000", "ftp://h/v1", "http://", "http:///v1", "http://h:0/", "http://h:99999/"),
        *("http://[::1/v1", "https://ada:secret@h/v1", "https://h/v1#x"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    """It is refused when the program starts, and what may be a password in it is not repeated."""
    with pytest.raises(argparse.ArgumentError) as caught:
        settings("--upstream", text)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "local", "readable", "azure"),
    [
        ("http://127.0.0.1:8000", True, False, False),
        ("http://127.8.8.8", True, False, False),
        ("http://localhost:8000", True, False, False),
        ("http://[::1]:8000", True, False, False),
        ("http://gpu-box:8000", False, True, False),
        ("http://10.0.0.7:8000", False, True, False),
        ("https://h", False, False, False),
        ("https://a.openai.azure.com/openai/v1", False, False, True),
        ("https://azure.com.evil.example", False, False, False),
    ],
)
def test_where_an_address_leads(text: str, *, local: bool, readable: bool, azure: bool) -> None:
    """This machine needs no proxy; plain http to another can be read; Azure has a header of its own."""
    address = to_address(text)

    assert (address.is_local, address.is_readable, address.is_azure) == (local, readable, azure)


def test_all_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come to settings; the key is taken out of the environment, and shown nowhere."""
    monkeypatch.setenv("ENGINE_KEY", f" {KEY}\n")

    found = settings(
        *("--upstream", LOCAL, "--upstream-model", "m", "--upstream-key-env", "ENGINE_KEY"),
        *("--upstream-adapters", "vision=v, speech=s", "--upstream-timeout", "7"),
    )

    assert found == UpstreamSettings(
        address=to_address(LOCAL),
        model="m",
        adapters=Adapters(vision="v", speech="s"),
        key=KEY,
        silence=7.0,
    )
    assert "ENGINE_KEY" not in os.environ
    assert KEY not in repr(found)


def test_without_an_engine() -> None:
    """Another model answers; options for an engine that is not there are a mistake."""
    assert settings() is None
    with pytest.raises(argparse.ArgumentTypeError, match="--upstream-model needs --upstream"):
        settings("--upstream-model", "m")


@pytest.mark.parametrize("value", ["k\u00e9", "a\nb"])
def test_a_key_that_no_header_can_have(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It is said what is wrong with it, and not that there is none; its value is not shown."""
    monkeypatch.setenv("ENGINE_KEY", value)

    with pytest.raises(
        argparse.ArgumentTypeError, match=r"key in ENGINE_KEY has characters that are not printable ASCII$"
    ):
        settings("--upstream", LOCAL, "--upstream-key-env", "ENGINE_KEY")


@pytest.mark.parametrize("pasted", [KEY, "0123456789abcdef", "deadbeef01", "A" * 84, "Sk_Proj1", ""])
def test_a_key_in_place_of_a_name(pasted: str) -> None:
    """One that was pasted is not repeated, and it is said what belongs there."""
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        settings("--upstream", LOCAL, "--upstream-key-env", pasted)

    assert "give a variable's name, and not the key" in str(caught.value)
    assert not pasted or pasted not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """A variable that holds no key is named, and its value is not shown."""
    monkeypatch.delenv("ENGINE_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("ENGINE_KEY", value)

    with pytest.raises(argparse.ArgumentTypeError, match=r"ENGINE_KEY holds no key in the environment$"):
        settings("--upstream", LOCAL, "--upstream-key-env", "ENGINE_KEY")


@pytest.mark.parametrize("text", ["", "v", "vision=", "video=v", "vision=a,vision=b", "vision=a;speech=b,"])
def test_what_are_no_adapters(text: str) -> None:
    """They are refused when the program starts."""
    with pytest.raises(argparse.ArgumentError, match="must be vision=NAME, speech=NAME or both"):
        settings("--upstream", LOCAL, "--upstream-adapters", text)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_what_is_no_timeout(text: str) -> None:
    """It is refused when the program starts."""
    with pytest.raises(argparse.ArgumentError):
        settings("--upstream", LOCAL, "--upstream-timeout", text)


@pytest.mark.parametrize(
    ("url", "warned"), [(LOCAL, False), ("http://gpu-box:8000", True), ("https://gpu-box", False)]
)
def test_a_key_that_others_can_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, *, warned: bool
) -> None:
    """Sent over plain http to another machine, it is warned of."""
    monkeypatch.setenv("ENGINE_KEY", KEY)

    settings("--upstream", url, "--upstream-key-env", "ENGINE_KEY")

    shown = capsys.readouterr().err
    assert ("gpu-box:8000 over plain http" in shown) is warned
    assert KEY not in shown
