"""Who holds how much, who gives way, and whose turn is next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server.shares import Shares, client_of, in_turns

LINES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), max_size=30)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (["10.0.0.1", 5], "10.0.0.1"),
        (("::ffff:10.0.0.1", 5), "10.0.0.1"),
        (("2001:db8::1", 5), "2001:db8::/64"),
        (("2001:db8:0:0:ffff::9", 5), "2001:db8::/64"),
        (("2001:db8:0:1::1", 5), "2001:db8:0:1::/64"),
        (("", 0), ""),
        (None, ""),
    ],
)
def test_clients(address: Sequence[object] | None, client: str) -> None:
    """An address is a client, and so is a network that one machine has to itself."""
    assert client_of(address) == client


@settings(deadline=None)
@given(LINES)
def test_everyone_comes_before_anyone_comes_twice(line: list[tuple[str, int]]) -> None:
    """Nobody is lost; rounds follow one another; what belongs to one stays in order."""
    ordered = in_turns(line, lambda one: one[0])
    assert Counter(ordered) == Counter(line)
    seen: Counter[str] = Counter()
    rounds = []
    for client, _ in ordered:
        rounds.append(seen[client])
        seen[client] += 1
    assert rounds == sorted(rounds)
    for client in "abc":
        assert [one for one in ordered if one[0] == client] == [one for one in line if one[0] == client]


@settings(deadline=None)
@given(LINES, st.integers(0, 99))
def test_a_newcomer_waits_for_one_of_each_at_most(line: list[tuple[str, int]], number: int) -> None:
    """However long the line is that others make."""
    ordered = in_turns([*line, ("new", number)], lambda one: one[0])
    assert ordered.index(("new", number)) <= len({client for client, _ in line})


def test_whoever_holds_most_gives_way() -> None:
    """Oldest things first; what is used again is the youngest; what grows counts for more."""
    shares: Shares[str] = Shares(5)
    for thing in ("a1", "a2", "a3", "b1", "b2"):
        shares.hold(thing, thing[0])
    assert not shares.crowded
    shares.hold("a1", "b")  # it stays with whom it is
    shares.hold("b3", "b")
    assert shares.crowded
    assert shares.largest() == ["b1", "b2", "b3"] or shares.largest() == ["a2", "a3", "a1"]
    shares.hold("b1", "b", 3)
    assert shares.largest() == ["b2", "b3", "b1"]
    assert shares.free("b1") == "b"
    assert shares.largest() == ["a2", "a3", "a1"]


def test_of_equals_the_one_not_seen_for_longest() -> None:
    """So that a crowd of clients with one thing each lets its oldest go."""
    shares: Shares[str] = Shares(2)
    for thing in "abc":
        shares.hold(thing, thing)
    assert shares.largest() == ["a"]
    shares.hold("a", "a")
    assert shares.largest() == ["b"]


def test_nothing_held() -> None:
    """There is nothing to give."""
    shares: Shares[str] = Shares(0)
    assert (shares.crowded, shares.largest(), shares.free("a")) == (False, [], None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("hold"), st.integers(0, 9), st.sampled_from("abc"), st.integers(0, 9)),
            st.tuples(st.just("free"), st.integers(0, 9), st.just(""), st.just(0)),
        ),
        max_size=60,
    ),
    st.integers(1, 20),
)
def test_never_more_than_there_is(steps: list[tuple[str, int, str, int]], most: int) -> None:
    """With the largest giving way, no more is held than there is, and the smallest loses nothing to it."""
    shares: Shares[int] = Shares(most)
    held: dict[int, tuple[str, int]] = {}
    for what, thing, client, size in steps:
        if what == "free":
            owner = held.pop(thing, (None, 0))[0]
            assert shares.free(thing) == owner
            continue
        shares.hold(thing, client, size)
        held[thing] = (held[thing][0] if thing in held else client, size)
        while shares.crowded:
            sizes: Counter[str] = Counter()
            for owner, one in held.values():
                sizes[owner] += one
            gone = shares.largest()[0]
            assert sizes[held[gone][0]] == max(sizes.values())
            shares.free(gone)
            del held[gone]
        assert sum(size for _, size in held.values()) <= most
