"""Where the contract is put to the test: on cassettes, or at a Space that runs. Knows the client's doors.

The same test plays a recorded Space with the network off, records it anew, or asks one that runs now.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from servers import ROOT, Servers, program
from tape import playing, recording, source_of
from tidy import HOME, Tidy, files_of
from vcr.errors import CannotOverwriteExistingCassetteException

from phi4_space import SpaceClient
from phi4_space._environment import Environment
from phi4_space._net.certificates import ssl_context

CASSETTES = ROOT / "cassettes"
VERSIONS = ("5.20.1", "5.50.0", "6.31.0")
"""The Gradios that cassettes are recorded under: the public Space's, the last 5, and the newest 6."""


@dataclass(frozen=True, slots=True)
class Venue:
    """One of the places where a test runs.

    Attributes:
        name: What it is called in the test's id.
        cassettes: The folder to play from or to record to; None to do neither.
        python: The interpreter that serves a Space of our own.
        space: Somebody else's Space, as a client takes it.
    """

    name: str
    cassettes: Path | None = None
    python: str | None = None
    space: str | None = None

    @property
    def plays(self) -> bool:
        """Whether nothing runs there, so that the network stays off."""
        return self.python is None and self.space is None


def venues(
    gradios: Sequence[str], *, record: bool, space: str | None, anywhere: bool, newest: bool = False
) -> list[Venue]:
    """The places where a test runs.

    Args:
        gradios: Gradios to run live, each as "VERSION=PYTHON"; the tests' own when there are none.
        record: Whether to record, instead of playing.
        space: The Space of somebody else's to record.
        anywhere: Whether the test holds for any Space, not only for our own.
        newest: Whether a cassette of the newest Gradio will do, and a live Space is asked on demand only:
            for what the contract of the Space does not decide.
    """
    live = [Venue(name, python=python) for name, _, python in (told.partition("=") for told in gradios)]
    if newest:
        recorded = Venue(VERSIONS[-1], CASSETTES / VERSIONS[-1])
        if record:
            return [replace(recorded, python=one.python) for one in live if one.name == recorded.name]
        return [recorded, *(replace(one, name=f"live-{one.name}") for one in live)]
    if space is not None:
        folder = CASSETTES / "live" / space.split("://")[-1].replace("/", "--").replace(":", "-")
        return [Venue(space, folder, space=space)] if anywhere else []
    if record:
        return [Venue(one.name, CASSETTES / one.name, one.python) for one in live]
    others = sorted((CASSETTES / "live").glob("*")) if anywhere else []
    played = [*(CASSETTES / version for version in VERSIONS), *others]
    return [
        *(Venue(folder.name, folder) for folder in played),
        *(
            Venue(f"live-{one.name}", python=one.python)
            for one in live or [Venue("own", python=sys.executable)]
        ),
    ]


@dataclass
class Listener(httpx.AsyncBaseTransport):
    """Carries requests and keeps them.

    Attributes:
        heard: The requests, in the order in which they were sent.
    """

    heard: list[httpx.Request] = field(default_factory=list)
    _carriers: dict[asyncio.AbstractEventLoop, httpx.AsyncHTTPTransport] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """What was asked, by the last word of its path."""
        return [request.url.path.rpartition("/")[2] for request in self.heard]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.heard.append(request)
        request.headers["accept-encoding"] = "identity"  # a cassette is there to be read
        try:
            return await self._carrier().handle_async_request(request)
        except CannotOverwriteExistingCassetteException as exc:
            pytest.fail(str(exc))  # which no client takes for an answer, as it would any other exception

    def _carrier(self) -> httpx.AsyncHTTPTransport:
        """The running loop's own: connections belong to loops."""
        loop = asyncio.get_running_loop()
        if loop not in self._carriers:
            self._carriers[loop] = httpx.AsyncHTTPTransport(verify=ssl_context())
        return self._carriers[loop]

    async def aclose(self) -> None:
        if carrier := self._carriers.pop(asyncio.get_running_loop(), None):
            await carrier.aclose()


@dataclass
class Unrecorded(Listener):
    """Carries nothing: a test that asks nothing needs no cassette.

    Attributes:
        path: The cassette that there is not.
    """

    path: Path = field(kw_only=True)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - see there
        pytest.fail(f"{self.path} was never recorded; docs/recording.md tells how")


@dataclass
class Clock:
    """A clock that only tests move."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Stage:
    """A Space, recorded or not, and what a client sends it.

    Attributes:
        url: Where it is.
        token: What opens it, if it is closed.
        plays: Whether it is a recorded one.
        endpoint: Which of its contracts clients ask by; None for the best.
        clock: The clients' clock.
        listener: Carries the clients' requests and keeps them.
    """

    url: str
    token: str | None = None
    plays: bool = False
    endpoint: str | None = "process_message"
    clock: Clock = field(default_factory=Clock)
    listener: Listener = field(default_factory=Listener)

    def client(self, **options: Any) -> SpaceClient:
        """A client of the Space; `options` are its arguments."""
        environment = Environment(transport=self.listener, clock=self.clock)
        options = {"endpoint": self.endpoint, **options}
        return SpaceClient(self.url, token=self.token or False, environment=environment, **options)

    @property
    def steps(self) -> list[str]:
        """What was asked; see `Listener.steps`."""
        return self.listener.steps

    def sent(self, step: str) -> list[Any]:
        """What was sent for a step, each time: JSON, with names that are the same on all stages."""
        tidy = Tidy()
        told = [tidy.json(_content(request)) for request in self.listener.heard]
        return [content for content, name in zip(told, self.steps, strict=True) if name == step]

    @asynccontextmanager
    async def crowd(self, size: int) -> AsyncIterator[None]:
        """Has others ask first: one is answered for two seconds, the rest wait.

        Args:
            size: How many; a recorded Space had its own when it was recorded.
        """
        if self.plays:
            yield
            return
        # A name that cassettes do not listen to.
        async with httpx.AsyncClient(base_url=self.url.replace("127.0.0.1", "localhost")) as others:
            queued = [await _join(others, "WAIT 2" if number == 0 else "hi") for number in range(size)]
            while (await others.get("/gradio_api/queue/status")).json()["queue_size"] >= size:
                await anyio.sleep(0.02)
            yield
            for session in queued:
                await others.get("/gradio_api/queue/data", params={"session_hash": session}, timeout=30)


def _content(request: httpx.Request) -> Any:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        return files_of(request.content, kind)
    return json.loads(request.content) if request.content else dict(request.url.params)


async def _join(visitor: httpx.AsyncClient, text: str) -> str:
    session = uuid.uuid4().hex
    call = {"fn_index": 10, "session_hash": session, "data": [[], {"text": text, "files": []}, None]}
    told = await visitor.post("/gradio_api/run/predict", json=call)
    call |= {"fn_index": 11, "data": [told.json()["data"][0], None]}
    while (await visitor.post("/gradio_api/queue/join", json=call)).status_code != httpx.codes.OK:
        await anyio.sleep(0.02)
    return session


@contextmanager
def staged(
    venue: Venue, *, kind: str, tape: str, servers: Callable[[], Servers], token: str | None
) -> Iterator[Stage]:
    """Sets the stage for one test.

    Args:
        venue: Where.
        kind: The kind of Space of our own; see `servers.KINDS`.
        tape: The cassette's name, below the venue's folder.
        servers: Where Spaces of our own run; asked for only where one has to run.
        token: A token for somebody else's Space.

    Raises:
        AssertionError: The test did not ask for all that its cassette holds.
    """
    if venue.cassettes is None:
        assert venue.python is not None
        yield Stage(servers().url(kind, venue.python))
        return
    path = venue.cassettes / f"{tape}.yaml"
    if venue.plays and path.is_file():
        with playing(path):
            yield Stage(source_of(path)["space"], plays=True)
        return
    if venue.plays:
        yield Stage(HOME, plays=True, listener=Unrecorded(path=path))
        return
    if venue.space is not None:
        what = {"space": venue.space, "server": "not ours", "command": "make record-live"}
        stage = Stage(venue.space, token)
    else:
        stage = Stage(servers().url(kind, venue.python or sys.executable))
        what = {"space": stage.url, "server": program(kind), "command": "make record"}
    with recording(path, **what):
        yield stage
