"""Who may use a server: everybody on this machine, whoever has the login, and nobody else by mistake."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import cast

import httpx
import pytest
from gradio_client import Client
from servers import ROOT

from phi4_server import login, running_space
from phi4_server.__main__ import main
from phi4_space import AuthenticationFailed, SpaceClient

LOGIN = {"username": "ada", "password": "love:lace"}


def parsed(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    login.add_options(parser)
    return parser.parse_args(arguments)


class Listener:
    """A socket that says where it listens."""

    def __init__(self, host: str) -> None:
        """Opens nothing."""
        self._host = host

    def getsockname(self) -> tuple[str, int]:
        return self._host, 7860


class Terminal(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


def settled(*arguments: str, host: str) -> bool:
    options = parsed(*arguments)
    options.auth = login.credentials(options)
    return login.is_settled(options, cast("socket.socket", Listener(host)))


def test_a_login_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password may have colons; the variable is gone, so that no child of the server has it."""
    monkeypatch.setenv("PHI4_LOGIN", "ada:love:lace")
    assert login.credentials(parsed("--auth-env", "PHI4_LOGIN")) == ("ada", "love:lace")
    assert "PHI4_LOGIN" not in os.environ
    assert login.credentials(parsed("--auth", "ada:love:lace")) == ("ada", "love:lace")
    assert login.credentials(parsed()) is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--auth", "ada"], "--auth: must be a name, a colon and a password"),
        (["--auth", ":secret"], "--auth: must be"),
        (["--auth", "secret:"], "--auth: must be"),
        (["--auth-env", "PHI4_LOGIN"], "--auth-env: PHI4_LOGIN must be a name, a colon and a password"),
        (["--auth", "a:secret", "--no-auth"], "not allowed with"),
        (["--auth", "a:secret", "--auth-env", "PHI4_LOGIN"], "not allowed with"),
    ],
)
def test_wrong_logins(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A login that is none ends the command with 2, and is not repeated."""
    monkeypatch.setenv("PHI4_LOGIN", "secret")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    complained = capsys.readouterr().err
    assert complaint in complained
    assert "secret" not in complained


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1"])
def test_this_machine_needs_no_login(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What only this machine can reach is served without a word."""
    assert settled(host=host)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("0.0.0.0", "any address of this machine, port 7860"),  # noqa: S104
        ("::", "any address of this machine, port 7860"),
        ("192.168.1.20", "192.168.1.20, port 7860"),
    ],
)
def test_who_may_come_is_said(host: str, where: str) -> None:
    """With a login as well: at which address others reach the server, and which of them may use it."""
    with_login, without = parsed("--auth", "ada:love"), parsed("--no-auth")
    listener = cast("socket.socket", Listener(host))

    assert login.reach(with_login, listener) == (
        f"Other machines can reach it at {where}: whoever has the login may use it"
    )
    assert login.reach(without, listener) == (
        f"Other machines can reach it at {where}: anybody, for there is no login, may use it"
    )


def test_a_server_for_this_machine_says_nothing_of_others() -> None:
    """There is nobody to speak of."""
    assert login.reach(parsed(), cast("socket.socket", Listener("127.0.0.1"))) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "fd00::1", "::ffff:127.0.0.1"])  # noqa: S104
@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_others_are_let_in_on_purpose(
    host: str,
    typed: str,
    answer: bool,  # noqa: FBT001  what pytest hands over
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where others can come, a login or --no-auth is asked for; a person may decide, and must say yes."""
    assert settled("--no-auth", host=host)
    assert settled("--auth", "ada:secret", host=host)
    assert capsys.readouterr().err == ""

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert settled(host=host) is answer
    assert "anybody who can reach port 7860" in capsys.readouterr().err


@pytest.mark.parametrize("stdin", [None, io.StringIO("y\n")])
def test_nobody_to_ask(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal the answer is no, whatever comes in there."""
    monkeypatch.setattr(sys, "stdin", stdin)
    assert not settled(host="0.0.0.0")  # noqa: S104
    assert "[y/N]" not in capsys.readouterr().err


def test_not_started() -> None:
    """A server without a login, and with nobody to ask, says which options there are, and ends with 1."""
    command = [sys.executable, "-m", "phi4_server", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    ended = subprocess.run(  # noqa: S603  this very command
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "There is no login" in ended.stderr
    assert "--auth-env asks for a login, and --no-auth serves everybody" in ended.stderr


@pytest.fixture
def url(gradio_python: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Space with a login, that may be called by another name."""
    monkeypatch.setenv("PHI4_LOGIN", "ada:love:lace")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [
        gradio_python,
        "-m",
        "phi4_server",
        "--auth-env",
        "PHI4_LOGIN",
        "--allowed-host",
        "Gpu-Box.lan",
    ]
    with running_space(command, variables=["PHI4_LOGIN"]) as url:
        yield url


def test_a_login_is_asked_for(url: str) -> None:
    """Without it, nothing is answered but the page that asks for it; with it, every client has its way."""
    with httpx.Client(base_url=url, trust_env=False, headers={"host": "gpu-box.lan:80"}) as stranger:
        for method, path in [
            ("GET", "/config"),
            ("GET", "/gradio_api/info"),
            ("GET", "/gradio_api/queue/data?session_hash=s"),
            ("GET", "/gradio_api/file=/x"),
            ("POST", "/gradio_api/upload"),
            ("POST", "/gradio_api/run/process_message"),
            ("POST", "/gradio_api/queue/join"),
            ("POST", "/gradio_api/call/bot_response"),
        ]:
            body = {"data": [], "session_hash": "s", "fn_index": 10} if method == "POST" else None
            assert stranger.request(method, path, json=body).status_code == 401, path
        assert '"auth_required":true' in stranger.get("/").text
        assert stranger.post("/login", data={**LOGIN, "password": "love"}).status_code == 400
        assert (
            stranger.post("/login", data=LOGIN, headers={"origin": "http://evil.example"}).status_code == 403
        )

    with SpaceClient(url) as space, pytest.raises(AuthenticationFailed, match="cookies of a login"):
        space.reply("Who are you?")
    cookies = dict(httpx.post(f"{url}/login", data=LOGIN, trust_env=False).cookies)
    with SpaceClient(url, cookies=cookies) as space:
        assert "offline" in space.reply("Who are you?").text.lower()

    theirs = Client(
        url, auth=("ada", "love:lace"), download_files=False, verbose=False, analytics_enabled=False
    )
    history, _ = theirs.predict(
        history=[], message={"text": "Who are you?", "files": []}, api_name="/process_message"
    )
    assert "offline" in str(theirs.predict(history=history, api_name="/bot_response")).lower()
    theirs.close()
