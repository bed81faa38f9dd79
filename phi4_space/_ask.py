"""The four methods that take a turn: whole or streamed, asynchronous or not. Knows events; no Space.

The synchronous methods carry the same turn out on the background loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import aclosing
from typing import Any, Unpack, cast

from phi4_space._caller import Caller, calling_line
from phi4_space._sync.bridge import call, iterate
from phi4_space._sync.loop import require_asyncio
from phi4_space._sync.task import run_in_task
from phi4_space._turn.request import Message, Options
from phi4_space._turns import Event, Reply


class AskMethods(ABC):
    """What a client and a conversation are asked by.

    Each method notes who called it: the turn runs in another task or thread, from which no caller is seen.
    """

    @abstractmethod
    def _turn(self, message: Message, options: Options, caller: Caller) -> AsyncGenerator[Event, None]:
        """Takes one turn; the `Reply` comes last."""

    def astream(self, message: Message = "", **options: Unpack[Options]) -> AsyncGenerator[Event, None]:
        """Asks, and yields what happens as it happens.

        Args:
            message: Words, a `Turn`, or several, oldest first.
            **options: See `Options`: media, system, prompt, tools, stop, temperature and more.

        Yields:
            `Queued`, `Started`, `Progress`, `Notice`, `Delta` ..., and the `Reply` last. Closing the
            generator early, as `contextlib.aclosing` does, cancels the job on the Space; so does cancelling
            the task.

        Raises:
            InvalidInput: What was passed cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        caller = calling_line()
        return run_in_task(lambda: self._turn(message, options, caller))

    def areply(self, message: Message = "", **options: Unpack[Options]) -> Coroutine[Any, Any, Reply]:
        """Asks and waits for the whole answer; arguments and errors are those of `astream`."""
        return self._last(message, options, calling_line())  # not awaited here: a task has no caller

    def stream(self, message: Message = "", **options: Unpack[Options]) -> Generator[Event, None, None]:
        """`astream` for synchronous callers, `closing` for `aclosing`; works inside a running loop, too."""
        caller = calling_line()
        return iterate(lambda: self._turn(message, options, caller))

    def reply(self, message: Message = "", **options: Unpack[Options]) -> Reply:
        """`areply` for synchronous callers; works inside a running loop, too."""
        caller = calling_line()
        return call(lambda: self._last(message, options, caller))

    async def _last(self, message: Message, options: Options, caller: Caller) -> Reply:
        require_asyncio()
        async with aclosing(self._turn(message, options, caller)) as events:
            [*_, last] = [event async for event in events]
        return cast("Reply", last)  # as `_turn` promises
