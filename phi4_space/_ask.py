"""The four doors to a turn: whole or streamed, asynchronous or not. Knows events; not how a turn is taken.

The synchronous doors carry the same turn out on the background loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Unpack, cast

from phi4_space._sync.bridge import call, iterate
from phi4_space._sync.task import run_in_task
from phi4_space._turn.request import Message, Options
from phi4_space._turn.sampling import SamplingPolicy
from phi4_space._turns import Event, Reply


class Doors(ABC):
    """What one can ask things.

    Each door warns for itself: the turn runs in another task or thread, from which no caller is seen.
    """

    @property
    @abstractmethod
    def _sampling(self) -> SamplingPolicy:
        """Warns of options that are ignored."""

    @abstractmethod
    def _turn(self, message: Message, options: Options) -> AsyncGenerator[Event, None]:
        """Takes one turn; the `Reply` comes last."""

    def astream(self, message: Message = "", **options: Unpack[Options]) -> AsyncGenerator[Event, None]:
        """Asks, and yields what happens as it happens.

        Args:
            message: Words, a `Turn`, or several, oldest first.
            **options: See `Options`: media, system, prompt, tools, stop and more.

        Yields:
            `Queued`, `Started`, `Progress`, `Notice`, `Delta` ..., and the `Reply` last. Leaving early takes
            the job back on the Space.

        Raises:
            InvalidInput: What was handed in cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        self._sampling.warn(options.get("sampling"))
        return run_in_task(lambda: self._turn(message, options))

    async def areply(self, message: Message = "", **options: Unpack[Options]) -> Reply:
        """Asks and waits for the whole answer; arguments and errors are those of `astream`."""
        self._sampling.warn(options.get("sampling"))
        async with aclosing(self._turn(message, options)) as events:
            [*_, last] = [event async for event in events]
        return cast("Reply", last)  # as `_turn` promises

    def stream(self, message: Message = "", **options: Unpack[Options]) -> Generator[Event, None, None]:
        """`astream` for synchronous callers; works inside a running loop, too."""
        self._sampling.warn(options.get("sampling"))
        return iterate(lambda: self._turn(message, options))

    def reply(self, message: Message = "", **options: Unpack[Options]) -> Reply:
        """`areply` for synchronous callers; works inside a running loop, too."""
        self._sampling.warn(options.get("sampling"))
        return call(lambda: self.areply(message, **options))
