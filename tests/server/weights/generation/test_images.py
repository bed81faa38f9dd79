"""Images as Phi-4 sees them: how many tokens each size is, before anything is decoded."""

from __future__ import annotations

import media
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.weights.generation.images import count_tokens, lay_out, size_of
from phi4_server.weights.generation.loaded import ImageForm

FORM = ImageForm()


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (64, 64, 545),
        (448, 448, 545),
        (500, 300, 721),
        (300, 500, 732),
        (640, 480, 1065),
        (1024, 768, 1681),
        (4000, 3000, 3393),
        (1920, 1080, 3918),
        (2000, 300, 1245),
        (900, 17, 322),
        (17, 900, 369),
    ],
)
def test_tokens_by_size(width: int, height: int, tokens: int) -> None:
    """As transformers' own processor counted them."""
    assert count_tokens(lay_out(width, height, FORM), FORM) == tokens


def test_too_narrow() -> None:
    """An image of which less than ten pixels would be left is refused, with its size."""
    with pytest.raises(ValueError, match="900 x 6 pixels"):
        lay_out(900, 6, FORM)


def test_a_png_names_its_size() -> None:
    """It is read without decoding it."""
    assert size_of(media.square(1, 2, 3)) == size_of(media.square(3, 2, 1)) > (0, 0)


@given(width=st.integers(1, 6000), height=st.integers(1, 6000), most=st.integers(1, 36))
def test_an_image_never_has_more_crops_than_it_may(width: int, height: int, most: int) -> None:
    """And fits on them, as large as it can be."""
    form = ImageForm(most_crops=most)
    try:
        layout = lay_out(width, height, form)
    except ValueError:
        return

    assert layout.columns * layout.rows <= most
    across, down = form.crop * layout.columns, form.crop * layout.rows
    assert layout.width <= across
    assert layout.height <= down
    assert layout.width >= across - 1 or layout.height >= down - 1
