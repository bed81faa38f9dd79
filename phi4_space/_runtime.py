"""A client's parts, put together from its settings. Knows which part needs which; does none of their work."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import anyio
import httpx

from phi4_space._address import HUB
from phi4_space._config import Settings
from phi4_space._gradio.server import GradioServer
from phi4_space._hub import Hub
from phi4_space._net.certificates import no_certificates, ssl_context
from phi4_space._net.credentials import to_jar
from phi4_space._turn.availability import Availability
from phi4_space._turn.files import FileReader
from phi4_space._turn.run import TurnRunner


def new_session_hash() -> str:
    """A session's name, 128 random bits: it is the only key to what the session holds."""
    return secrets.token_hex(16)


def new_call_id() -> str:
    """A tool call's id."""
    return f"call_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """What a client has from outside the program; tests pass their own.

    Attributes:
        transport: Carries all requests in place of the network.
        clock: Seconds, never going back.
        sleep: Waits for so many seconds.
        new_session_hash: Makes the name of a new session.
        new_call_id: Makes the id of a tool call.
    """

    transport: httpx.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    new_session_hash: Callable[[], str] = new_session_hash
    new_call_id: Callable[[], str] = new_call_id


class Runtime:
    """All that a client is made of. Opens nothing before it is used.

    Args:
        settings: The client's.
        environment: What it has from outside.

    Attributes:
        settings: The client's.
        environment: What it has from outside.
        server: The Space.
        hub: Tells the Space's stage.
        availability: Waits for the Space.
        files: Reads media.
        turns: Takes turns.
    """

    def __init__(self, settings: Settings, environment: Environment) -> None:
        self.settings = settings
        self.environment = environment
        clock = environment.clock
        open_client = partial(_open, settings, environment)
        self.hub = Hub(settings, open_client=partial(open_client, to_space=False))
        self.server = GradioServer(
            settings,
            open_client=partial(open_client, to_space=True),
            clock=clock,
            find_address=self.hub.address,
        )
        self.availability = Availability(self.server, self.hub, clock=clock, sleep=environment.sleep)
        self.files = FileReader(settings)
        self.turns = TurnRunner(
            self.server,
            self.availability,
            self.files,
            clock=clock,
            new_session_hash=environment.new_session_hash,
            new_call_id=environment.new_call_id,
        )

    async def aclose(self) -> None:
        """Closes all connections; the next use opens new ones."""
        await self.server.aclose()
        await self.hub.aclose()


def _open(settings: Settings, environment: Environment, *, to_space: bool) -> httpx.AsyncClient:
    url = settings.address.api_url if to_space else HUB
    route = settings.route(url)
    if environment.transport is not None:
        route = replace(route, trust_env=False)
    return httpx.AsyncClient(
        transport=environment.transport,
        proxy=route.proxy(),
        trust_env=False,  # what the environment says was read already, by `route` and `ssl_context`
        cookies=to_jar(settings.cookies if to_space else {}),
        # A client sends nothing but to its one server; see `Host.client`.
        verify=ssl_context() if url.startswith("https:") else no_certificates(),
        # Each turn that waits for its answer holds a connection; the limit is the Space's queue.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    )
