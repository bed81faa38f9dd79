"""A client's rooms, put together from its settings. Knows which room needs which; does none of their work."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
import httpx

from phi4_space._config import Settings
from phi4_space._errors import InvalidOption, Phi4Error, UrlRefused
from phi4_space._gradio.server import Site
from phi4_space._hub import Hub
from phi4_space._media.read import Fetch, refuse_too_many
from phi4_space._net.credentials import Proxy, to_jar
from phi4_space._net.fetch import Budget, fetch
from phi4_space._net.pool import ssl_context
from phi4_space._turn.availability import Watch
from phi4_space._turn.reask import ask
from phi4_space._turn.request import Message, Options, Request, Said, read_turns, to_request
from phi4_space._turn.run import Exchange
from phi4_space._turn.sampling import SamplingPolicy
from phi4_space._turn.state import Question, Standing
from phi4_space._turns import Event


def new_session_hash() -> str:
    """A session's name, 128 random bits: it is the only key to what was said there."""
    return secrets.token_hex(16)


def new_call_id() -> str:
    """A tool call's id."""
    return f"call_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outside:
    """What comes from outside the program; tests hand in their own.

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


class Wiring:
    """All that a client is made of. Opens nothing before it is used.

    Args:
        settings: What the client was told.
        outside: What it has of the world.
    """

    def __init__(self, settings: Settings, outside: Outside) -> None:
        self.settings = settings
        self.outside = outside
        open_client = partial(_open, settings, outside)
        self.site = Site(settings, open_client=partial(open_client, to_space=True), clock=outside.clock)
        self.hub = Hub(settings, open_client=partial(open_client, to_space=False))
        self.sampling = SamplingPolicy(strict=settings.strict)
        self.watch = Watch(self.site, self.hub, clock=outside.clock, sleep=outside.sleep)

    async def prepare(self, message: Message, options: Options) -> tuple[Request, tuple[Said, ...]]:
        """Checks what a call was given and reads its files."""
        try:
            request = to_request(message, options, self.settings)
            self.sampling.check(request.sampling)
            refuse_too_many(sum(len(turn.media) for turn in request.turns), self.settings.max_files)
            return request, await read_turns(request.turns, fetch=self.fetcher())
        except Phi4Error as exc:
            exc.locate(step="prepare", space=str(self.settings.address))
            raise

    def fetcher(self) -> Fetch:
        """Loads the media of one turn from URLs, under the client's policy."""
        return partial(self._fetch, budget=Budget(self.settings.fetch))

    def ask(
        self, request: Request, standing: Standing, *, known: Sequence[Said], news: Sequence[Said]
    ) -> AsyncGenerator[Event, None]:
        """Takes one turn."""
        style, limits = self.settings.prompt_style, self.settings.limits
        return ask(self._exchange, known, request, standing, news=news, style=style, limits=limits)

    async def aclose(self) -> None:
        """Closes all connections; the next use opens new ones."""
        await self.site.aclose()
        await self.hub.aclose()

    async def _fetch(self, url: str, *, budget: Budget) -> bytes:
        try:
            return await fetch(url, policy=self.settings.fetch, budget=budget)
        except UrlRefused as exc:
            exc.locate(step="fetch", space=str(self.settings.address))
            raise

    def _exchange(self, question: Question, standing: Standing) -> Exchange:
        return Exchange(
            self.site,
            self.watch,
            question,
            standing,
            clock=self.outside.clock,
            new_session_hash=self.outside.new_session_hash,
            new_call_id=self.outside.new_call_id,
        )


def _open(settings: Settings, outside: Outside, *, to_space: bool) -> httpx.AsyncClient:
    # What the environment names as a proxy is on another machine, as a rule, and no way to this one.
    here = to_space and settings.address.is_loopback
    with suppress(ValueError, ImportError, httpx.InvalidURL):  # whose words repeat parts of the proxy's URL
        return httpx.AsyncClient(
            transport=outside.transport,
            proxy=settings.proxy and Proxy(settings.proxy),
            trust_env=not here,
            cookies=to_jar(settings.cookies if to_space else {}),
            verify=ssl_context(),
            # Each turn that waits for its answer holds a connection; the limit is the Space's queue.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
    raise InvalidOption(
        "The proxy cannot be used, whether it was handed in or is the environment's",
        advice="Give a URL such as http://host:8080; for socks5:// install httpx[socks].",
    )
