"""What a Space takes, as its box says it."""

from __future__ import annotations

import pytest

from phi4_space import Takes


@pytest.mark.parametrize(
    ("takes", "kinds"),
    [
        (Takes(), ("image", "audio")),
        (Takes(max_files=0), ()),
        (Takes(file_types=("image",)), ("image",)),
        (Takes(file_types=(".WAV", "image/*")), ("image", "audio")),
        (Takes(file_types=("video", ".pdf")), ()),
    ],
)
def test_the_kinds_of_media_that_a_space_takes(takes: Takes, kinds: tuple[str, ...]) -> None:
    """Those of Phi-4's that its box has a place for."""
    assert takes.kinds == kinds
