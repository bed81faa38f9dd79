"""The words of the offline model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.offline import words


@pytest.mark.parametrize(
    "forms",
    [
        "multiply multiplies multiplied multiplying",
        "city cities",
        "open opens opened opening",
        "add adds added adding",
        "box boxes",
        "need needs needed",
        "use uses used using",
    ],
)
def test_forms_of_a_word_share_their_stem(forms: str) -> None:
    """Whichever form of a word a text has, a question with another form finds it."""
    assert len({words.stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(("one", "other"), [("bus", "bu"), ("need", "ned"), ("thing", "the")])
def test_other_words_keep_their_own_stem(one: str, other: str) -> None:
    """A stem is not cut where no ending is."""
    assert words.stem(one) != words.stem(other)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Ada paid 3.50 e.g. on Monday. She left.", ["Dr. Ada paid 3.50 e.g. on Monday.", "She left."]),
        ("J. R. R. Tolkien wrote it. Yes.", ["J. R. R. Tolkien wrote it.", "Yes."]),
        ('"Really?" he said.', ['"Really?"', "he said."]),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001 - full-width marks are what is tested
        ("no mark at all", ["no mark at all"]),
        ("   ", []),
    ],
)
def test_sentences_end_at_their_marks(text: str, sentences: list[str]) -> None:
    """A full stop inside a number, an initial or an abbreviation ends no sentence."""
    assert words.sentences(text) == sentences


@given(st.text())
def test_no_word_is_lost_between_sentences(text: str) -> None:
    """Parting a text into sentences drops white space only."""
    assert "".join("".join(words.sentences(text)).split()) == "".join(text.split())


def test_an_identifier_is_words() -> None:
    """Tools and parameters are named in any case."""
    assert words.tokens(words.spelled("getUserName2_for-me.now")) == [
        "get",
        "user",
        "name2",
        "for",
        "me",
        "now",
    ]


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_short_and_on_one_line(text: str, limit: int) -> None:
    """A reply may repeat what was said, however long that was."""
    short = words.shortened(text, limit=limit)

    assert len(short) <= limit + 2
    assert "\n" not in short


@pytest.mark.parametrize(
    ("items", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_items_are_listed_as_one_says_them(items: list[str], said: str) -> None:
    """The last item follows an "and"."""
    assert words.listed(items) == said
