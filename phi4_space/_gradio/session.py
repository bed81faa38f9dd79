"""A session on a Space and the calls of one turn: predict, post, get, and cancel. Knows requests; no retries.

The three calls are those of a browser on the Space's page: `predict` files the user's turn in the session's
State, `post` joins the queue to have it answered, `get` reads the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import httpx

from phi4_space._errors import Phi4Error, StreamLost, UnexpectedAnswer
from phi4_space._gradio.contract import Contract, Endpoint
from phi4_space._gradio.queue import (
    Cancelled,
    Failed,
    Finished,
    QueueReader,
    WireEvent,
    call_body,
    cancel_body,
)
from phi4_space._gradio.stopwatch import Stopwatch
from phi4_space._net.host import Host

_CANCEL_WITHIN = 3.0  # seconds, so that leaving early never hangs on a server that hangs
_END_WITHIN = 1.0  # seconds for the stream's end to come after the answer


class Session:
    """One session on the Space.

    Args:
        host: The Space's server.
        job_host: The same, with what lets those requests in that make it work.
        client: Carries the requests.
        contract: What the Space expects.
        session_hash: The session's name; the only key to it, so it must not be guessable.
    """

    def __init__(
        self,
        host: Host,
        job_host: Host,
        client: httpx.AsyncClient,
        contract: Contract,
        *,
        session_hash: str,
    ) -> None:
        self._host = host
        self._job_host = job_host
        self._client = client
        self._contract = contract
        self.session_hash = session_hash

    async def predict(
        self, text: str, *, files: Sequence[Mapping[str, Any]] = (), history: Sequence[Any] = ()
    ) -> list[Any]:
        """Files the user's turn. It changes the session, so it is never repeated on the same one.

        Args:
            text: The prompt.
            files: Uploaded files, as `Site.upload` returns them.
            history: The chat so far, as the Space returned it last.

        Returns:
            The chat with the turn in it, to be handed to `post` unchanged.
        """
        contract = self._contract
        data = contract.submit_data(history, text, files)
        with self._host.translate_errors("predict"):
            # In one expression: a local would show, in tracebacks, what the server said.
            return contract.submitted_history(
                _field(await self._call("run/predict", contract.submit, data), "data", list)
            )

    async def post(self, history: Sequence[Any]) -> str:
        """Joins the queue. Cancelled meanwhile, it takes the job back that may stand there by then.

        Args:
            history: What `predict` returned.

        Returns:
            The job's event_id.

        Raises:
            QueueFull: The queue takes nobody; the session is as it was, and may post again.
        """
        joining = asyncio.ensure_future(self._join(history))
        try:
            return await asyncio.shield(joining)
        except asyncio.CancelledError:
            # Nobody else will ever know the job's name, and a job that nobody listens to runs to its end.
            with anyio.move_on_after(_CANCEL_WITHIN, shield=True), contextlib.suppress(Phi4Error):
                await self.cancel(await joining)
            joining.cancel()
            raise

    async def get(self, event_id: str) -> AsyncGenerator[WireEvent, None]:
        """Reads the queue until the job's end, then to the stream's, so that the connection can serve again.

        Args:
            event_id: What `post` returned.

        Yields:
            What the queue tells of the job; a `Finished`, `Failed` or `Cancelled` comes last.

        Raises:
            StreamLost: The stream broke off, or ended before the job did.
        """
        ends = Stopwatch(self._host.timeouts, anyio.current_time)
        async with aclosing(self._events(event_id)) as events:
            while True:
                with self._host.translate_errors("get"):
                    event = await ends.within(anext(events, None))
                if event is None:
                    return
                yield self._host.redaction.fields(event)

    async def cancel(self, event_id: str) -> None:
        """Takes the job back, as far as the server can; tries once, quietly and within 3 s.

        Call it after the stream was left: older Gradios do not take a queued job back while it is read.
        """
        body = cancel_body(self._contract.answer.fn_index, self.session_hash, event_id)
        quietly = contextlib.suppress(Phi4Error)
        with anyio.move_on_after(_CANCEL_WITHIN, shield=True), quietly, self._host.translate_errors("get"):
            await self._host.ask(self._client, "POST", self._path("cancel"), json=body)

    async def _join(self, history: Sequence[Any]) -> str:
        contract = self._contract
        data = contract.answer_data(history)
        with self._host.translate_errors("post"):
            return str(_field(await self._call("queue/join", contract.answer, data), "event_id", str))

    async def _call(self, path: str, endpoint: Endpoint, data: Sequence[Any]) -> Any:
        body = call_body(endpoint.fn_index, data, self.session_hash, self._contract.trigger_id)
        return await self._job_host.ask(self._client, "POST", self._path(path), json=body)

    async def _events(self, event_id: str) -> AsyncGenerator[WireEvent, None]:
        reader = QueueReader(event_id, self._host.limits)
        query = {"session_hash": self.session_hash}
        async with aclosing(self._host.listen(self._client, self._path("queue/data"), params=query)) as lines:
            async for line in lines:
                for event in reader.read(line):
                    if isinstance(event, Finished | Failed | Cancelled):
                        await _read_on(lines)
                        yield event
                        return
                    yield event
            raise StreamLost("The answer's stream ended before the answer did")

    def _path(self, path: str) -> str:
        return f"{self._contract.api_prefix}/{path}"


def _field(answer: object, name: str, kind: type) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise UnexpectedAnswer(f"The server's answer has no {name}")
    return value


async def _read_on(lines: AsyncGenerator[str, None]) -> None:
    with anyio.move_on_after(_END_WITHIN), contextlib.suppress(httpx.TransportError):
        async for _ in lines:
            pass
