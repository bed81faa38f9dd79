"""A small Hub on loopback that holds one model: what huggingface_hub asks when it fetches one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c0ffee" + "0" * 34


@dataclass
class ModelHub:
    """What it holds, and how it misbehaves.

    Attributes:
        name: The model's, OWNER/NAME.
        folder: Its files.
        url: Where the Hub is.
        refusals: A status and an X-Error-Code for methods and paths that contain a text.
        cut: Files whose body ends after so many bytes, as the connection breaks.
        calls: Each method, path, and Range or Authorization, as they came.
    """

    name: str
    folder: Path
    url: str = ""
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)

    def fetched(self) -> list[str]:
        """The files that were asked for, in order."""
        prefix = f"/{self.name}/resolve/{COMMIT}/"
        return [
            path.removeprefix(prefix) for method, path, *_ in self.calls if method == "GET" and prefix in path
        ]

    @property
    def files(self) -> dict[str, Path]:
        """All files, by name."""
        found = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}


@contextmanager
def serving(name: str, folder: Path) -> Iterator[ModelHub]:
    """Serves a folder as a model on a Hub."""
    hub = ModelHub(name, folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ModelHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0].replace("%2F", "/")
        hub.calls.append((self.command, path, self.headers["Range"], self.headers["Authorization"]))
        for text, (status, code) in hub.refusals.items():
            if text in f"{self.command} {path}":
                return self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})
        if re.fullmatch(rf"/api/models/{hub.name}(/revision/(main|v1|{COMMIT}))?", path):
            return self._send(200, json.dumps(self._info()).encode())
        if path.startswith(f"/api/models/{hub.name}/revision/"):
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        found = re.fullmatch(rf"/{hub.name}/resolve/(?:main|v1|{COMMIT})/(.+)", path)
        if found and found[1] in hub.files:
            return self._send_file(found[1])
        return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound" if found else "RepoNotFound"})

    def _info(self) -> dict[str, Any]:
        files = [{"rfilename": name, "size": file.stat().st_size} for name, file in self.hub.files.items()]
        return {
            "_id": "1",
            "id": self.hub.name,
            "sha": COMMIT,
            "siblings": files,
            "tags": [],
            "private": False,
        }

    def _send_file(self, name: str) -> None:
        content = self.hub.files[name].read_bytes()
        start = int(re.sub(r"\D", "", self.headers["Range"] or "0") or 0)
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206 if start else 200, content[start:], headers, most=self.hub.cut.get(name))

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, most: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in {"Accept-Ranges": "bytes", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:most])
        if most is not None and most < len(body):
            self.close_connection = True
