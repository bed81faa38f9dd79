"""What lies behind URLs, without a network. Knows where the client loads them; no pictures, no Space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import httpx
import pytest

from phi4_space._net.fetch import fetch

Serve = Callable[[httpx.Request], httpx.Response]


def on_the_web(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    """Has all clients load URLs from here; their policy holds, only names and the wire are missing."""
    loading = partial(fetch, resolve=_resolve, open_transport=lambda: httpx.MockTransport(serve))
    monkeypatch.setattr("phi4_space._turn.files.fetch", loading)


async def _resolve(_host: str, _port: int) -> Sequence[str]:
    return ["93.184.215.14"]
