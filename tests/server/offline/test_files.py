"""Which files a chat's end is about, and what their decoder's replies are worth."""

from __future__ import annotations

from pathlib import Path

import media
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline.answer import reply
from phi4_space import Media, PromptStyle, Turn
from phi4_space._prompt.compose import compose


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A red picture and a blue one."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.png").write_bytes(media.square(220, 40, 40))
    (folder / "b.png").write_bytes(media.square(40, 40, 220))
    return folder / "a.png", folder / "b.png"


def answered(text: str, pictures: tuple[Path, ...]) -> str:
    """The model's answer to what a user says of pictures."""
    return reply([Message(role="user", text=f"User: {text}\nAssistant:", files=pictures)])


@given(st.lists(st.sampled_from(["[image 1]", "[image 2]", "cat", "dog?", "\n", ". ", " "]), max_size=12))
def test_any_order_of_words_and_files_is_read(pictures: tuple[Path, Path], parts: list[str]) -> None:
    """Wherever files stand, there is an answer."""
    assert answered("".join(parts), pictures)


@pytest.mark.parametrize("style", ["transcript", "template"])
def test_the_client_tells_what_stands_where(style: PromptStyle, pictures: tuple[Path, Path]) -> None:
    """What the client writes of words and pictures is read as it was meant, in both styles."""
    one, other = map(Media, pictures)
    turn = Turn.of("user", "Our cat:", one, "Our dog:", other, "What colour is the second one?")
    text = compose([turn], kinds=["image", "image"], style=style)

    assert reply([Message(role="user", text=text, files=pictures)]) == (
        "Picture 2: Its main colour is blue (100%, #2828dc)."
    )


@pytest.mark.parametrize("data", [b"", b"GIF", b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0AVI LIST"])
def test_what_is_neither_image_nor_audio_is_refused(data: bytes, tmp_path: Path) -> None:
    """The first bytes tell, whatever the name says."""
    (tmp_path / "a.png").write_bytes(data)

    with pytest.raises(ValueError, match=r"a\.png"):
        container(tmp_path / "a.png")
