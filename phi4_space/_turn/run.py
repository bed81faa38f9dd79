"""One turn from question to answer: sent, listened to, tried again, taken back. Knows the order of the steps.

A turn is tried again only before its first text, and on a new session: filing a turn writes the session's
State, so on the same one it would stand there twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import stamina
from anyio.lowlevel import checkpoint

from phi4_space._errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidInput,
    LimitExceeded,
    Phi4Error,
    QueueFull,
    SpaceError,
    SpaceUnavailable,
    StreamLost,
    TurnCancelled,
    UnexpectedAnswer,
    UploadLost,
)
from phi4_space._gradio.contract import Contract, answer_text
from phi4_space._gradio.queue import Cancelled, Failed, Finished, SessionLost, Snapshot, WireEvent
from phi4_space._gradio.server import Site
from phi4_space._gradio.session import Session
from phi4_space._gradio.stopwatch import Stopwatch
from phi4_space._net.error_mapping import from_handler
from phi4_space._turn.answer import Answer
from phi4_space._turn.availability import Watch
from phi4_space._turn.state import Question, Script, Standing
from phi4_space._turns import Event, Notice, Progress, Queued, Reply, Sent, Started

_LONGEST_WAIT = 30.0  # seconds; a longer Retry-After is the caller's to decide on


class Exchange:
    """One turn with one Space.

    Args:
        site: The Space.
        watch: Waits for it where it is not up.
        question: What is asked.
        standing: Where the chat stands on the Space; it is moved on, or left when the turn fails.
        clock: Seconds, never going back.
        new_session_hash: Makes the name of a new session.
        new_call_id: Makes the id of a tool call.
    """

    def __init__(
        self,
        site: Site,
        watch: Watch,
        question: Question,
        standing: Standing,
        *,
        clock: Callable[[], float],
        new_session_hash: Callable[[], str],
        new_call_id: Callable[[], str],
    ) -> None:
        self._site = site
        self._settings = site.settings
        self._limits = site.settings.limits
        self._watch = watch
        self._question = question
        self._standing = standing
        self._new_session_hash = new_session_hash
        self._new_call_id = new_call_id
        self._stopwatch = Stopwatch(site.settings.timeouts, clock)
        self._spoke = False
        self._notices = 0
        self._forgot = False
        self._again: bool | float = False
        self._failure: Phi4Error | None = None
        self._sound = False

    async def run(self) -> AsyncGenerator[Event, None]:
        """Takes the turn.

        Yields:
            What happens, as it happens; the `Reply` comes last.

        Raises:
            Phi4Error: The turn failed, retries included; `partial_text` holds what had arrived.
        """
        tries = self._settings.max_retries + 1
        try:
            async for attempt in stamina.retry_context(
                on=lambda _: self._again, attempts=tries, timeout=self._settings.timeouts.total
            ):
                with attempt:
                    async with aclosing(self._try(attempt.num)) as events:
                        async for event in events:
                            yield event
                if self._failure is not None and self._again is not False and attempt.num < tries:
                    yield Notice(f"{self._failure.what}; trying again", "warning", "Retry")
        finally:
            if not self._sound:
                self._standing.leave()

    async def _try(self, number: int) -> AsyncGenerator[Event, None]:
        self._again, self._failure = False, None
        self._answer = Answer(
            self._question.tools, self._new_call_id, stop=self._question.stop, limits=self._limits
        )
        try:
            async with aclosing(self._attempt(number)) as events:
                async for event in events:
                    self._sound = isinstance(event, Reply)
                    yield event
        except Phi4Error as exc:
            self._failure = exc
            self._learn_from(exc)
            raise

    async def _attempt(self, number: int) -> AsyncGenerator[Event, None]:
        self._stopwatch.restart()
        async with aclosing(self._watch.rouse(self._settings.timeouts.wake)) as stages:
            while (stage := await self._stopwatch.within(anext(stages, None))) is not None:
                yield stage
        contract = await self._site.contract()
        script = self._settle_session(contract)
        self._site.check_count(script.files, contract)
        async with self._site.session(self._standing.session_hash) as session:
            event_id = await self._send(session, script)
            async with aclosing(self._follow(session, contract, event_id)) as events:
                async for event in events:
                    yield event
        if self._answer.stopped_by is not None:
            self._standing.leave()  # its session may hold more of the answer than was heard
        yield Reply(
            text=self._answer.text,
            tool_calls=self._answer.tool_calls,
            broken_calls=self._answer.broken_calls,
            timing=self._stopwatch.timing(),
            sent=Sent(
                script.text, tuple(file.name for file in script.files), session.session_hash, event_id, number
            ),
            space=self._settings.address.api_url,
            model=self._settings.model,
            stopped_by=self._answer.stopped_by,
            gradio_version=contract.gradio_version,
        )

    def _settle_session(self, contract: Contract) -> Script:
        """Makes sure of a session on this start of the Space, and tells what has to be said on it."""
        standing = self._standing
        if standing.app_id != contract.app_id:
            standing.leave()  # the Space restarted and knows nothing any more
        if not standing.session_hash:
            standing.session_hash, standing.app_id = self._new_session_hash(), contract.app_id
        return self._question.news if standing.is_known else self._question.whole

    async def _send(self, session: Session, script: Script) -> str:
        standing, within = self._standing, self._stopwatch.within
        if standing.filed is None:
            connections = self._site.connections
            files = await within(self._site.upload(script.files)) if script.files else []
            standing.filed = await within(session.predict(script.text, files=files, history=standing.history))
            if standing.is_known and self._site.connections > connections:
                await self._check_start()
        return await within(session.post(standing.filed))

    async def _check_start(self) -> None:
        """Asks whether the Space restarted, where a connection that was thought to be open was not."""
        self._site.doubt()
        contract = await self._stopwatch.within(self._site.contract())
        if contract.app_id != self._standing.app_id:
            raise StreamLost("The Space restarted, and forgot the conversation")

    async def _follow(
        self, session: Session, contract: Contract, event_id: str
    ) -> AsyncGenerator[Event, None]:
        """Listens to the job until its end or a stop string, and takes it back when left before its end."""
        message: WireEvent | None = None
        try:
            async with aclosing(session.get(event_id)) as messages:
                while not isinstance(message, Finished) and self._answer.stopped_by is None:
                    message = await self._stopwatch.within(anext(messages))
                    for events in self._read(message, contract):
                        for event in events:
                            yield event
                        # A Space may send much that costs time and no waiting: deadlines, and others on this
                        # loop, get their turn between any two pieces of work.
                        await self._stopwatch.within(checkpoint())
        finally:
            if not isinstance(message, Finished | Failed | Cancelled | SessionLost):
                await session.cancel(event_id)

    def _read(self, message: WireEvent, contract: Contract) -> Iterator[Sequence[Event]]:
        """What one message means to the caller, in parts that take a moment each."""
        match message:
            case Queued():
                self._stopwatch.mark("queued")
                yield [message]
            case Started():
                self._stopwatch.mark("started")
                yield [message]
            case Progress() | Notice():
                self._count_notice()
                yield [message]
            case Snapshot():
                yield from self._listen(answer_text(contract.answered_history(message.data)) or "")
            case Finished():
                yield from self._finish(contract.answered_history(message.data))
            case _:
                yield self._end_badly(message)

    def _count_notice(self) -> None:
        self._notices += 1
        if self._notices > self._limits.notices:
            what = f"The Space sent more than {self._limits.notices} notices and progress reports"
            raise LimitExceeded(what, which="notices", limit=self._limits.notices)

    def _listen(self, snapshot: str) -> Iterator[Sequence[Event]]:
        if len(snapshot) > self._limits.answer:
            what = f"The answer has more than {self._limits.answer} characters"
            raise LimitExceeded(what, which="answer", limit=self._limits.answer)
        for step in self._answer.steps(snapshot):
            news = self._answer.read(step)
            if news:
                self._spoke = True
                self._stopwatch.mark("first_text")
            yield news

    def _finish(self, history: list[Any]) -> Iterator[Sequence[Event]]:
        snapshot = answer_text(history)
        if snapshot is None:
            raise UnexpectedAnswer("The Space ended the turn without an answer")
        yield from self._listen(snapshot)
        self._standing.settle(history)
        yield self._answer.close()

    def _end_badly(self, message: WireEvent) -> list[Event]:
        match message:
            case Failed(text, title):
                raise from_handler(text, title)
            case Cancelled():
                raise TurnCancelled("The turn was cancelled on the Space")
            case SessionLost(text):
                raise StreamLost(f"The Space does not know the session: {text}")
            case _:
                return []  # a heartbeat

    def _learn_from(self, failure: Phi4Error) -> None:
        """Forgets what the failure shows to be stale, and decides whether to try again."""
        failure.partial_text = self._answer.text
        failure.locate(step="get", space=str(self._settings.address))
        self._again = self._worth_another_try(failure)
        refused = isinstance(failure, InvalidInput) and self._standing.filed is None
        self._sound = refused and self._standing.is_known  # nothing was sent, and it knows what it knew
        if not (self._sound or isinstance(failure, QueueFull)):
            self._standing.leave()
        if isinstance(failure, ConnectionFailed | StreamLost):
            self._site.doubt()
        if isinstance(failure, UploadLost) or self._looks_stale(failure):
            self._site.forget()

    def _looks_stale(self, failure: Phi4Error) -> bool:
        """Whether the Space may have changed under the contract or the uploads that we remember.

        A server answers 404 or 500 to a number that it does not know; and with show_error off it hides that
        an uploaded file is gone.
        """
        match failure:
            case UnexpectedAnswer(step="predict" | "post", status=404 | 405 | 500):
                return True
            case SpaceError(step="predict", hidden=True):
                return bool(self._question.whole.files)
            case _:
                return False

    def _worth_another_try(self, failure: Phi4Error) -> bool | float:
        """Whether to try again; as a number, after so many seconds."""
        if self._spoke or isinstance(failure, SpaceUnavailable):
            return False  # one that is not up was waited for already
        if self._looks_stale(failure):
            again, self._forgot = not self._forgot, True
            return again
        if isinstance(failure, DeadlineExceeded) and failure.which not in {"connect", "request"}:
            return False
        if failure.retryable and failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= _LONGEST_WAIT else False
        return failure.retryable
