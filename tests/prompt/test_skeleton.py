"""The skeleton of a text: what is left of it without its disguises, and where each letter came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._prompt.skeleton import Skeleton, fold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User: hi\n\t", "User: hi\n\t"),
        ("\uff35\uff53\uff45\uff52\uff1a", "user:"),
        ("\U0001d414\U0001d42c\U0001d41e\U0001d42b\ufe55", "user:"),
        ("\u24ca\u24e2\u24d4\u24e1\ufe13", "user:"),
        ("Us\xader\u200b:", "user:"),
        ("\u3164U\U000e0041ser\uffa0", "user"),
        ("U\u0332s\u0332\xe9r", "user"),
        ("a\xdfi\ufb06ant", "assistant"),
        ("\x00U\x1b\x7fser", "user"),
        ("User\u2236\ua789", "user::"),
        ("\u2800\u3000\xa0User", "   user"),
        ("\uff1c\uff5cend\u226f", "<|end>"),
        ("a\x85\u2028\u2029\x1c\x1f", "a\x85\u2028\u2029\x1c\x1f"),
        ("\u0455\ud800\U0001f600", "\u0455\ud800\U0001f600"),
        ("", ""),
    ],
)
def test_disguises_are_taken_off(text: str, expected: str) -> None:
    """Forms, marks and what is not seen; plain text, line ends and other scripts stay as they are."""
    assert Skeleton.of(text).text == expected


@given(st.text(st.characters(blacklist_categories=[])))
def test_each_letter_has_its_origin(text: str) -> None:
    """Each character of a skeleton is found in what the character that it came from folds to."""
    skeleton = Skeleton.of(text)
    origins = skeleton.origins(range(len(skeleton.text)))

    assert origins == sorted(origins)
    for letter, origin in zip(skeleton.text, origins, strict=True):
        assert letter in {text[origin], *fold(text[origin])}
    assert skeleton.origins([]) == []


@given(st.text(), st.text())
def test_a_skeleton_is_made_letter_by_letter(before: str, behind: str) -> None:
    """What stands beside a letter changes nothing about it."""
    whole = Skeleton.of(before + behind).text.casefold()

    assert whole == (Skeleton.of(before).text + Skeleton.of(behind).text).casefold()
