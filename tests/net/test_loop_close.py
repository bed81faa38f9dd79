"""Loops that end without a word: a bare close, none at all, a fork. The pool's client is closed even so."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from phi4_space._net import loop_close
from phi4_space._net.pool import ClientPool


async def _answer(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


def pool() -> tuple[ClientPool, list[httpx.AsyncClient]]:
    """A pool, and the clients that it opened."""
    opened: list[httpx.AsyncClient] = []

    def open_client() -> httpx.AsyncClient:
        opened.append(httpx.AsyncClient(transport=httpx.MockTransport(_answer)))
        return opened[-1]

    return ClientPool(open_client), opened


async def use(pool: ClientPool) -> None:
    async with pool.borrow() as client:
        await client.get("http://space.test")


def run_bare(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """As LlamaIndex's `asyncio_run` does it: no `shutdown_asyncgens` afterwards."""
    loop.run_until_complete(work())


def test_a_bare_close_closes_the_client() -> None:
    """The clients of two pools, each once, before the loop is closed; a second close is none."""
    one, its = pool()
    other, others = pool()
    loop = asyncio.new_event_loop()
    run_bare(loop, lambda: use(one))
    run_bare(loop, lambda: use(other))
    run_bare(loop, lambda: use(one))

    loop.close()
    loop.close()

    assert [client.is_closed for client in (*its, *others)] == [True, True]
    assert loop.is_closed()


def test_a_loop_that_nobody_closes_is_looked_after_at_the_end() -> None:
    """The program's end closes clients; the loop is its owner's to close."""
    one, opened = pool()
    loop = asyncio.new_event_loop()
    run_bare(loop, lambda: use(one))

    loop_close._close_at_exit()

    assert opened[0].is_closed
    assert not loop.is_closed()
    loop.close()


def test_a_closed_client_is_opened_anew() -> None:
    """A loop that goes on after that has a client again."""
    one, opened = pool()
    loop = asyncio.new_event_loop()
    run_bare(loop, lambda: use(one))
    loop_close._close_at_exit()

    run_bare(loop, lambda: use(one))
    loop.close()

    assert [client.is_closed for client in opened] == [True, True]


def test_a_busy_loop_is_left_alone() -> None:
    """Closing a loop that runs stays the error that it is, and closes no client."""
    one, opened = pool()

    async def close_within() -> None:
        await use(one)
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()
        assert not opened[0].is_closed

    asyncio.run(close_within())
    assert opened[0].is_closed


class Sealed(asyncio.SelectorEventLoop):
    """A loop that takes no hook, as those that are not written in Python, such as uvloop's."""

    def __setattr__(self, name: str, value: object) -> None:
        """Sets everything but the hook."""
        if name == "close":
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_a_loop_that_takes_no_hook_works_as_before() -> None:
    """`asyncio.run` ends its clients, and those of one that was closed without a word are forgotten."""
    one, opened = pool()
    loop = Sealed()
    run_bare(loop, lambda: use(one))
    loop.close()

    with asyncio.Runner(loop_factory=Sealed) as runner:
        runner.run(use(one))

    assert [client.is_closed for client in opened] == [False, True]
    assert not one._clients


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_closes_nothing_of_its_parent() -> None:
    """At its end it leaves the loops that it inherited alone: their connections are the parent's."""
    one, opened = pool()
    loop = asyncio.new_event_loop()
    run_bare(loop, lambda: use(one))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
        child = os.fork()
    if not child:
        loop_close._close_at_exit()
        os._exit(int(opened[0].is_closed))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert not opened[0].is_closed
    loop.close()
    assert opened[0].is_closed


def test_what_a_child_inherits_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook that runs in it after a fork leaves nothing to be closed there."""
    monkeypatch.setattr(loop_close, "_hooks", weakref.WeakSet())
    one, opened = pool()
    loop = asyncio.new_event_loop()
    run_bare(loop, lambda: use(one))

    loop_close._after_fork()
    loop_close._close_at_exit()

    assert not opened[0].is_closed
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert opened[0].is_closed
