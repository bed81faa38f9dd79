"""The sessions that a Space keeps: how many, and for how long. Knows Gradio's store of them; no sockets."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import gradio as gr
from fastapi import FastAPI, HTTPException
from gradio import routes
from gradio.state_holder import SessionState, StateHolder

from phi4_server.bounds import Bounds
from phi4_server.chat import Entry
from phi4_server.queue import FairQueue
from phi4_server.shares import CLIENT, Shares
from phi4_server.storage import Storage

CLOSED_S = 3600.0
"""How long a session is kept whose page was closed: the page may be opened again."""

LONGEST_NAME = 256
"""Characters; names are the clients' own."""

UNIT = 65_536
"""Bytes of a chat for which a session counts once more; Gradio itself keeps as much for each session."""

UPLOADS_FOLLOWED = 500
"""Uploads whose progress is remembered, for whoever may ask."""

T = TypeVar("T")


def keep_sessions(page: gr.Blocks, app: FastAPI, bounds: Bounds) -> None:
    """Bounds what a served page keeps: its sessions, and the files that are uploaded to it.

    Args:
        page: The page, whose queue is a `FairQueue`.
        app: What Gradio's own app is mounted in, last of all.
        bounds: How much.
    """
    storage = Storage(bounds)
    storage.serve(page)
    sessions = Sessions(cast("FairQueue", page._queue), storage, bounds)  # noqa: SLF001  Gradio has no other way
    sessions.set_blocks(page)
    page.process_api = sessions.kept_during(page.process_api)  # type: ignore[method-assign, assignment]
    app.routes[-1].app.state_holder = sessions  # type: ignore[attr-defined]


class Sessions(StateHolder):
    """Gradio's store of sessions, which lets them go.

    Gradio keeps the newest 10,000, whoever made them, and parts of all that it ever saw.
    """

    def __init__(self, queue: FairQueue, storage: Storage, bounds: Bounds) -> None:
        """Holds none yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._queue = queue
        self._storage = storage
        self._bounds = bounds
        self._shares: Shares[str] = Shares(bounds.sessions)
        self._called: Counter[str | None] = Counter()

    def set_blocks(self, blocks: gr.Blocks) -> None:
        """Belongs to a page."""
        super().set_blocks(blocks)
        self.capacity = sys.maxsize  # which of them goes is decided here

    def __getitem__(self, session_id: str) -> SessionState:
        """A session, new or known. Others may have to give way.

        Raises:
            HTTPException: 400, its name is too long.
        """
        if len(session_id) > LONGEST_NAME:
            raise HTTPException(400, f"A session's name may have {LONGEST_NAME} characters.")
        if session_id not in self.session_data:
            self.session_data[session_id] = _without_page(self.blocks)
        state = super().__getitem__(session_id)
        self._shares.hold(session_id, CLIENT.get(), 1 + _size(state) // UNIT)
        while self._shares.crowded:
            needed = self._queue.busy() | self._called.keys() | {session_id}
            idle = [session for session in self._shares.largest() if session not in needed]
            # A turn of chat_completion leaves a session behind that holds nothing: those go before chats.
            empty = (session for session in idle if not self._holds(session))
            if (oldest := next(empty, next(iter(idle), None))) is None:
                break
            self._forget(oldest)
        return state

    def kept_during(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """Gradio's `process_api`; its session, which may hold nothing yet, does not give way meanwhile."""

        async def process_api(*args: Any, session_hash: str | None = None, **options: Any) -> T:
            self._called[session_hash] += 1
            try:
                return await call(*args, session_hash=session_hash, **options)
            finally:
                self._called -= Counter([session_hash])

        return process_api

    def delete_all_expired_state(self) -> None:
        """Lets go of what nobody needs any more; Gradio calls it every second."""
        super().delete_all_expired_state()  # type: ignore[no-untyped-call]
        now = datetime.now()  # noqa: DTZ005  as Gradio has it
        busy = self._queue.busy()
        for session, used in [*self.time_last_used.items()]:
            state = self.session_data.get(session)
            patience = CLOSED_S if state is not None and state.is_closed else self._bounds.idle
            if now - used > timedelta(seconds=patience) and session not in busy:
                self._forget(session)
        for kept in self._by_session():
            for session in kept.keys() - self.session_data.keys():
                del kept[session]
        self._queue.forget_finished()
        for followed in vars(routes.file_upload_statuses).values():
            while len(followed) > UPLOADS_FOLLOWED:
                followed.pop(next(iter(followed)))
        self._storage.tidy(lambda: {file for state in self.session_data.values() for file in _files(state)})

    def _holds(self, session: str) -> bool:
        """Whether a session holds a chat."""
        state = self.session_data.get(session)
        return state is not None and bool(_size(state))

    def _forget(self, session: str) -> None:
        self._shares.free(session)
        self.session_data.pop(session, None)
        self.time_last_used.pop(session, None)
        for kept in self._by_session():
            kept.pop(session, None)

    def _by_session(self) -> Sequence[MutableMapping[str, Any]]:
        """What Gradio keeps of sessions elsewhere."""
        queue, page = self._queue, self.blocks
        pending = (queue.pending_messages_per_session, queue.pending_event_ids_session)
        return (*pending, page.pending_streams, page.pending_diff_streams)


def _without_page(page: gr.Blocks) -> SessionState:
    """A new session.

    Gradio 5.50 and later describe the whole page for each, so that links can lead to chats; here none does.
    """
    return SessionState(cast("gr.Blocks", SimpleNamespace(default_config=page.default_config, blocks={})))


def _chats(state: SessionState) -> Iterator[Entry]:
    for chat in state.state_data.values():
        yield from chat or ()


def _size(state: SessionState) -> int:
    return sum(sys.getsizeof(text) for entry in _chats(state) for text in (entry["text"], *entry["files"]))


def _files(state: SessionState) -> Iterator[str]:
    for entry in _chats(state):
        yield from entry["files"]
