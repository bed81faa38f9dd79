"""Which event loop a framework's class may be used on. Knows methods; no framework."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from phi4_space._sync.loop import is_asyncio, require_asyncio

C = TypeVar("C")
_Method = Callable[..., Any]


def on_asyncio(*names: str) -> Callable[[type[C]], type[C]]:
    """Has a class refuse its asynchronous methods where asyncio's loop does not run, as under trio.

    The methods of its bases count as well: they would fail somewhere in the framework, and leave coroutines
    behind that nobody awaits.

    Args:
        *names: Public methods that are not defined as asynchronous, and return what is.
    """

    def decorate(cls: type[C]) -> type[C]:
        for name, method in _public(cls):
            if inspect.iscoroutinefunction(method):
                setattr(cls, name, _coroutine(method))
            elif inspect.isasyncgenfunction(method):
                setattr(cls, name, _generator(method))
            elif name in names:
                setattr(cls, name, _function(method))
        return cls

    return decorate


def _public(cls: type) -> Iterable[tuple[str, _Method]]:
    found = ((name, inspect.getattr_static(cls, name)) for name in dir(cls) if not name.startswith("_"))
    return [(name, method) for name, method in found if inspect.isfunction(method)]


def _coroutine(method: _Method) -> _Method:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        require_asyncio()
        return await method(*args, **kwargs)

    return call


def _generator(method: _Method) -> _Method:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        require_asyncio()
        async with aclosing(method(*args, **kwargs)) as items:
            async for item in items:
                yield item

    return call


def _function(method: _Method) -> _Method:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        made = method(*args, **kwargs)
        if is_asyncio():  # nothing stands between it and its caller, at whom its warnings point
            return made
        return _later(made) if inspect.iscoroutine(made) else _generator(lambda: made)()

    return call


async def _later(made: Coroutine[Any, Any, Any]) -> Any:
    try:
        require_asyncio()
    except BaseException:
        made.close()
        raise
    return await made
