"""One question to a Space and its answer: sent, read, tried again. Knows the order of the steps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import stamina
from anyio.lowlevel import checkpoint

from phi4_space._errors import DeadlineExceeded, InvalidInput, Phi4Error, Step, StreamLost
from phi4_space._gradio.diffs import Growth
from phi4_space._gradio.queue import Cancelled, Failed, Finished, SessionLost, WireEvent
from phi4_space._gradio.server import GradioServer
from phi4_space._gradio.session import Instance, Session
from phi4_space._turn.answer import Answer
from phi4_space._turn.availability import Availability
from phi4_space._turn.budget import TurnBudget
from phi4_space._turn.job import JobReader
from phi4_space._turn.option_policy import OptionPolicy
from phi4_space._turn.retry import Decision, Facts, decide
from phi4_space._turn.state import Payload, PreparedTurn, SessionState
from phi4_space._turn.thoughts import Thoughts
from phi4_space._turns import Event, Notice, Progress, Reply, Sent, Waking


class Exchange:
    """One question to a Space, and its answer.

    Args:
        server: The Space.
        availability: Waits for it where it is not up.
        policy: What becomes of options that it does not take.
        turn: What is asked.
        state: Where the chat stands on the Space; it is moved on, or reset when the turn fails.
        budget: The turn's.
        thoughts: The turn's.
        new_session_hash: Makes the name of a new session.
        new_call_id: Makes the id of a tool call.
    """

    def __init__(  # noqa: PLR0913 - what a turn consists of, all of it by keyword
        self,
        *,
        server: GradioServer,
        availability: Availability,
        policy: OptionPolicy,
        turn: PreparedTurn,
        state: SessionState,
        budget: TurnBudget,
        thoughts: Thoughts,
        new_session_hash: Callable[[], str],
        new_call_id: Callable[[], str],
    ) -> None:
        self._server = server
        self._settings = server.settings
        self._availability = availability
        self._policy = policy
        self._turn = turn
        self._state = state
        self._budget = budget
        self._thoughts = thoughts
        self._new_session_hash = new_session_hash
        self._new_call_id = new_call_id
        self._decisions: list[Decision] = []
        self._failure: Phi4Error | None = None  # of the attempt that is made or was made last
        self._pending: Any = None  # what the Space filed, for a queue that was full
        self._is_answered = False

    async def run(self, tries: int) -> AsyncGenerator[Event, None]:
        """Asks, until there is an answer.

        Args:
            tries: How often to try, at most.

        Yields:
            What happens, as it happens; the `Reply` comes last.

        Raises:
            Phi4Error: It failed, retries included; `partial_text` holds what had arrived.
        """
        try:
            attempts = aiter(stamina.retry_context(on=self._wait, attempts=tries, timeout=None))
            while (attempt := await self._next(attempts)) is not None:
                with attempt:
                    async with aclosing(self._try()) as events:
                        async for event in events:
                            yield event
                if self._failure is not None and self._decisions[-1].again and attempt.num < tries:
                    yield Notice(f"{self._failure.what}; trying again", "warning", "Retry")
        finally:
            if not (self._is_answered or self._is_untouched()):
                self._state.reset()

    async def _next(self, attempts: AsyncIterator[stamina.Attempt]) -> stamina.Attempt | None:
        """The next attempt, after the wait before it, which counts as the rest of the turn does."""
        try:
            return await self._budget.run_within(anext(attempts, None))
        except DeadlineExceeded as exc:
            if exc is not self._failure:  # with which stamina ends
                exc.locate(step="get", space=str(self._settings.address))
            raise

    async def _try(self) -> AsyncGenerator[Event, None]:
        self._failure = None
        try:
            async with aclosing(self._attempt()) as events:
                async for event in events:
                    yield event
        except Phi4Error as exc:
            self._failure = exc
            self._learn_from(exc)
            raise

    async def _attempt(self) -> AsyncGenerator[Event, None]:
        budget, state = self._budget, self._state
        budget.begin_attempt()
        self._answer = Answer(
            self._turn.tools, self._new_call_id, stop=self._turn.stop, limits=self._settings.limits
        )
        async with aclosing(self._availability.wait_until_up(self._settings.timeouts.wake)) as stages:
            while isinstance(found := await budget.run_within(anext(stages)), Waking):
                yield found
        options = self._policy.choose(self._turn.sampling, found.contract.takes, self._turn.caller)
        payload = self._settle_session(found)
        self._server.check_files(payload.files, found)
        if payload.system:
            options["system"] = payload.system
        async with self._server.session(state.session_hash, found) as session:
            connections, files = self._server.connections, []
            if payload.files and self._pending is None:
                async with aclosing(self._server.uploading(payload.files, found)) as steps:
                    while isinstance(step := await budget.run_within(anext(steps)), Progress):
                        yield step
                    files = step
            event_id = await self._send(session, payload, files, options, connections)
            async with aclosing(self._follow(session, found, event_id)) as events:
                async for event in events:
                    yield event
        sent = Sent(
            payload.text,
            tuple(file.name for file in payload.files),
            session.session_hash,
            event_id,
            budget.attempts,
        )
        self._is_answered = True
        yield self._reply(sent, found)

    def _settle_session(self, instance: Instance) -> Payload:
        """Makes sure of a session on this start of the Space, and returns what has to be sent on it."""
        state, app_id = self._state, instance.config.app_id
        endpoints = instance.contract.endpoints
        if state.app_id != app_id or (state.endpoints and state.endpoints != endpoints):
            state.reset()  # the Space restarted, or is asked by another contract, and knows nothing
            self._pending = None
        if not state.session_hash:
            state.session_hash, state.app_id = self._new_session_hash(), app_id
        state.endpoints = endpoints
        if instance.contract.takes.roles:
            return self._turn.chat()
        if instance.contract.takes.system:
            return self._turn.instructed(remembered=state.is_known)
        return self._turn.incremental() if state.is_known else self._turn.full

    async def _send(
        self,
        session: Session,
        payload: Payload,
        files: Sequence[Mapping[str, Any]],
        options: dict[str, object],
        connections: int,
    ) -> str:
        """Files the turn, and joins the queue; `connections` is how many there were before its uploads."""
        run_within, server = self._budget.run_within, self._server
        if self._pending is None:
            self._pending = await run_within(
                session.predict(
                    payload.text,
                    files=files,
                    history=self._state.history,
                    body=payload.body,
                    options=options,
                )
            )
            if self._state.is_known and server.connections > connections:
                await self._check_start()
        connections = server.connections
        event_id = await run_within(session.post(self._pending, options))
        if self._state.is_known and server.connections > connections:
            try:
                await self._check_start()
            except BaseException:
                await session.cancel(event_id)
                raise
        return event_id

    async def _check_start(self) -> None:
        """Asks whether the Space restarted, where a connection that was thought to be open was not."""
        self._server.recheck()
        instance = await self._budget.run_within(self._server.instance())
        if instance.config.app_id != self._state.app_id:
            raise StreamLost("The Space restarted, and forgot the conversation")

    async def _follow(
        self, session: Session, instance: Instance, event_id: str
    ) -> AsyncGenerator[Event, None]:
        """Reads the job until its end or a stop string, and cancels it when left before its end."""
        reader = JobReader(
            instance.contract, self._answer, self._budget, self._settings.limits, self._thoughts
        )
        event: WireEvent | Growth | None = None
        try:
            async with self._budget.within(), aclosing(session.follow(event_id)) as wire_events:
                while not isinstance(event, Finished) and self._answer.stopped_by is None:
                    event = await anext(wire_events)
                    self._budget.resume()
                    for part in reader.read(event):
                        for one in part:
                            yield one
                        # A Space may send much that costs time and no waiting: deadlines, and others on this
                        # loop, get their turn between any two pieces of work; but words are read faster than
                        # a loop turns, so that there may be some of them in one.
                        if self._budget.has_worked_long() or not isinstance(event, Growth):
                            await self._budget.pause()
        finally:
            if not isinstance(event, Finished | Failed | Cancelled | SessionLost):
                await session.cancel(event_id)
        await self._conclude(reader)

    async def _conclude(self, reader: JobReader) -> None:
        """Keeps what was read of a job."""
        for _ in self._answer.settle():
            await self._budget.run_within(checkpoint())
        self._end, self._files = reader.end, reader.files
        self._budget.count_tokens(reader.end.usage)
        if self._answer.stopped_by is None:
            self._state.commit(reader.end.history)
        else:
            self._state.reset()  # its session may hold more of the answer than was read

    def _reply(self, sent: Sent, instance: Instance) -> Reply:
        answer = self._answer
        return Reply(
            text=answer.text,
            tool_calls=answer.tool_calls,
            broken_calls=answer.broken_calls,
            usage=self._budget.usage,
            finish_reason=self._finish_reason(),
            timing=self._budget.timing(),
            sent=sent,
            space=self._server.settings.address.api_url,
            model=self._end.model or self._settings.model,
            stopped_by=self._stopped_by(),
            gradio_version=instance.config.gradio_version,
            thoughts=self._thoughts.whole,
            files=self._files,
        )

    def _stopped_by(self) -> str | None:
        """The stop string, whether it was found here or, where the Space says so, there."""
        if self._end.stopped_by in self._turn.stop:
            return self._end.stopped_by
        return self._answer.stopped_by

    def _finish_reason(self) -> str | None:
        if self._answer.stopped_by is not None:
            return "stop"
        reason = self._end.finish_reason
        return "tool_calls" if reason == "stop" and self._answer.tool_calls else reason

    def _learn_from(self, failure: Phi4Error) -> None:
        """Decides what follows from an attempt's failure, and does what is to be done at once."""
        failure.partial_text = self._answer.text
        step: Step = "prepare" if isinstance(failure, InvalidInput) else "get"
        failure.locate(step=step, space=str(self._settings.address))
        refreshed = frozenset(decision.refresh for decision in self._decisions if decision.refresh)
        facts = Facts(
            has_text=self._budget.has_text,
            was_filed=self._pending is not None,
            is_known=self._state.is_known,
            has_files=bool(self._turn.full.files),
            refreshed=refreshed,
            left=self._budget.left(),
        )
        decision = decide(failure, facts)
        self._decisions.append(decision)
        if decision.session == "new":
            self._state.reset()
            self._pending = None
        if decision.refresh == "start":
            self._server.recheck()
        elif decision.refresh is not None:
            self._server.invalidate()

    def _wait(self, failure: Exception) -> bool | float:
        """Whether stamina tries again, or after how many seconds."""
        return isinstance(failure, Phi4Error) and self._decisions[-1].wait

    def _is_untouched(self) -> bool:
        return bool(self._decisions) and self._decisions[-1].session == "untouched"
