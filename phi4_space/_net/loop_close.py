"""A hook on a loop's `close` that first closes what was left open on the loop. Knows asyncio; no HTTP.

Why a method of asyncio is patched: `asyncio.run` closes the async generators of its loop before the loop,
and that is how `phi4_space._net.pool` closes its sockets in time. Two ways to end a loop skip that step:
LlamaIndex's `asyncio_run` closes its loop without `shutdown_asyncgens`, and `nest_asyncio` never closes one.
The sockets would stay open until the garbage collector found them and warned of each. asyncio does not notify
anybody that a loop is about to close: `close` is the one method that is sure to be called.

A loop that is never closed is handled when the program exits. In a forked child nothing is closed, since the
connections belong to the parent.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any


class _CloseHook:
    """A loop's `close`, which first closes the generators that are registered with it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._close = loop.close
        self.generators: weakref.WeakSet[AsyncGenerator[Any, None]] = weakref.WeakSet()

    def __call__(self) -> None:
        self.close_generators()
        self._close()

    def close_generators(self) -> None:
        """Closes all of them, unless the loop is running or already closed."""
        while self.generators and not (self._loop.is_running() or self._loop.is_closed()):
            self._loop.run_until_complete(self.generators.pop().aclose())


_hooks: weakref.WeakSet[_CloseHook] = weakref.WeakSet()


def close_with_loop(loop: asyncio.AbstractEventLoop, generator: AsyncGenerator[Any, None]) -> None:
    """Has a generator closed before its loop is, or else when the program exits.

    A loop whose `close` cannot be replaced, such as uvloop's, is left as it is until the program exits.

    Args:
        loop: The loop; its `close` is replaced on first use.
        generator: A generator that was started on the loop; it is held by a weak reference.
    """
    hook = loop.close
    if not isinstance(hook, _CloseHook):
        hook = _CloseHook(loop)
        with suppress(AttributeError):  # a loop that is not written in Python
            loop.close = hook  # type: ignore[method-assign] # see the module's docstring
        _hooks.add(hook)
    hook.generators.add(generator)


@atexit.register
def _close_at_exit() -> None:
    for hook in list(_hooks):
        hook.close_generators()


def _after_fork() -> None:
    for hook in _hooks:
        hook.generators.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none, and does not fork
    os.register_at_fork(after_in_child=_after_fork)
