"""Where an answer ends: the first stop string, however the text was cut, and what is held back until then."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phi4_space._prompt.stop import StopReader

CALL = 7
"""What stands between texts: anything that is none."""
Pieces = list[str | int]


def read(reader: StopReader[int], *feeds: Pieces) -> list[Pieces]:
    """What comes out at each step, the end included."""
    return [*(reader.feed(pieces) for pieces in feeds), reader.close()]


def joined(pieces: Pieces) -> Pieces:
    """The pieces, with neighbouring texts made one."""
    whole: Pieces = []
    for piece in pieces:
        if whole and isinstance(piece, str) and isinstance(whole[-1], str):
            whole[-1] += piece
        else:
            whole.append(piece)
    return whole


@pytest.mark.parametrize(
    ("stop", "feeds", "out", "stopped_by"),
    [
        ([], [["Hello"]], [["Hello"], []], None),
        (["END"], [["Hello"]], [["Hello"], []], None),
        (["END"], [["Hello END of it"]], [["Hello "], []], "END"),
        (["END"], [["END"]], [[], []], "END"),
        (["END"], [["a E"], ["ND b"], ["c"]], [["a "], [], [], []], "END"),
        (["END"], [["a EN"], ["D"]], [["a "], [], []], "END"),
        (["END"], [["a E"], ["Nd"]], [["a "], ["ENd"], []], None),
        (["END"], [["a EE"], ["ND"]], [["a E"], [], []], "END"),
        (["END"], [["a EN"]], [["a "], ["EN"]], None),
        # the earliest begins first, though another may be whole before it
        (["b", "abc"], [["ab"], ["c"]], [[], [], []], "abc"),
        (["b", "abc"], [["ab"], ["d"]], [[], ["a"], []], "b"),
        (["b", "abc"], [["ab"]], [[], ["a"]], "b"),
        (["abc", "ab"], [["xab"]], [["x"], []], "ab"),
        (["abc", "ab"], [["xabc"]], [["x"], []], "ab"),
        # what is no text passes by, in its place
        (["END"], [["a", CALL, "b"]], [["a", CALL, "b"], []], None),
        (["END"], [["a", CALL, "END", CALL]], [["a", CALL], []], "END"),
        (["END"], [["a", CALL, "EN", CALL]], [["a", CALL], ["EN", CALL]], None),
        (["END"], [["aE", CALL, "ND"]], [["a"], []], "END"),
        (["END"], [["aE"], [CALL], ["x", CALL]], [["a"], [], ["E", CALL, "x", CALL], []], None),
        (["END"], [["END", CALL], [CALL, "more"]], [[], [], []], "END"),
    ],
)
def test_the_text_ends_before_the_first_stop_string(
    stop: list[str], feeds: list[Pieces], out: list[Pieces], stopped_by: str | None
) -> None:
    """Only what may still become a stop string is held back; what stands behind one never comes."""
    reader = StopReader[int](stop)

    assert read(reader, *feeds) == out
    assert reader.stopped_by == stopped_by


@pytest.mark.parametrize("text", ["x ab", "x abc", "x abx"])
def test_it_is_met_as_soon_as_it_has_come(text: str) -> None:
    """Of two that begin alike the shorter is met at once: the job need not go on for the longer."""
    reader = StopReader[int](["abc", "ab"])

    assert reader.feed([text]) == ["x "]
    assert reader.stopped_by == "ab"


letters = st.text("abc", max_size=12)
stops = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)
cuts = st.lists(st.integers(0, 12), max_size=6)


@given(letters, stops, cuts)
@example("abcd", ["bc", "abcde"], [3])
def test_where_it_ends_depends_on_the_text_alone(text: str, stop: list[str], cuts: list[int]) -> None:
    """However the text was cut, it ends at the earliest place where a stop string begins in the whole."""
    ends = [0, *sorted(cuts), len(text)]
    feeds: list[Pieces] = [[text[one:other]] for one, other in pairwise(ends)]
    reader = StopReader[int](stop)

    out = [piece for pieces in read(reader, *feeds) for piece in pieces]

    found = [(text.index(word), len(word), word) for word in stop if word in text]
    end, _, stopped_by = min(found, default=(len(text), 0, None))
    assert "".join(map(str, out)) == text[:end]
    assert reader.stopped_by == stopped_by


@given(st.lists(st.just(CALL) | st.sampled_from("abc"), max_size=10), stops, cuts)
def test_what_is_no_text_keeps_its_place(pieces: Pieces, stop: list[str], cuts: list[int]) -> None:
    """Calls before the stop string come out where they stood, and those behind its beginning never do."""
    ends = [0, *sorted(cuts), len(pieces)]
    cut = [pieces[one:other] for one, other in pairwise(ends)]
    reader = StopReader[int](stop)

    out = [piece for some in read(reader, *cut) for piece in some]

    letters = [at for at, piece in enumerate(pieces) if piece != CALL]
    text = "".join(str(pieces[at]) for at in letters)
    end = min((text.index(word) for word in stop if word in text), default=None)
    assert joined(out) == joined(pieces if end is None else pieces[: letters[end]])


@given(letters, stops)
def test_no_more_is_held_back_than_may_become_a_stop_string(text: str, stop: list[str]) -> None:
    """What is held back begins like some stop string; so without any, nothing ever is."""
    reader = StopReader[int](stop)

    out = "".join(map(str, reader.feed([text])))

    hints = {word[:end] for word in stop for end in range(1, len(word))}
    ends = [end for end in range(len(text)) if text[end:] in hints]
    assert reader.stopped_by or len(out) == min(ends, default=len(text))
