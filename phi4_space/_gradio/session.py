"""A session on a Space and the calls of one turn: predict, post, get, and cancel. Knows requests; no retries.

The three calls are those of a browser on the Space's page: `predict` files the user's turn in the session's
State, `post` joins the queue to have it answered, `get` reads the queue. What they are called with, the
contract says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from phi4_space._errors import Phi4Error, PromptTooLong, StreamLost, UnexpectedAnswer
from phi4_space._gradio.config import Config
from phi4_space._gradio.contract import Call, Contract, Submission
from phi4_space._gradio.diffs import Growth
from phi4_space._gradio.queue import (
    Cancelled,
    Failed,
    Finished,
    QueueReader,
    SessionLost,
    Snapshot,
    WireEvent,
    call_body,
    cancel_body,
    failure_of,
)
from phi4_space._net.deadlines import Deadline
from phi4_space._net.host import Host

_CANCEL_WITHIN = 3.0  # seconds, so that leaving early never hangs on a server that hangs
_END_WITHIN = 1.0  # seconds for the stream's end to come after the answer


@dataclass(frozen=True, slots=True)
class Instance:
    """One start of a Space.

    Attributes:
        config: What it says of itself.
        contract: The contract that it fulfils.
    """

    config: Config
    contract: Contract


class Session:
    """One session on the Space.

    Args:
        host: The Space's server.
        job_host: The same, with the credentials of requests that start a job.
        client: Carries the requests.
        instance: The Space as it runs now.
        session_hash: The session's name; the only key to it, so it must not be guessable.
    """

    def __init__(
        self,
        host: Host,
        job_host: Host,
        client: httpx.AsyncClient,
        instance: Instance,
        *,
        session_hash: str,
    ) -> None:
        self._host = host
        self._job_host = job_host
        self._client = client
        self._config = instance.config
        self._contract = instance.contract
        self._has_files = False  # of the turn that was submitted last
        self.session_hash = session_hash

    async def predict(
        self,
        text: str,
        *,
        files: Sequence[Mapping[str, Any]] = (),
        history: Any = None,
        body: Mapping[str, Any] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Any:
        """Files the user's turn, where the contract has such a step.

        It changes the session, so it is never repeated on the same one.

        Args:
            text: The prompt.
            files: Uploaded files, as `SpaceClient.aupload` returns them.
            history: The chat so far, as the Space returned it last.
            body: The turns with their roles, for a contract that takes them; it is asked with the prompt
                alone when left out.
            options: As `post` gets them.

        Returns:
            What `post` takes, unchanged: the chat with the turn in it, as the Space returned it.
        """
        self._has_files = bool(files)
        submission = Submission(text, files, history, body, options or {})
        call = self._contract.first(submission)
        if call is None:
            return self._contract.pending(submission, None)
        with self._host.translate_errors("predict"):
            # In one expression: a local would show, in tracebacks, what the server said.
            return self._contract.pending(submission, await self._outputs(call))

    async def post(self, pending: Any, options: Mapping[str, object] | None = None) -> str:
        """Joins the queue. Cancelled meanwhile, it cancels the job that may stand there by then.

        Args:
            pending: What `predict` returned.
            options: Sampling options, for a Space that takes them, and as "system" the text for its place.

        Returns:
            The job's event_id.

        Raises:
            QueueFull: The queue takes nobody; the session is as it was, and may post again.
        """
        return await self._join(self._contract.ask(pending, options or {}))

    async def get(self, event_id: str) -> AsyncGenerator[WireEvent, None]:
        """Reads the queue until the job's end, then to the stream's, so that the connection can serve again.

        Args:
            event_id: What `post` returned.

        Yields:
            The job's events; a `Finished`, `Failed` or `Cancelled` comes last.

        Raises:
            StreamLost: The stream broke off, or ended before the job did.
        """
        deadline = Deadline(self._host.timeouts, "The job was not over")
        async with aclosing(self.follow(event_id)) as events:
            while True:
                with self._host.translate_errors("get"):
                    event = await deadline.run_within(anext(events, None))
                if event is None:
                    return
                yield Snapshot(event.whole()) if isinstance(event, Growth) else event

    async def follow(self, event_id: str) -> AsyncGenerator[WireEvent | Growth, None]:
        """The same, but with no deadline for the whole; and text that is appended comes as that alone."""
        reader = QueueReader(event_id, self._host.limits)
        query = {"session_hash": self.session_hash}
        listening = self._host.listen(self._client, self._path("queue/data"), params=query)
        with self._host.translate_errors("get"):
            async with aclosing(listening) as lines:
                async for line in lines:
                    try:
                        events = [*map(self._discreet, reader.follow(line))]
                    finally:
                        del line  # tracebacks show what their frames hold
                    for event in events:
                        if is_last := isinstance(event, Finished | Failed | Cancelled):
                            await _read_on(lines)
                        yield event
                        if is_last:
                            return
                raise StreamLost("The answer's stream ended before the answer did")

    async def cancel(self, event_id: str, *, fn_index: int | None = None) -> None:
        """Cancels the job, as far as the server can; tries once, quietly and within 3 s.

        Call it after the stream was left: older Gradios do not cancel a queued job while it is read.

        Args:
            event_id: What `post` returned.
            fn_index: The job's function; the one that answers when left out.
        """
        number = self._contract.fn_index if fn_index is None else fn_index
        body = cancel_body(number, self.session_hash, event_id)
        quietly = contextlib.suppress(Phi4Error)
        with anyio.move_on_after(_CANCEL_WITHIN, shield=True), quietly, self._host.translate_errors("get"):
            await self._host.ask(self._client, "POST", self._path("cancel"), json=body)

    def _discreet(self, event: WireEvent | Growth) -> WireEvent | Growth:
        """An event without credentials; the model's words are the caller's."""
        return event if isinstance(event, Growth) else self._host.redaction.fields(event)

    async def _outputs(self, call: Call) -> list[Any]:
        """What a function returns that is called before the queue is joined for the answer."""
        if not call.must_join:
            return list(_field(await self._call("run/predict", call), "data", list))
        event_id = await self._join(call)
        event: WireEvent | None = None
        try:
            async with aclosing(self.get(event_id)) as events:
                while not isinstance(event, Finished):
                    event = await anext(events)
                    if (failure := failure_of(event)) is not None:
                        raise failure
        finally:
            if not isinstance(event, Finished | Failed | Cancelled | SessionLost):
                await self.cancel(event_id, fn_index=call.fn_index)
        return [*event.data]

    async def _join(self, call: Call) -> str:
        """Joins the queue. Cancelled meanwhile, it cancels the job that may stand there by then."""
        joining = asyncio.ensure_future(self._event_id(call))
        try:
            return await asyncio.shield(joining)
        except asyncio.CancelledError:
            # Nobody else will ever know the job's name, and a job that nobody listens to runs to its end.
            with anyio.move_on_after(_CANCEL_WITHIN, shield=True), contextlib.suppress(Phi4Error):
                await self.cancel(await joining, fn_index=call.fn_index)
            joining.cancel()
            raise

    async def _event_id(self, call: Call) -> str:
        with self._host.translate_errors("post"):
            return str(_field(await self._call("queue/join", call), "event_id", str))

    async def _call(self, path: str, call: Call) -> Any:
        body = call_body(call.fn_index, call.data, self.session_hash, call.trigger_id)
        try:
            return await self._job_host.ask(self._client, "POST", self._path(path), json=body)
        except PromptTooLong as exc:
            if self._has_files:
                exc.advice = (
                    f"{exc.advice} Its files are not what is too large: they are on the Space already."
                )
            raise

    def _path(self, path: str) -> str:
        return f"{self._config.api_prefix}/{path}"


def _field(answer: object, name: str, kind: type) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise UnexpectedAnswer(f"The server's answer has no {name}")
    return value


async def _read_on(lines: AsyncGenerator[str, None]) -> None:
    with anyio.move_on_after(_END_WITHIN), contextlib.suppress(httpx.TransportError):
        async for _ in lines:
            pass
