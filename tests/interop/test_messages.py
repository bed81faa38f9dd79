from __future__ import annotations

import pytest

from phi4_space.interop import read_call_arguments, to_role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("human", "user"),
        ("AI", "assistant"),
        ("chatbot", "assistant"),
        ("model", "assistant"),
        ("function", "tool"),
        ("narrator", None),
    ],
)
def test_each_librarys_roles_are_known(name: str, role: str | None) -> None:
    """In any case; what a strange name means is not guessed."""
    assert to_role(name) == role


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        (' {"a": 1}\n', {"a": 1}),
        ("", {}),
        (" \n", {}),
        ("null", {}),
        ('"{}"', {}),
        (None, {}),
        ("{'a': True,}", {"a": True}),
        ("[1]", None),
        ('{"a": ', None),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        (f'{{"a": {"9" * 400}}}', None),
        ("[" * 100_000, None),
        ('{"a":' * 1_000 + "1" + "}" * 1_000, None),
        (5, None),
    ],
)
def test_arguments_are_read_or_not_made_up(arguments: object, expected: object) -> None:
    """A call whose arguments cannot be read is not carried out without them."""
    assert read_call_arguments(arguments) == expected
