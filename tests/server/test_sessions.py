"""The sessions that a Space keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from phi4_server import Message
from phi4_server.app import build
from phi4_server.bounds import Bounds
from phi4_server.sessions import Sessions
from phi4_server.storage import Storage


class Nobody:
    """Is never asked."""

    name = "Nobody"
    nature = "It says nothing."

    def stream(self, _chat: Sequence[Message]) -> Any:
        raise AssertionError


@pytest.mark.anyio
async def test_a_new_session_holds_nothing_of_the_page() -> None:
    """However large the page is, Gradio's description of it is not made and kept for each who comes."""
    bounds, page = Bounds(), build(Nobody())
    sessions = Sessions(page._queue, Storage(bounds), bounds)  # type: ignore[arg-type]  a FairQueue
    sessions.set_blocks(page)
    session = sessions["s"]
    assert sessions["s"] is session
    assert getattr(session, "config_values", {}) == {}  # early versions have none
    assert session.blocks_config.blocks == page.blocks
