"""Which of several files a question means, by the words that stand beside each."""

from __future__ import annotations

from pathlib import Path

import media
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.model import Said
from phi4_server.offline import captioning, prompt
from phi4_server.offline.answering import reply
from phi4_space import Media, Turn
from phi4_space._prompt.compose import PromptStyle, compose


def pointed(text: str) -> list[int]:
    """The numbers of the pictures that a user's words name in the end."""
    talk = captioning.pointed(prompt.read([Said(role="user", text=f"User: {text}\nAssistant:")]))
    return [number for _, number in talk.marks or ()]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Our cat: [image 1]\nOur dog: [image 2]\nWhat colour is the dog?", [2]),
        ("Our cat: [image 1] Our dog: [image 2] How large are the cats?", [1]),
        ("[image 1] our sun [image 2] our sea. What colour is the sea?", [2]),
        ("What colour is the dog? Our cat: [image 1] Our dog: [image 2]", [2]),
        ("Our cat: [image 1] Our dog: [image 2] Describe the cat.", [1]),
        (
            "Context on dogs:\n---\nA cat\n[image 1]\n\nA dog\n[image 2]\n---\nQuery: What hue is the dog?",
            [2],
        ),
    ],
)
def test_a_caption_points_to_its_file(text: str, numbers: list[int]) -> None:
    """What a question speaks of is the file beside the words that speak of it."""
    assert pointed(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "[image 1] [image 2] The dog barks. What colour is the dog?",
        "Look at this: [image 1] and this: [image 2] What colours are they?",
        "Our dogs: [image 1] [image 2] What colour is the dog?",
        "Our cat: [image 1] Our dog: [image 2] What colours are the cat and the dog?",
        "Our cat: [image 1] Our dog: [image 2] Which is brighter than the cat?",
        "A picture of the sun: [image 1] The sea: [image 2] How large are the pictures?",
        "[image 1] [image 2]",
    ],
)
def test_without_a_caption_that_points_all_files_stay(text: str) -> None:
    """No caption, none spoken of, or more than one: the question is on all."""
    assert pointed(text) == [1, 2]


@given(st.lists(st.sampled_from(["[image 1]", "[image 2]", "cat", "dog?", "\n", ". ", " "]), max_size=12))
def test_any_order_of_words_and_files_is_read(parts: list[str]) -> None:
    """Wherever files stand, one of them is named or all."""
    marks = [int(part[-2]) for part in parts if part.startswith("[")]

    assert pointed("".join(parts)) in [marks, *([number] for number in marks)]


@pytest.mark.parametrize("style", ["transcript", "template"])
def test_the_client_tells_what_stands_where(style: PromptStyle, tmp_path: Path) -> None:
    """What the client writes of words and pictures is read as it was meant, in both styles."""
    red, blue = tmp_path / "a.png", tmp_path / "b.png"
    red.write_bytes(media.square(220, 40, 40))
    blue.write_bytes(media.square(40, 40, 220))

    def asked(*parts: str | Media) -> str:
        text = compose([Turn.of("user", *parts)], kinds=["image", "image"], style=style)
        return reply([Said(role="user", text=text, files=(red, blue))])

    one, other = Media(red), Media(blue)
    assert "blue" in asked("Our cat:", one, "Our dog:", other, "What colour is the dog?")
    assert "blue" not in asked("Our cat:", one, "Our dog:", other, "What colour is the cat?")
    assert asked("Our cat:", one, "our dog:", other, "Which one is blue?") == "It is picture 2."
