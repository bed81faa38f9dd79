"""Who may use a server: those who know a password, or everybody where that was chosen. Knows no Gradio."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from ipaddress import ip_address

Credentials = tuple[str, str]
"""A user's name and password."""

_WARNING = (
    "There is no login: anybody who can reach port {} of this machine may use this server and its model."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--auth`, `--auth-env` and `--no-auth`."""
    login = parser.add_mutually_exclusive_group()
    login.add_argument(
        "--auth",
        type=_credentials,
        metavar="USER:PASSWORD",
        help="require this login; other users of this machine can see it in the process list",
    )
    login.add_argument(
        "--auth-env",
        metavar="NAME",
        help="require the login USER:PASSWORD that this environment variable holds",
    )
    login.add_argument(
        "--no-auth",
        action="store_true",
        help="serve everybody, even on an address that other machines can reach",
    )


def credentials(options: argparse.Namespace) -> Credentials | None:
    """The login that was asked for, if any; its environment variable is gone afterwards.

    Raises:
        argparse.ArgumentTypeError: The variable holds none.
    """
    if options.auth_env is not None:
        if options.auth_env not in os.environ:
            raise argparse.ArgumentTypeError("is not set in the environment")
        return _credentials(os.environ.pop(options.auth_env))
    given: Credentials | None = options.auth
    return given


def is_settled(options: argparse.Namespace, listener: socket.socket) -> bool:
    """Whether it is known who may use the server: it is for this machine alone, has a login, or needs none.

    If not, whoever sits at the terminal is asked; where there is none, the answer is no.
    """
    host, port = listener.getsockname()[:2]
    if options.no_auth or options.auth or ip_address(host).is_loopback:
        return True
    sys.stderr.write(_WARNING.format(port) + "\n")
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    sys.stderr.write("Serve everybody? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def reach(options: argparse.Namespace, listener: socket.socket) -> str | None:
    """Which other machines can come, and who of them may use the server; None where none can.

    Args:
        options: What was asked for, `auth` being the login.
        listener: The server's socket.
    """
    host, port = listener.getsockname()[:2]
    address = ip_address(host)
    if address.is_loopback:
        return None
    where = f"any address of this machine, port {port}" if address.is_unspecified else f"{host}, port {port}"
    who = "whoever has the login" if options.auth else "anybody, for there is no login,"
    return f"Other machines can reach it at {where}: {who} may use it"


def _credentials(text: str) -> Credentials:
    user, _, password = text.partition(":")
    if not user.strip() or not password:
        raise argparse.ArgumentTypeError("must be a name, a colon and a password")
    return user.strip(), password
