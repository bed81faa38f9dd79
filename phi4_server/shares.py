"""Who holds how much of what is scarce, and whose turn is next. Knows no Gradio and no sockets.

A client is an address, or a network where a client has one to itself. What one client may hold is bounded by
nothing but what there is: only when that is used up, whoever holds most gives way.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Thing = TypeVar("Thing", bound=Hashable)

CLIENT: ContextVar[str] = ContextVar("CLIENT", default="")
"""Whose request is being answered; "" where it is nobody's."""

SIZE = "phi4_server.size"
"""Under which a request's scope has the bytes of its body."""


def client_of(address: Any) -> str:
    """The client at an address.

    Args:
        address: Host and port, as ASGI has them; None where they are unknown.
    """
    host = str(address[0]) if address else ""
    try:
        version_6 = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    mapped = version_6.ipv4_mapped
    # A house is given a whole network, and each of its machines as many addresses in it as it likes.
    return str(mapped or ipaddress.IPv6Network((int(version_6) >> 64 << 64, 64)))


def in_turns(line: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """A line in which everyone's first comes before anyone's second, and the second before the third.

    Those who come equally often stay in order, and so does what belongs to one of them.
    """
    seen: Counter[Hashable] = Counter()
    rounds: list[tuple[int, T]] = []
    for one in line:
        rounds.append((seen[key(one)], one))
        seen[key(one)] += 1
    return [one for _, one in sorted(rounds, key=lambda place: place[0])]


class Shares(Generic[Thing]):
    """Things that clients hold, each of some size."""

    def __init__(self, most: int) -> None:
        """Is crowded once there is more than `most`."""
        self._most = most
        self._total = 0
        self._clients: OrderedDict[str, dict[Thing, int]] = OrderedDict()
        self._sizes: Counter[str] = Counter()
        self._owners: dict[Thing, str] = {}

    def hold(self, thing: Thing, client: str, size: int = 1) -> None:
        """Notes that a thing is held, or of what size it is now. It becomes the youngest of its client's.

        What is held already stays with whom it is.
        """
        client = self.free(thing) or client
        self._clients.setdefault(client, {})[thing] = size
        self._clients.move_to_end(client)
        self._owners[thing] = client
        self._sizes[client] += size
        self._total += size

    def free(self, thing: Thing) -> str | None:
        """Notes that a thing is no longer held.

        Returns:
            Whose it was, or None if it was not held.
        """
        client = self._owners.pop(thing, None)
        if client is None:
            return None
        size = self._clients[client].pop(thing)
        self._total -= size
        self._sizes[client] -= size
        if not self._clients[client]:
            del self._clients[client], self._sizes[client]
        return client

    @property
    def crowded(self) -> bool:
        """Whether somebody has to give way."""
        return self._total > self._most

    def largest(self) -> list[Thing]:
        """What the client holds who holds most, oldest first; of equals, the one not seen for longest."""
        client = max(self._clients, key=self._sizes.__getitem__, default=None)
        return [] if client is None else [*self._clients[client]]
