"""The sessions that a Space keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from gradio.state_holder import SessionState

from phi4_server import Message
from phi4_server.app import build
from phi4_server.bounds import Bounds
from phi4_server.queue import FairQueue
from phi4_server.sessions import Sessions
from phi4_server.storage import Storage

pytestmark = pytest.mark.anyio


class Nobody:
    """Is never asked."""

    name = "Nobody"
    nature = "It says nothing."

    def stream(self, _chat: Sequence[Message]) -> Any:
        raise AssertionError


def kept(bounds: Bounds) -> Sessions:
    """A page's store of sessions."""
    page = build(Nobody())
    sessions = Sessions(cast("FairQueue", page._queue), Storage(bounds), bounds)
    sessions.set_blocks(page)
    return sessions


async def test_a_new_session_holds_nothing_of_the_page() -> None:
    """However large the page is, Gradio's description of it is not made and kept for each who comes."""
    sessions = kept(Bounds())
    session = sessions["s"]
    assert sessions["s"] is session
    assert getattr(session, "config_values", {}) == {}  # early versions have none
    assert session.blocks_config.blocks == sessions.blocks.blocks


async def test_a_session_stays_while_it_is_used() -> None:
    """The first message of a chat finds its session again: it held nothing, and others came meanwhile."""
    sessions = kept(Bounds(sessions=2))

    async def file_message(*, session_hash: str) -> SessionState:
        session = sessions[session_hash]
        for number in range(5):
            assert sessions[f"other {number}"]
        return session

    session = await sessions.kept_during(file_message)(session_hash="s")
    assert sessions["s"] is session
    assert [*sessions.session_data] == ["other 4", "s"]
    assert await file_message(session_hash="s") is not sessions["s"]
