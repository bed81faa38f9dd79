"""The Hub's word on a Space: its stage, its hardware, the account's quota. Knows no Gradio.

Stages are compared as text, and one that is neither up nor broken is waited for: the Hub has some, such as
SLEEPING, that its own client library does not list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from phi4_space._address import HUB, Address
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
from phi4_space._net.error_mapping import strip_markup
from phi4_space._net.host import Host
from phi4_space._net.origin import Origin
from phi4_space._net.pool import ClientPool
from phi4_space._net.redaction import Redaction
from phi4_space._turns import Quota

M = TypeVar("M", bound=BaseModel)
_UP = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
_BROKEN = frozenset({"RUNTIME_ERROR", "BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING"})


class _Hardware(BaseModel):
    current: str | None = None
    requested: str | None = None


class Runtime(BaseModel):
    """What the Hub knows of a Space.

    Attributes:
        stage: Its word for the Space's state.
        hardware: What the Space runs on, or asked for.
        message: Its words on what broke.
    """

    stage: str
    hardware: str | None = None
    errorMessage: str | None = None  # noqa: N815 - the Hub's own spelling

    @field_validator("hardware", mode="before")
    @classmethod
    def _one_name(cls, value: object) -> str | None:
        if not isinstance(value, dict):
            return None
        told = _Hardware.model_validate(value)
        return told.current or told.requested

    @property
    def is_up(self) -> bool:
        """Whether turns can be sent to it."""
        return self.stage in _UP

    def problem(self) -> Phi4Error | None:
        """What keeps the Space from answering, or None."""
        told = f": {strip_markup(self.errorMessage)}" if self.errorMessage else ""
        if self.is_up:
            return None
        if self.stage == "PAUSED":
            return SpacePaused(f"The Space is paused{told}", stage=self.stage)
        if self.stage in _BROKEN:
            return SpaceBroken(f"The Space is broken ({self.stage}){told}", stage=self.stage)
        doing = "asleep" if self.stage == "SLEEPING" else "not up yet"
        return SpaceNotReady(f"The Space is {doing} ({self.stage}){told}", stage=self.stage)


class _Found(BaseModel):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")  # it goes into a URL


class _Quota(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    base: float
    current: float
    resetsAt: str | None = None  # noqa: N815 - the Hub's own spelling


class Hub:
    """Asks the Hub.

    Args:
        settings: The client's.
        open_client: Makes an HTTP client; one without the Space's cookies.
    """

    def __init__(self, settings: Settings, open_client: Callable[[], httpx.AsyncClient]) -> None:
        self._settings = settings
        self._host = Host(
            origin=Origin(HUB),
            name=HUB,
            headers={"User-Agent": USER_AGENT},
            credentials=settings.hub_credentials(),
            redaction=Redaction(settings.secrets()),
            timeouts=settings.timeouts,
            limits=settings.limits,
        )
        self._pool = ClientPool(partial(self._host.client, open_client))

    async def runtime(self, address: Address) -> Runtime:
        """The state of a Space.

        Raises:
            SpaceNotFound: The Hub knows no such Space, or shows it to nobody without a token that may see it.
            UnexpectedAnswer: The Hub's word cannot be read.
            ConnectionFailed: The Hub cannot be reached.
        """
        try:
            name = address.name or await self._name_of(address)
            return await self._get(f"/api/spaces/{name}/runtime", Runtime)
        except (AuthenticationFailed, UnexpectedAnswer) as exc:
            if exc.status not in {401, 403, 404}:
                raise
            missing = SpaceNotFound(f"The Hub shows no Space {address}", status=exc.status)
            missing.locate(step="status", space=str(address))
            raise missing from exc

    async def quota(self) -> Quota | None:
        """What is left of the account's GPU seconds, or None without a token; raises as `runtime` does."""
        if self._settings.token is None:
            return None
        told = await self._get("/api/spaces/zero-gpu/quota", _Quota)
        return Quota(total=told.base, left=told.current, resets_at=told.resetsAt)

    async def aclose(self) -> None:
        """Closes the connections to the Hub."""
        await self._pool.aclose()

    async def _name_of(self, address: Address) -> str:
        return (await self._get(f"/api/spaces/by-subdomain/{address.subdomain}", _Found)).id

    async def _get(self, path: str, kind: type[M]) -> M:
        with self._host.translate_errors("status"):
            async with self._pool.borrow() as client:
                return _read(await self._host.ask(client, "GET", path), kind)


def _read(told: object, kind: type[M]) -> M:
    try:
        return kind.model_validate(told)
    except ValidationError as exc:
        raise UnexpectedAnswer(f"The Hub's word cannot be read: {strip_markup(str(exc))}") from exc
