"""Whether what looks like a call is part of other JSON."""

from __future__ import annotations

import pytest

from phi4_space._prompt.call_context import is_nested


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
        ('{"steps": [{"note": "x \\" ]} \\" y"}, ', True),
        ('{"steps": [1]}, ', False),
    ],
)
def test_a_part_of_other_json(before: str, *, nested: bool) -> None:
    """The value of a property is one, at any depth, unless calls stand there; strings hold no brackets."""
    assert is_nested(before) is nested
