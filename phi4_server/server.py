"""A Space on a socket until it is told to stop. Knows no page, no model and no command line."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from functools import partial
from types import FrameType
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from phi4_server import mcp_tool
from phi4_server.admission import Admission
from phi4_server.bounds import DEFAULTS, Bounds
from phi4_server.connections import Connection, room_for
from phi4_server.ending import Ending
from phi4_server.key_guard import KeyGuard
from phi4_server.openai_api import routes
from phi4_server.openai_api.routes import OpenAIApi
from phi4_server.openai_api.shape import ErrorShape
from phi4_server.page import EXAMPLES
from phi4_server.sessions import keep_sessions
from phi4_server.shares import Shares
from phi4_server.turns import Turns
from phi4_server.web_security import WebSecurity

GRACE_S = 1
"""How long streams that are still open may go on after the word to stop."""


class Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and that ends even when a model does not."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Ending) -> None:
        """Calls `ready` once requests are answered; `ending` has the status of an end by force."""
        super().__init__(config)
        self._ready, self._ending = ready, ending

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
        self._ending.by_force(self._ending.status)


def serve(  # noqa: PLR0913 - what the command offers, by keyword
    page: gr.Blocks,
    *,
    listener: socket.socket,
    ready: Callable[[], None],
    bounds: Bounds = DEFAULTS,
    show_error: bool = True,
    with_parent: bool = False,
    auth: tuple[str, str] | None = None,
    allowed_hosts: Collection[str] = (),
    middleware: Callable[[Any], Any] | None = None,
    openai_api: Turns | None = None,
    api_key: str | None = None,
    mcp: bool = False,
    ending: Ending | None = None,
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
        auth: The name and password that the page and its clients log in with; None lets everybody in.
        allowed_hosts: Names by which requests may reach this server, beside localhost and its addresses.
        middleware: ASGI middleware of the model's own, next to Gradio.
        openai_api: Have the model answer OpenAI's API too; None leaves that out.
        api_key: The key that programs other than the page's clients need; None lets everybody in.
        mcp: Whether the page is an MCP server too; `phi4_server.app.build` has to have made a tool for it.
        ending: Keeps why it was stopped, if a person did not stop it.

    Raises:
        KeyboardInterrupt: It was stopped by a signal, whose handler raises that.
    """
    os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # Gradio 6 would keep every chat in the browser
    api = openai_api and OpenAIApi(openai_api, show_error=show_error)
    one_tool: AbstractContextManager[dict[str, Any]] = (
        mcp_tool.only_tool(page, address(listener)) if mcp else nullcontext(mcp_tool.OFF)
    )
    with redirect_stdout(io.StringIO()), one_tool as arguments:  # Gradio 5.50 prints a forgotten line here
        app = gr.mount_gradio_app(
            FastAPI(openapi_url=None, routes=api.routes if api else None),
            page,
            path="/",
            app_kwargs={"openapi_url": None},
            auth=auth,
            allowed_paths=[str(EXAMPLES)],
            show_error=show_error,
            max_file_size=bounds.file,
            ssr_mode=False,
            **arguments,
        )
    mount: Any = app.routes[-1]
    mount.app.debug = False  # Gradio 5.20 shows strangers the traceback of what fails in itself
    # Gradio's own check of the files that clients name waits for its `launch`, which alone sets this.
    page.has_launched = True
    keep_sessions(page, app, bounds)
    config = uvicorn.Config(
        _guarded(
            app if middleware is None else middleware(app),
            bounds=bounds,
            allowed_hosts=allowed_hosts,
            apis=[*([routes] if api else []), *([mcp_tool] if mcp else [])],
            api_key=api_key,
        ),
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        http=partial(Connection, shares=Shares(room_for(bounds.connections))),  # type: ignore[arg-type]
        ws="none",
    )
    server = Server(config, ready, ending or Ending())
    if with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=[server], daemon=True).start()
    server.run(sockets=[listener])


def address(listener: socket.socket) -> str:
    """The URL at which this machine reaches a server."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  names it, binds nothing
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _guarded(
    app: Any, *, bounds: Bounds, allowed_hosts: Collection[str], apis: Sequence[Any], api_key: str | None
) -> Any:
    """All that a request passes before `app`, in that order.

    Args:
        app: What answers.
        bounds: How much is taken.
        allowed_hosts: Names of the server.
        apis: The rooms of the APIs for other programs that are on; each says what is `OPEN` there.
        api_key: The key that they need.
    """
    app = Admission(app, bounds=bounds, inline=[path for api in apis for path in api.INLINE])
    if api_key is not None:
        app = KeyGuard(app, key=api_key, paths=[api.PREFIX for api in apis])
    app = WebSecurity(app, allowed_hosts, [api.OPEN for api in apis])
    return ErrorShape(app, prefix=routes.PREFIX) if routes in apis else app


def _stop_at_end_of_input(server: Server) -> None:
    sys.stdin.buffer.read()
    server.handle_exit(signal.SIGTERM, None)
