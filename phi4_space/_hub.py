"""What the Hub reports: a Space's stage and hardware, and the account's quota. Knows no Gradio.

Stages are compared as text, and any that is neither up nor broken is waited for: the Hub has some, such as
SLEEPING, that its own client library does not list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import httpx

from phi4_space._address import HUB, NAME, Address
from phi4_space._config import USER_AGENT, Settings
from phi4_space._errors import (
    AuthenticationFailed,
    Phi4Error,
    SpaceBroken,
    SpaceNotFound,
    SpaceNotReady,
    SpacePaused,
    UnexpectedAnswer,
)
from phi4_space._fields import MisshapenError, field
from phi4_space._net.error_mapping import strip_markup
from phi4_space._net.host import Host
from phi4_space._net.origin import Origin
from phi4_space._net.pool import ClientPool
from phi4_space._net.redaction import Redaction
from phi4_space._status import Quota

T = TypeVar("T")
# Credentials go to the Hub's own hosts; a label is all that there is to choose.
_HOST = re.compile(r"https://[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.hf\.space")
_NOT_THERE = frozenset({401, 403, 404})
_UP = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
_BROKEN = frozenset({"RUNTIME_ERROR", "BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING"})


@dataclass(frozen=True, slots=True)
class SpaceRuntime:
    """The Hub's report on a Space.

    Attributes:
        stage: The state of the Space, such as "RUNNING".
        hardware: The hardware that the Space runs on, or that was requested.
        error: What went wrong, if something did.
    """

    stage: str
    hardware: str | None = None
    error: str | None = None

    @property
    def is_up(self) -> bool:
        """Whether turns can be sent to it."""
        return self.stage in _UP

    def problem(self) -> Phi4Error | None:
        """What keeps the Space from answering; None if nothing does."""
        reason = f": {strip_markup(self.error)}" if self.error else ""
        if self.is_up:
            return None
        if self.stage == "PAUSED":
            return SpacePaused(f"The Space is paused{reason}", stage=self.stage)
        if self.stage in _BROKEN:
            return SpaceBroken(f"The Space is broken ({self.stage}){reason}", stage=self.stage)
        doing = "asleep" if self.stage == "SLEEPING" else "not up yet"
        return SpaceNotReady(f"The Space is {doing} ({self.stage}){reason}", stage=self.stage)


class Hub:
    """Sends requests to the Hub.

    Args:
        settings: The client's settings.
        open_client: Makes an HTTP client, without the Space's cookies.
    """

    def __init__(self, settings: Settings, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._settings = settings
        self._host = Host(
            origin=Origin(HUB),
            name=HUB,
            headers={"User-Agent": USER_AGENT},
            credentials=settings.hub_credentials(),
            redaction=Redaction(settings.secrets()),
            route=settings.route(HUB),
            timeouts=settings.timeouts,
            limits=settings.limits,
        )
        self._pool = ClientPool(partial(self._host.client, open_client))

    async def runtime(self, address: Address) -> SpaceRuntime:
        """The state of a Space.

        Raises:
            SpaceNotFound: There is no such Space, or it is private and the token may not read it.
            UnexpectedAnswer: The Hub's response cannot be read.
            ConnectionFailed: The Hub cannot be reached.
        """
        try:
            name = address.name
            if name is None:
                name, runtime = await self._get(f"/api/spaces/by-subdomain/{address.subdomain}", _to_space)
                if runtime is not None:
                    return runtime
            return await self._get(f"/api/spaces/{name}/runtime", _to_runtime)
        except (AuthenticationFailed, UnexpectedAnswer) as exc:
            raise _missing(address, exc) from exc

    async def address(self, address: Address) -> Address:
        """A Space's address with the host that the Hub has it on. Raises the errors of `runtime`."""
        try:
            host = await self._get(f"/api/spaces/{address.name}/host", _to_host)
        except (AuthenticationFailed, UnexpectedAnswer) as exc:
            raise _missing(address, exc) from exc
        return replace(address, api_url=host)

    async def quota(self) -> Quota | None:
        """The account's GPU quota; None without a token. Raises the errors of `runtime`."""
        if self._settings.token is None:
            return None
        return await self._get("/api/spaces/zero-gpu/quota", _to_quota)

    async def aclose(self) -> None:
        """Closes the connections to the Hub."""
        await self._pool.aclose()

    async def _get(self, path: str, read: Callable[[object], T]) -> T:
        with self._host.translate_errors("status"):
            async with self._pool.borrow() as client:
                try:
                    return read(await self._host.ask(client, "GET", path))
                except MisshapenError as exc:
                    raise UnexpectedAnswer(f"The Hub's response cannot be read: {exc}") from exc


def _missing(address: Address, refusal: Phi4Error) -> Phi4Error:
    """What the Hub's refusal means: that the Space is not there, where its status says so."""
    if refusal.status not in _NOT_THERE:
        return refusal
    missing = SpaceNotFound(
        f"The Hub has no Space {address} that can be seen from here", status=refusal.status
    )
    missing.locate(step="status", space=str(address))
    return missing


def _to_runtime(report: object) -> SpaceRuntime:
    hardware = field(report, "hardware", object, default=None)
    found = hardware if isinstance(hardware, dict) else {}
    return SpaceRuntime(
        field(report, "stage", str),
        field(found, "current", str, default=None) or field(found, "requested", str, default=None),
        field(report, "errorMessage", str, default=None),
    )


def _to_space(report: object) -> tuple[str, SpaceRuntime | None]:
    """A Space's name, and how it stands where that is said."""
    name, runtime = field(report, "id", str), field(report, "runtime", dict, default=None)
    if not NAME.fullmatch(name):
        raise MisshapenError("id is not a name on the Hub")
    return name, None if runtime is None else _to_runtime(runtime)


def _to_host(report: object) -> str:
    host = field(report, "host", str)
    if not _HOST.fullmatch(host):
        raise MisshapenError("host is none of the Hub's")
    return str(host)


def _to_quota(report: object) -> Quota:
    total, left = (field(report, name, int, float) for name in ("base", "current"))
    return Quota(total=total, left=left, resets_at=field(report, "resetsAt", str, default=None))
