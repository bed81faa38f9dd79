"""A client once it is set up: its connection, and the parts that take turns. Knows what is loaded when.

A client's names come with `import phi4_space`; httpx and this room come with the first client; the rooms of a
turn come with the first call, while the Space is being asked for its /config.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
import httpx

from phi4_space._address import HUB, Address
from phi4_space._config import Settings
from phi4_space._environment import Environment
from phi4_space._gradio.connection import Connection, HeadStart
from phi4_space._net.certificates import no_certificates, ssl_context
from phi4_space._net.connections import KEPT, Connections
from phi4_space._net.credentials import to_jar

if TYPE_CHECKING:
    from phi4_space._parts import Parts

_are_loaded = threading.Event()


def _load() -> type[Parts]:
    """Loads the rooms of a turn, which takes longer than all else that is loaded."""
    from phi4_space._parts import Parts  # noqa: PLC0415 - see above

    _are_loaded.set()
    return Parts


class Runtime:
    """All that a client is made of. Opens nothing before it is used.

    Args:
        settings: The client's.
        environment: What it has from outside.

    Attributes:
        settings: The client's.
        environment: What it has from outside.
        connection: The way to the Space.
    """

    def __init__(self, settings: Settings, environment: Environment) -> None:
        self.settings = settings
        self.environment = environment
        self.connection = Connection(
            settings,
            open_client=partial(_open, settings, environment, to_space=True),
            find_address=partial(_find_address, weakref.ref(self)),
        )
        self._made: dict[str, Parts] = {}

    @property
    def parts(self) -> Parts:
        """The parts, which are loaded here where they were not yet."""
        if self._made:
            return self._made["parts"]
        open_hub = partial(_open, self.settings, self.environment, to_space=False)
        made = _load()(self.settings, self.environment, self.connection, open_hub)
        return self._made.setdefault("parts", made)  # atomic: another thread may have made them meanwhile

    async def load(self, ahead: HeadStart | None = None) -> Parts:
        """The parts; the loop goes on meanwhile where they were not loaded yet.

        Args:
            ahead: The request to send before anything is loaded, which would delay it.
        """
        if not _are_loaded.is_set():
            if ahead is not None:
                await ahead.is_sent.wait()
            await anyio.to_thread.run_sync(_load, abandon_on_cancel=True)
        return self.parts

    def head_start(self) -> HeadStart:
        """Asks the Space for its /config while an `async with` block does something else first."""
        is_known = bool(self._made) and self.parts.server.is_known
        return HeadStart(self.connection, is_needed=not is_known)

    async def aclose(self) -> None:
        """Closes all connections; the next use opens new ones."""
        await self.connection.aclose()
        if self._made:
            await self.parts.hub.aclose()


async def _find_address(runtime: weakref.ref[Runtime], address: Address) -> Address:
    """Where the Hub has a Space. The reference is weak: a client that nobody uses any more is let go."""
    owner = runtime()
    return address if owner is None else await (await owner.load()).hub.address(address)


def _open(settings: Settings, environment: Environment, *, to_space: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=environment.transport
        or _connections(settings, settings.address.api_url if to_space else HUB),
        trust_env=False,
        cookies=to_jar(settings.cookies if to_space else {}),
    )


def _connections(settings: Settings, url: str) -> Connections:
    """Connections to one server, as many as there are turns that wait: the limit is the Space's queue."""
    proxy = settings.route(url).proxy()
    # A client sends nothing but to its one server; see `Host.client`.
    verify = ssl_context() if url.startswith("https:") else no_certificates()
    limits = httpx.Limits(max_connections=1, keepalive_expiry=KEPT)
    # What the environment says was read already, by `route` and `ssl_context`.
    return Connections(
        lambda: httpx.AsyncHTTPTransport(verify=verify, proxy=proxy, trust_env=False, limits=limits)
    )
