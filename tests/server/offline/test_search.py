"""What the offline model finds in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.offline.search import find

TEXT = """# Harbour bridge
The bridge is 330 metres long. It was opened in 1889 by the engineer Nils
Holm, who had planned it for a long time and had drawn every part of it himself.
It stands in Norwick.

# Museum
The Museum of Glass is the largest museum of the region, and holds about 38,000 pieces.
Opening hours:
- Monday: 9 to 18
- Tuesday: closed

The capital of Arland is Norwick. "Dunes" is a novel of 1965 by Frank Herrick.
The sea is green there. Glass melts at 1500 degrees because of its salts.

| ticket | price |
| adult | 12 crowns |

```python
museum = open("museum.txt")
```
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How long is the bridge?", "The bridge is 330 metres long."),
        ("Who opened the harbour bridge?", "It was opened in 1889 by the engineer Nils Holm, who"),
        ("When was the bridge opened?", "It was opened in 1889"),
        ("Where does the bridge stand?", "It stands in Norwick."),
        ("What is the capital of Arland?", "The capital of Arland is Norwick."),
        ("Who wrote Dunes?", '"Dunes" is a novel of 1965 by Frank Herrick.'),
        ("Why does glass melt?", "Glass melts at 1500 degrees"),
        ("What is the melting point of glass?", "Glass melts at 1500 degrees"),
        ("How many pieces does the museum hold?", "holds about 38,000 pieces."),
        ("When is the museum open on Tuesday?", "Tuesday: closed"),
    ],
)
def test_the_sentence_that_answers_is_found(question: str, answer: str) -> None:
    """Other forms of the words and wrapped lines lead to the sentence."""
    assert answer in (find(question, TEXT) or "")


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Borland?",
        "Who won the match?",
        "What is photosynthesis?",
        "Hello",
        "",
    ],
)
def test_nothing_is_found_where_nothing_fits(question: str) -> None:
    """A sentence that shares a word with the question does not answer it yet."""
    assert find(question, TEXT) is None


def test_rare_words_weigh_more() -> None:
    """A word that few sentences have tells more than one that most have."""
    text = "The shop sells bread.\n\nThe shop sells cake.\n\nRye is a grain."

    assert find("does the shop have rye", text) == "Rye is a grain."


def test_a_sentence_goes_on_from_the_one_before() -> None:
    """What a paragraph has named, its next sentence need not name again."""
    text = "The Holm bridge is old. It was opened in 1889."

    assert find("When was the Holm bridge opened?", text) == "It was opened in 1889."


@given(st.text(), st.text())
def test_only_sentences_of_the_text_are_found(question: str, text: str) -> None:
    """What is found stands in the text, word by word: nothing is made up."""
    assert "".join((find(question, text) or "").split()) in "".join(text.split())
