"""The address of an engine, as far as a Space is to reach it: what is refused, and what is warned of."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from phi4_server.deploy.failure import invalid
from phi4_server.upstream.address import to_address

_PRIVATE_NAMES = re.compile(
    r"[^.]+|(?:.+\.)?(?:localhost|localdomain|local|internal|intranet|lan|home|corp|home\.arpa|test|invalid)"
)
"""Names that no public DNS has: those without a dot, and those of networks and of tests."""
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
"""What ends in a number is no name, but an address, of which programs read more forms than Python does."""
_QUERY = {"api-version"}
"""What a query may hold. It is uploaded, and a key may be in anything else."""


def check_upstream(url: str) -> None:
    """Makes sure that a Space can reach an engine at this address, and that everybody may read the address.

    Raises:
        DeployFailed: It is no address, or one of this machine or its network, or its query may hold a key.
    """
    try:
        parts = to_address(url).url
    except ValueError as wrong:
        raise invalid(f"--upstream: the address {wrong}") from None
    name = (parts.hostname or "").rstrip(".")
    if not _is_global(name):
        raise invalid(
            f"A Space on Hugging Face cannot reach {name}, which is of this machine or network",
            "Give the engine an address on the internet, with TLS and a key (--upstream-key-env).",
        )
    if any(key.lower() not in _QUERY for key, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise invalid(
            "--upstream: the address has a query with more than api-version, which would be uploaded and "
            "could be read by everybody who sees the Space",
            "Leave it out; a key goes into an environment variable: --upstream-key-env NAME.",
        )


def warnings(url: str, *, has_key: bool) -> Iterator[str]:
    """What whoever puts it behind a Space should know, in sentences."""
    address = to_address(url)
    if address.is_readable:
        what = "the chats and the key are" if has_key else "the chats are"
        yield f"Note: {what} sent to {address.host} over plain http, where others on the way can read them."
    if not has_key:
        yield (
            f"Note: {address.host} is asked without a key (--upstream-key-env), so whoever finds that "
            "address can use the engine."
        )


def _is_global(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_global
    except ValueError:
        return not (_PRIVATE_NAMES.fullmatch(name) or _NUMBER.fullmatch(name))
