"""What lends ZeroGPU's GPUs, as the package `spaces` asks it: on loopback, without a GPU. Knows no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class DeviceApi:
    """What was asked, and what is answered.

    Attributes:
        url: Its URL.
        asked: The paths that were asked for, in order.
        durations: The seconds that a GPU was asked for.
        left: The seconds that a user's quota has left, where it is used up.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    left: int | None = None

    def answer(self, path: str) -> tuple[int, Any]:
        """A status, and JSON."""
        parts = urlsplit(path)
        self.asked.append(parts.path)
        if parts.path != "/schedule":
            return 200, {}
        self.durations.append(int(parse_qs(parts.query)["durationSeconds"][0]))
        if self.left is not None:
            return 429, {"left": self.left, "wait": 3600}
        is_idle = len(self.durations) > 1  # whether its process of before may go on
        return 200, {"idle": is_idle, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "t"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: DeviceApi

    def log_message(self, *_arguments: object) -> None:
        """Nothing is printed."""

    def do_POST(self) -> None:
        status, body = self.api.answer(self.path)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def running_device_api() -> Iterator[DeviceApi]:
    """One on a free port of this machine, for as long as the block."""
    api = DeviceApi()
    handler = type("Handler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
            with suppress(OSError):
                server.socket.close()
