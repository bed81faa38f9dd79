"""A Space on a socket until it is told to stop. Knows no page, no model and no command line."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import redirect_stdout
from functools import partial
from types import FrameType
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from phi4_server.admission import Admission
from phi4_server.bounds import DEFAULTS, Bounds
from phi4_server.connections import Connection, room_for
from phi4_server.page import EXAMPLES
from phi4_server.sessions import keep_sessions
from phi4_server.shares import Shares

GRACE_S = 1
"""How long streams that are still open may go on after the word to stop."""

LAST_RESORT_S = 2
"""When the process ends in any case, though a model may not let go of its thread."""

OWN_ORIGIN = b"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'"
"""What the browser may load. Gradio 5's page asks for fonts and a script of other hosts, which a laptop
without a network waits for; and an answer could name a picture elsewhere, to carry words of the chat out."""

_Message = MutableMapping[str, Any]


class OwnOriginOnly:
    """ASGI middleware that forbids the browser to load anything from another host."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Stands before `app`."""
        self._app = app

    async def __call__(
        self, scope: _Message, receive: Callable[..., Any], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        """Passes everything on, with one header more in each response."""

        async def send_with_policy(message: _Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"content-security-policy", OWN_ORIGIN)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_policy)


class Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and that ends even when a model does not."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        """Calls `ready` once requests are answered."""
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and says so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops on a signal. A thread that a model keeps busy would hold the interpreter back for good."""
        super().handle_exit(sig, frame)
        logging.getLogger("uvicorn.error").setLevel(
            logging.CRITICAL
        )  # each open stream would tell of its end
        last_resort = threading.Timer(LAST_RESORT_S, os._exit, [0])
        last_resort.daemon = True
        last_resort.start()


def serve(
    page: gr.Blocks,
    *,
    listener: socket.socket,
    ready: Callable[[], None],
    bounds: Bounds = DEFAULTS,
    show_error: bool = True,
    with_parent: bool = False,
) -> None:
    """Answers requests until SIGTERM, SIGINT or, if asked, the end of standard input.

    Gradio's own `launch` tries its address over the network first, looks for another port when one is taken,
    and waits for open streams when it is stopped.

    Args:
        page: What to serve.
        listener: The socket to serve on, bound already.
        ready: Called once requests are answered.
        bounds: How much is taken, and how much of it is kept.
        show_error: Whether the text of an unforeseen error is shown to the user.
        with_parent: Whether to stop when standard input ends, as it does when the process that holds it dies.

    Raises:
        KeyboardInterrupt: It was stopped by a signal, whose handler raises that.
    """
    with redirect_stdout(io.StringIO()):  # Gradio 5.50 prints a forgotten line here
        app = gr.mount_gradio_app(
            FastAPI(),
            page,
            path="/",
            allowed_paths=[str(EXAMPLES)],
            show_error=show_error,
            max_file_size=bounds.file,
            ssr_mode=False,
        )
    keep_sessions(page, app, bounds)
    app.add_middleware(Admission, bounds=bounds)  # before those that write headers, since it answers too
    app.add_middleware(OwnOriginOnly)
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        http=partial(Connection, shares=Shares(room_for(bounds.connections))),  # type: ignore[arg-type]
        ws="none",
    )
    server = Server(config, ready)
    if with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=[server], daemon=True).start()
    server.run(sockets=[listener])


def _stop_at_end_of_input(server: Server) -> None:
    sys.stdin.buffer.read()
    server.handle_exit(signal.SIGTERM, None)
