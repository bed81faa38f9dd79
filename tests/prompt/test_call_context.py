"""Where no call is one: in thoughts, and in other JSON."""

from __future__ import annotations

import pytest

from phi4_space._prompt.call_context import find_thought_end, is_nested, partial_thought_end


@pytest.mark.parametrize(
    ("before", "nested"),
    [
        ("", False),
        ("Sure: ", False),
        ('{"answer": ', True),
        ('{"tool_calls": ', False),
        ('{"tool_calls": [', False),
        ('{"steps": [{"a": 1}, ', True),
        ('[{"a": 1}, ', False),
        ('{"note": "}", "steps": [1, ', True),
        ('{"note": "\\"}", "steps": [1, ', True),
        ('{"steps": [1]}, ', False),
    ],
)
def test_a_part_of_other_json(before: str, *, nested: bool) -> None:
    """The value of a property is one, at any depth, unless calls stand there; strings hold no brackets."""
    assert is_nested(before) is nested


def test_the_end_of_a_thought() -> None:
    """Is found however much of it was searched before; half of it may be one."""
    text = "why not</THINK> so"

    assert [find_thought_end(text, seen) for seen in (0, 9, 14)] == [15, 15, 15]
    assert find_thought_end("why </thin", 0) is None
    assert (partial_thought_end("why </thin", 0), partial_thought_end("why", 0)) == (4, 3)
