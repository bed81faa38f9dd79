"""Whether a Space is up, and waiting for one that is not. Knows stages and the contract; no turns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from phi4_space._address import Address
from phi4_space._errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContractNotMet,
    DeadlineExceeded,
    Phi4Error,
    SpaceBusy,
    SpaceNotReady,
    SpaceUnavailable,
    UnexpectedAnswer,
)
from phi4_space._gradio.server import GradioServer
from phi4_space._gradio.session import Instance
from phi4_space._hub import Hub
from phi4_space._net.deadlines import within_total
from phi4_space._status import Status
from phi4_space._turns import Waking

_POLL = 3.0  # seconds between two looks at a Space that comes up
_WANTS_LOGIN = 401
_UNREADABLE = (
    "The token may not read the quota; a fine-grained token needs the permission Billing > Read billing usage"
)
# What a Space that is down makes its host answer with; the Hub then says what is the matter.
_MAYBE_DOWN = (AuthenticationFailed, ConnectionFailed, DeadlineExceeded, SpaceBusy, UnexpectedAnswer)


class Availability:
    """Whether one Space can be asked.

    Args:
        server: The Space.
        hub: Tells its stage.
        clock: Seconds, never going back.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        server: GradioServer,
        hub: Hub,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._server = server
        self._hub = hub
        self._clock = clock
        self._sleep = sleep

    async def wait_until_up(self, patience: float) -> AsyncGenerator[Waking | Instance, None]:
        """Waits until the Space answers as a contract says; asking it is what wakes one that sleeps.

        Args:
            patience: Seconds to wait for it; 0 looks once.

        Yields:
            A `Waking` each time it is found not yet up, and the Space as it runs now, last.

        Raises:
            SpaceUnavailable: It does not come up, or not within `patience`.
            Phi4Error: It cannot be asked for another reason.
        """
        began = self._clock()
        while isinstance(found := await self._look(), Phi4Error):
            waited = self._clock() - began
            if not isinstance(found, SpaceNotReady) or waited >= patience:
                raise found
            yield Waking(found.stage or "STARTING", waited)
            await self._sleep(_POLL)
        yield found

    async def status(self) -> Status:
        """How the Space stands now; never raises for one that is down, and takes no longer than the total."""
        try:
            with within_total(self._server.settings.timeouts, "The Space did not say how it stands"):
                status = await self._status()
        except DeadlineExceeded as exc:
            status = self._bad_status(exc)
        return self._server.host.redaction.fields(status)

    async def _status(self) -> Status:
        try:
            instance = await self._server.instance()
        except Phi4Error as exc:
            return replace(self._bad_status(await self._diagnose(exc)), **await self._quota(self._address))
        return replace(
            await self._good_status(self._located(instance)),
            gradio_version=instance.config.gradio_version,
            endpoints=instance.contract.endpoints,
            loading=instance.contract.takes.loading,
            takes=instance.contract.takes,
            max_file_size=instance.config.max_file_size,
            queue_size=await self._queue_size(instance.config.api_prefix),
        )

    async def _look(self) -> Instance | Phi4Error:
        try:
            with within_total(self._server.settings.timeouts, "The Space did not say how it stands"):
                return await self._diagnosed()
        except DeadlineExceeded as exc:
            return exc

    async def _diagnosed(self) -> Instance | Phi4Error:
        try:
            return await self._server.instance()
        except Phi4Error as exc:
            return await self._diagnose(exc)

    async def _diagnose(self, exc: Phi4Error) -> Phi4Error:
        """The Hub's word on why the Space does not answer, where the Hub has one; else the failure itself."""
        address = self._address
        if not address.on_hub or not isinstance(exc, _MAYBE_DOWN):
            return exc
        try:
            problem = (await self._hub.runtime(address)).problem()
        except SpaceUnavailable as missing:
            problem = missing
        except Phi4Error:
            return exc  # the Hub is out of reach too: the Space's own failure says more
        if problem is None:
            return exc
        problem.locate(step="connect", space=str(address))
        problem.status = problem.status or exc.status
        problem.__cause__ = exc
        return problem

    @property
    def _address(self) -> Address:
        return self._server.settings.address

    def _located(self, instance: Instance) -> Address:
        """The Space's address with its name, which it tells itself where its domain does not."""
        return replace(self._address, name=self._address.name or instance.config.space_id)

    async def _good_status(self, address: Address) -> Status:
        stage, hardware = "RUNNING", None
        if address.on_hub or address.name:
            try:
                runtime = await self._hub.runtime(address)
                stage, hardware = runtime.stage, runtime.hardware
            except Phi4Error:
                hardware = None  # the Space answers, which is what matters
        return Status(
            space=address.api_url, stage=stage, hardware=hardware, ready=True, **await self._quota(address)
        )

    def _bad_status(self, problem: Phi4Error) -> Status:
        stage = (isinstance(problem, SpaceUnavailable) and problem.stage) or "UNREACHABLE"
        lacking = problem if isinstance(problem, ContractNotMet) else None
        wants_login = isinstance(problem, AuthenticationFailed) and problem.status == _WANTS_LOGIN
        return Status(
            space=self._address.api_url,
            stage="RUNNING" if lacking or wants_login else stage,
            ready=False,
            problem=problem.what,
            advice=problem.advice,
            endpoints=lacking.found if lacking else (),
            missing=lacking.missing if lacking else (),
        )

    async def _queue_size(self, api_prefix: str) -> int | None:
        try:
            body = await self._server.get(f"{api_prefix}/queue/status", step="status")
        except Phi4Error:
            return None
        size = body.get("queue_size") if isinstance(body, dict) else None
        return size if isinstance(size, int) else None

    async def _quota(self, address: Address) -> Mapping[str, Any]:
        """The fields of the status about the quota, for a Space on the Hub."""
        if not address.on_hub and not address.name:
            return {}
        try:
            return {"quota": await self._hub.quota()}
        except AuthenticationFailed:
            return {"quota_problem": _UNREADABLE}
        except Phi4Error:
            return {}
