"""A framework's class that may be used on asyncio alone: there it is what it was."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

import anyio
import pytest

from phi4_space import LoopNotSupported
from phi4_space.interop import on_asyncio


class Base:
    """Methods of each kind."""

    closed = False

    async def one(self, value: int) -> int:
        """A coroutine."""
        return value

    async def many(self, value: int) -> AsyncGenerator[int, None]:
        """A generator."""
        try:
            for number in range(value):
                yield number
        finally:
            self.closed = True

    def later(self, value: int) -> Coroutine[Any, Any, int]:
        """A function that returns a coroutine."""
        return self.one(value)

    def stream(self, value: int) -> AsyncGenerator[int, None]:
        """A function that returns a generator."""
        return self.many(value)

    def plain(self) -> int:
        """No asynchronous method."""
        return 7

    async def _private(self) -> int:
        return 8


@on_asyncio("later", "stream")
class Guarded(Base):
    """The same, on asyncio alone."""


def test_on_asyncio_nothing_changes() -> None:
    """What is returned is the same, wherever it was made; a generator that is left early is closed."""
    made = Guarded().later(3)

    async def main() -> None:
        one = Guarded()
        assert await made == 3
        assert (await one.one(1), await one.later(2), one.plain(), await one._private()) == (1, 2, 7, 8)
        assert [number async for number in one.many(2)] == [0, 1]
        assert [number async for number in one.stream(2)] == [0, 1]
        one.closed = False
        items = one.many(2)
        await anext(items)
        await items.aclose()
        assert one.closed

    asyncio.run(main())
    assert inspect.iscoroutinefunction(Guarded.one)
    assert inspect.isasyncgenfunction(Guarded.many)
    assert inspect.signature(Guarded.one) == inspect.signature(Base.one)
    assert Guarded.plain is Base.plain
    assert Base.one.__doc__ == Guarded.one.__doc__


def test_elsewhere_each_refuses() -> None:
    """Once it is awaited or iterated, which may be later."""

    async def main() -> None:
        one = Guarded()
        for coroutine in (one.one(1), one.later(1)):
            with pytest.raises(LoopNotSupported):
                await coroutine
        for items in (one.many(1), one.stream(1)):
            with pytest.raises(LoopNotSupported):
                await anext(items)
        assert (one.plain(), await one._private()) == (7, 8)

    anyio.run(main, backend="trio")
