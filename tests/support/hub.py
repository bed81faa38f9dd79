"""A Hub on loopback: all that huggingface_hub asks for when a Space is made and started. Knows no client.

It notes every request, and what it holds afterwards can be looked at. What its Spaces go through is given as
`stages`, one for each look; the last one stays.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OWNER = "ada"
Reply = tuple[int, Any, Mapping[str, str]]
"""A status, a body and headers."""


@dataclass(frozen=True)
class Request:
    """A request that came.

    Attributes:
        line: Its method and its path, without the query.
        token: What came as its Authorization.
        body: Its JSON, lines of JSON, or None.
    """

    line: str
    token: str | None
    body: Any


@dataclass
class HubSpace:
    """A Space that the Hub holds.

    Attributes:
        files: Its files' contents.
        private: Whether it is private.
        sdk: Its kind.
        hardware: What it runs on.
        requested: What it is to run on.
        secrets: Its secrets.
        commit: Its newest commit.
        commits: How many there are: one, where nobody has changed what the Hub created.
        running: The commit that it runs.
        stages: What it goes through, one for each look.
        host: Where it answers.
        error: What the Hub says is wrong with it.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False
    sdk: str = "gradio"
    hardware: str | None = None
    requested: str | None = "cpu-basic"
    secrets: dict[str, str] = field(default_factory=dict)
    commit: str = "0" * 40
    commits: int = 2
    running: str | None = None
    stages: list[str] = field(default_factory=lambda: ["RUNNING"])
    host: str = ""
    error: str = ""


@dataclass
class FakeHub:
    """A running Hub.

    Attributes:
        url: Its URL.
        spaces: Its Spaces, by name.
        models: What it says of its models, by name.
        requests: What it was asked.
        refusals: What it answers instead, where a pattern is found in a request's line; each once.
        lasting: The same, for good.
        stages: What a Space goes through after an upload.
        names_commits: Whether it says which commit a Space runs.
        build_log: The lines of every build.
        run_log: The lines of every program.
        role: What its only token may do.
        is_pro: Whether its only account pays.
        host: Where its new Spaces answer.
    """

    url: str = ""
    spaces: dict[str, HubSpace] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    refusals: dict[str, Reply] = field(default_factory=dict)
    lasting: dict[str, Reply] = field(default_factory=dict)
    stages: list[str] = field(default_factory=lambda: ["BUILDING", "APP_STARTING", "RUNNING"])
    names_commits: bool = True
    build_log: list[str] = field(default_factory=lambda: ["Collecting av==18.1.0", "Done"])
    run_log: list[str] = field(default_factory=list)
    role: str = "write"
    is_pro: bool = False
    host: str = ""

    def lines(self) -> list[str]:
        """What it was asked to change, in order."""
        return [request.line for request in self.requests if not request.line.startswith("GET")]

    def answer(self, request: Request) -> Reply:
        """Its answer to a request."""
        self.requests.append(request)
        for pattern in [pattern for pattern in self.refusals if re.search(pattern, request.line)]:
            return self.refusals.pop(pattern)
        for pattern, reply in self.lasting.items():
            if re.search(pattern, request.line):
                return reply
        if request.token != "Bearer hf_secret":
            return refusal(401, "Invalid credentials in Authorization header")
        for pattern, handler in _ROUTES.items():
            if found := re.fullmatch(pattern, request.line):
                return handler(self, request.body, *found.groups())
        return refusal(501, f"not made: {request.line}")

    def _whoami(self, _body: Any) -> Reply:
        token = {"role": self.role, "displayName": "test"}
        auth = {"type": "access_token", "accessToken": token}
        return ok({"type": "user", "name": OWNER, "isPro": self.is_pro, "orgs": [], "auth": auth})

    def _validate(self, _body: Any) -> Reply:
        return ok({"warnings": [], "errors": []})

    def _create(self, body: Mapping[str, Any]) -> Reply:
        name = f"{body.get('organization') or OWNER}/{body['name']}"
        if name in self.spaces:
            return refusal(409, "You already created this space repo")
        self.spaces[name] = HubSpace(
            files={".gitattributes": b"*.wav filter=lfs", "README.md": b"---\nsdk: gradio\n---\n"},
            private=body.get("visibility") == "private" or bool(body.get("private")),
            requested=body.get("hardware", "cpu-basic"),
            secrets={secret["key"]: secret["value"] for secret in body.get("secrets", ())},
            commits=1,
            stages=["NO_APP_FILE"],
            host=self.host,
        )
        return ok({"url": f"{self.url}/spaces/{name}", "name": name, "id": "1"})

    def _of_model(self, _body: Any, name: str) -> Reply:
        if name not in self.models:
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            return 404, {"error": "Repository not found"}, headers
        return ok({"id": name, "private": False, "gated": False, "tags": [], **self.models[name]})

    def _of_space(self, body: Any, method: str, name: str, rest: str) -> Reply:
        if name not in self.spaces:
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            return 404, {"error": "Repository not found"}, headers
        for pattern, handler in _SPACE_ROUTES.items():
            if found := re.fullmatch(pattern, f"{method} {rest}"):
                return handler(self, name, self.spaces[name], body, *found.groups())
        return refusal(501, f"not made: {method} {rest}")

    def _look_at(self, name: str, space: HubSpace, _body: Any) -> Reply:
        return ok(self._info(name, space))

    def _tree(self, _name: str, space: HubSpace, _body: Any) -> Reply:
        return ok([_entry(path, data) for path, data in space.files.items()])

    def _history(self, _name: str, space: HubSpace, _body: Any) -> Reply:
        commit = {"authors": [], "date": "2026-11-28T00:00:00.000Z", "title": "x", "message": ""}
        return ok([{"id": "0" * 40, **commit} for _ in range(space.commits)])

    def _stage(self, _name: str, space: HubSpace, _body: Any) -> Reply:
        return ok(self._runtime(space))

    def _log(self, _name: str, _space: HubSpace, _body: Any, kind: str) -> Reply:
        return 200, _events(self.build_log if kind == "build" else self.run_log), {}

    def _preupload(self, _name: str, _space: HubSpace, body: Any) -> Reply:
        mode = {"uploadMode": "regular", "shouldIgnore": False}
        return ok({"files": [{"path": one["path"], **mode} for one in body["files"]]})

    def _secret(self, _name: str, space: HubSpace, body: Any) -> Reply:
        space.secrets[body["key"]] = body["value"]
        return ok({})

    def _hardware(self, _name: str, space: HubSpace, body: Any) -> Reply:
        space.requested = body["flavor"]
        space.stages = [*self.stages]
        return ok(self._runtime(space, look=False))

    def _restart(self, _name: str, space: HubSpace, _body: Any) -> Reply:
        space.stages, space.running = [*self.stages], space.commit
        return ok(self._runtime(space, look=False))

    def _settings(self, _name: str, space: HubSpace, body: Any) -> Reply:
        space.private = body.get("visibility") == "private" or bool(body.get("private"))
        return ok({})

    def _commit(self, name: str, space: HubSpace, lines: Any) -> Reply:
        for line in lines:
            match line:
                case {"key": "file", "value": {"path": path, "content": content}}:
                    space.files[path] = base64.b64decode(content)
                case {"key": "deletedFile", "value": {"path": path}}:
                    del space.files[path]
        state = json.dumps(sorted((path, len(data)) for path, data in space.files.items()))
        space.commit = hashlib.sha1(f"{space.commit}{state}".encode(), usedforsecurity=False).hexdigest()
        space.commits += 1
        if space.stages[-1] not in {"PAUSED", "STOPPED"}:
            space.stages = [*self.stages]
        url = f"{self.url}/spaces/{name}/commit/{space.commit}"
        return ok({"success": True, "commitOid": space.commit, "commitUrl": url, "hookOutput": ""})

    def _info(self, name: str, space: HubSpace) -> dict[str, Any]:
        return {
            "id": name,
            "sha": space.commit,
            "private": space.private,
            "sdk": space.sdk,
            "host": space.host,
            "siblings": [{"rfilename": path} for path in space.files],
            "runtime": self._runtime(space, look=False),
            "tags": [],
            "likes": 0,
        }

    def _runtime(self, space: HubSpace, *, look: bool = True) -> dict[str, Any]:
        stage = space.stages.pop(0) if look and len(space.stages) > 1 else space.stages[0]
        if stage == "BUILDING":
            space.running = space.commit
        if stage == "RUNNING" and len(space.stages) == 1:
            space.hardware = space.requested
        return {
            "stage": stage,
            "hardware": {"current": space.hardware, "requested": space.requested},
            "storage": None,
            "gcTimeout": 172800,
            "replicas": {"current": 1, "requested": 1},
            **({"sha": space.running} if self.names_commits else {}),
            **({"errorMessage": space.error} if space.error else {}),
        }


_ROUTES: dict[str, Callable[..., Reply]] = {
    "GET /api/whoami-v2": FakeHub._whoami,
    "POST /api/validate-yaml": FakeHub._validate,
    "POST /api/repos/create": FakeHub._create,
    "GET /api/models/([^/]+/[^/]+)": FakeHub._of_model,
    r"(\w+) /api/spaces/([^/]+/[^/]+)(/.*)?": FakeHub._of_space,
}
_SPACE_ROUTES: dict[str, Callable[..., Reply]] = {
    r"GET (?:None|/revision/\w+)": FakeHub._look_at,
    r"GET /tree/\w+": FakeHub._tree,
    r"GET /commits/\w+": FakeHub._history,
    "GET /runtime": FakeHub._stage,
    r"GET /logs/(\w+)": FakeHub._log,
    r"POST /preupload/\w+": FakeHub._preupload,
    r"POST /commit/\w+": FakeHub._commit,
    "POST /secrets": FakeHub._secret,
    "POST /hardware": FakeHub._hardware,
    "POST /restart": FakeHub._restart,
    "PUT /settings": FakeHub._settings,
}


def ok(body: Any) -> Reply:
    """A success."""
    return 200, body, {}


def refusal(status: int, words: str, **headers: str) -> Reply:
    """An error, as the Hub words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"error": words}, {"X-Error-Message": words, **named}


def _entry(path: str, data: bytes) -> dict[str, Any]:
    if path.endswith(".wav"):  # as the Hub keeps large and binary files
        lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return {"type": "file", "path": path, "size": len(data), "oid": "c" * 40, "lfs": lfs}
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return {"type": "file", "path": path, "size": len(data), "oid": oid}


def _events(lines: list[str]) -> bytes:
    events = ({"data": line, "timestamp": "2026-11-28T00:00:00Z"} for line in lines)
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_arguments: object) -> None:
        """Nothing is printed."""

    def _go(self) -> None:
        raw = self._body()
        body: Any = None
        if raw and "ndjson" in (self.headers.get("Content-Type") or ""):
            body = [json.loads(line) for line in raw.splitlines()]
        elif raw:
            body = json.loads(raw)
        line = f"{self.command} {self.path.partition('?')[0]}"
        status, reply, headers = self.hub.answer(Request(line, self.headers.get("Authorization"), body))
        is_stream = isinstance(reply, bytes)
        data = reply if is_stream else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _go  # noqa: N815  the standard library's names


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_arguments: object) -> None:
        """A client that has left is no error."""


@contextmanager
def running_hub(change: Callable[[FakeHub], None] = lambda _: None) -> Iterator[FakeHub]:
    """A Hub on a free port of this machine, for as long as the block."""
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with _Server(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        change(hub)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
            with suppress(OSError):
                server.socket.close()
