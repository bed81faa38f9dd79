"""A turn, from the call to the reply: prepared, asked, and asked once more where the answer is rejected.

Knows the order of the parts; deadline, timing and attempts are the turn's, however often it asks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from phi4_space._errors import Phi4Error
from phi4_space._gradio.server import GradioServer
from phi4_space._turn.answer_check import AnswerCheck
from phi4_space._turn.availability import Availability
from phi4_space._turn.budget import TurnBudget
from phi4_space._turn.exchange import Exchange
from phi4_space._turn.files import FileReader
from phi4_space._turn.option_policy import OptionPolicy
from phi4_space._turn.prepared import to_prepared
from phi4_space._turn.request import LoadedTurn, Request
from phi4_space._turn.state import SessionState
from phi4_space._turn.thoughts import Thoughts
from phi4_space._turns import Event, Reply, Rewritten, Turn


class TurnRunner:
    """Takes turns with one Space.

    Args:
        server: The Space.
        availability: Waits for it where it is not up.
        files: Reads media.
        clock: Seconds, never going back.
        new_session_hash: Makes the name of a new session.
        new_call_id: Makes the id of a tool call.
    """

    def __init__(
        self,
        server: GradioServer,
        availability: Availability,
        files: FileReader,
        *,
        clock: Callable[[], float],
        new_session_hash: Callable[[], str],
        new_call_id: Callable[[], str],
    ) -> None:
        self._server = server
        self._settings = server.settings
        self._availability = availability
        self._files = files
        self._policy = OptionPolicy(strict=server.settings.strict)
        self._clock = clock
        self._new_session_hash = new_session_hash
        self._new_call_id = new_call_id

    async def read(self, request: Request) -> tuple[LoadedTurn, ...]:
        """The turns of a call with their files, which are read here; asks the Space nothing.

        Raises:
            InvalidInput: One cannot be sent.
        """
        if not any(turn.media for turn in request.turns):
            return tuple(LoadedTurn(turn) for turn in request.turns)
        try:
            return await self._files.load(request.turns)
        except Phi4Error as exc:
            exc.locate(step="prepare", space=str(self._settings.address))
            raise

    async def run(
        self,
        request: Request,
        state: SessionState,
        *,
        history: Sequence[LoadedTurn],
        new_turns: Sequence[LoadedTurn],
    ) -> AsyncGenerator[Event, None]:
        """Takes the turn; where the answer is rejected, asks once more, and then gives up.

        Args:
            request: What is asked for.
            state: Where the chat stands on the Space.
            history: The turns before, files included.
            new_turns: The turns that are new.

        Yields:
            What happens, as it happens; the `Reply` comes last.

        Raises:
            ToolChoiceNotMet: The model answered twice without the call that it was told to make.
            ResponseFormatNotMet: The model answered twice with what does not fit.
            Phi4Error: The turn failed otherwise, retries included.
        """
        is_delivered, before = False, replace(state)
        async with aclosing(self._judged(request, state, history, new_turns)) as events:
            try:
                async for event in events:
                    is_delivered = isinstance(event, Reply)
                    yield event
            finally:
                # An answer that nobody got, as where a check of the caller's raised, is not in the history.
                if not is_delivered and state != before:
                    state.reset()

    async def _judged(
        self,
        request: Request,
        state: SessionState,
        history: Sequence[LoadedTurn],
        new_turns: Sequence[LoadedTurn],
    ) -> AsyncGenerator[Event, None]:
        """The turn, whose answer is checked, and asked for once more."""
        budget = TurnBudget(self._settings.timeouts, self._settings.limits, self._clock)
        thoughts, check = Thoughts(), AnswerCheck(request, self._settings.limits)
        ask = partial(self._ask, request, state, budget, thoughts)
        async with aclosing(ask(check, history, new_turns)) as events:
            async for event in events:
                yield event
        if (rejection := check.rejection()) is not None:
            if check.visible and not rejection.keeps_text:
                yield Rewritten("")
            history = (*history, *new_turns, LoadedTurn(check.reply.turn))
            new_turns = (LoadedTurn(Turn(role="user", text=rejection.feedback)),)
            before = check if rejection.keeps_text else None
            check = AnswerCheck(request, self._settings.limits, before=before)
            async with aclosing(ask(check, history, new_turns)) as events:
                async for event in events:
                    yield event
            rejection = check.rejection()
        if rejection is not None and rejection.failure is not None:
            raise rejection.failure
        for event in check.close():
            yield event

    async def _ask(
        self,
        request: Request,
        state: SessionState,
        budget: TurnBudget,
        thoughts: Thoughts,
        check: AnswerCheck,
        history: Sequence[LoadedTurn],
        new_turns: Sequence[LoadedTurn],
    ) -> AsyncGenerator[Event, None]:
        """Asks once, retries included, and yields what may be seen before the answer is judged."""
        exchange = Exchange(
            server=self._server,
            availability=self._availability,
            policy=self._policy,
            turn=to_prepared(
                history,
                new_turns,
                request,
                style=self._settings.prompt_style,
                prefix=self._settings.prompt_prefix,
            ),
            state=state,
            budget=budget,
            thoughts=thoughts,
            new_session_hash=self._new_session_hash,
            new_call_id=self._new_call_id,
        )
        # The first attempt at either question is no retry.
        tries = self._settings.max_retries + 1 - max(0, budget.attempts - 1)
        async with aclosing(exchange.run(tries)) as events:
            async for event in events:
                for visible in check.feed(event):
                    yield visible
