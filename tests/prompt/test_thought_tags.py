"""The tags of thoughts in a text."""

from __future__ import annotations

import pytest

from phi4_space._prompt.thought_tags import ends_in_thought, find_thought_end, partial_thought_end


def test_the_end_of_a_thought() -> None:
    """Is found however much of it was searched before; half of it may be one."""
    text = "why not</THINK> so"

    assert [find_thought_end(text, seen) for seen in (0, 9, 14)] == [15, 15, 15]
    assert find_thought_end("why </thin", 0) is None
    assert (partial_thought_end("why </thin", 0), partial_thought_end("why", 0)) == (4, 3)


@pytest.mark.parametrize(
    ("text", "thinks"),
    [
        ("", False),
        ("so", False),
        ("<think>", True),
        ("<think>why</think> so", False),
        ("</think><Thought>", True),
    ],
)
def test_a_thought_without_an_end(text: str, *, thinks: bool) -> None:
    """Only the last one counts."""
    assert ends_in_thought(text) is thinks
