"""Runs the plain apps: `python tests/spaces/plain.py NAME ...`

Each is launched on a free port, and its name and URL are printed. Further names may come on stdin, a line
each; when that closes, all end.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
import chat_interfaces  # after the line above: some versions call home when Gradio is imported
import gradio as gr
import two_steps
import uvicorn
from fastapi import FastAPI
from gradio.context import Context

LOGIN = ("ada", "lovelace")
_LOOK_EVERY = 0.02
"""Seconds between two looks at a queue. Gradio 6 looks each millisecond, and two dozen apps that nobody
asks would take a core and a half from the tests."""


def launched(app: Callable[[], gr.Blocks], **options: Any) -> str:
    """Gradio's own way."""
    page, port = _rested(app()), _free_port()
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_port=port, **options)
    return str(url)


def mounted(app: Callable[[], gr.Blocks]) -> str:
    """In a web application of the author's, under a path."""
    port = _free_port()
    site = gr.mount_gradio_app(FastAPI(), _rested(app()), path="/chat")
    server = uvicorn.Server(uvicorn.Config(site, port=port, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{port}/chat/"


def _rested(app: gr.Blocks) -> gr.Blocks:
    app._queue.sleep_when_free = _LOOK_EVERY
    return app


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


_USUAL = (
    *(chat_interfaces.assistant, chat_interfaces.dino, chat_interfaces.words, chat_interfaces.picture),
    *(
        chat_interfaces.thinker,
        chat_interfaces.pondering,
        chat_interfaces.messages,
        chat_interfaces.painter,
        chat_interfaces.tabs,
    ),
    chat_interfaces.dictated,
    *(chat_interfaces.slow, chat_interfaces.busy, chat_interfaces.hidden, chat_interfaces.failing),
    *(two_steps.demo, two_steps.pictures, two_steps.generator, two_steps.settings, two_steps.user_and_bot),
    *(two_steps.several, two_steps.illustrator, two_steps.two_chatbots, two_steps.tuples),
)
APPS: Mapping[str, Callable[[], str]] = {
    **{app.__name__: partial(launched, app) for app in _USUAL},
    "gallery": lambda: launched(chat_interfaces.painter, allowed_paths=["."]),
    "locked": lambda: launched(chat_interfaces.words, auth=LOGIN),
    "mounted": lambda: mounted(chat_interfaces.words),
}


def main() -> None:
    """Launches one app after the other, as their names come."""
    os.chdir(Path(__file__).parent)  # where an app finds its files, on the Hub too
    for line in itertools.chain(sys.argv[1:], sys.stdin):
        name = line.strip()
        Context.id = 0  # each app numbers its parts as in a process of its own
        print(name, APPS[name](), flush=True)  # noqa: T201 - for whoever started it
    os._exit(0)  # no matter what still streams


if __name__ == "__main__":
    main()
