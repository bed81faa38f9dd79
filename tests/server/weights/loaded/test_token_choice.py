"""The next token of each row: what transformers' own rules leave, and how often each of it is chosen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server.weights.generation.sampling import Sampling
from phi4_server.weights.generation.token_choice import TokenChoice

VOCABULARY = 50
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0.1, 3.0),
    top_p=st.floats(0.05, 1.0),
    top_k=st.integers(0, VOCABULARY + 5),
    repetition_penalty=st.floats(0.5, 2.0),
)


def scores(rows: int, seed: int) -> Any:
    """Random scores, no two of which are equal."""
    import torch  # noqa: PLC0415  not everywhere

    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


def generators(count: int) -> list[Any]:
    """Generators with one seed."""
    import torch  # noqa: PLC0415  not everywhere

    return [torch.Generator().manual_seed(9) for _ in range(count)]


@settings(deadline=None, max_examples=60)
@given(sampling=SAMPLINGS, seed=st.integers(0, 1000))
def test_it_chooses_from_what_transformers_would(sampling: Sampling, seed: int) -> None:
    """With a penalty, a temperature, top_k and top_p, in this order."""
    import torch  # noqa: PLC0415  not everywhere
    from transformers import generation as theirs  # noqa: PLC0415  see above

    ids = torch.tensor([[3, 4, 5, 4]])
    given_scores = scores(1, seed)
    rules = [
        theirs.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty),
        theirs.TemperatureLogitsWarper(sampling.temperature),
        *([theirs.TopKLogitsWarper(sampling.top_k)] if sampling.top_k else []),
        *([theirs.TopPLogitsWarper(sampling.top_p)] if sampling.top_p < 1 else []),
    ]
    expected = given_scores.clone()
    for rule in rules:
        expected = rule(ids, expected)

    choice = TokenChoice([sampling], generators(1), ids, torch.ones_like(ids), VOCABULARY)
    chosen = choice(ids, given_scores.clone())

    noise = torch.empty(VOCABULARY).exponential_(generator=generators(1)[0]).log()
    assert torch.equal(chosen.isinf(), expected.isinf())
    assert torch.allclose((chosen + noise)[~expected.isinf()], expected[~expected.isinf()], atol=1e-4)


def test_each_token_comes_as_often_as_it_is_likely() -> None:
    """Of many draws; within what chance allows."""
    import torch  # noqa: PLC0415  not everywhere

    draws, given_scores = 4000, scores(1, 3)
    ids = torch.tensor([[0]])
    choice = TokenChoice([Sampling(temperature=1.3)], generators(1), ids, torch.ones_like(ids), VOCABULARY)

    counts = torch.zeros(VOCABULARY)
    for _ in range(draws):
        counts[choice(ids, given_scores.clone()).argmax()] += 1

    likely = (given_scores[0] / 1.3).softmax(dim=0)
    assert (counts / draws - likely).abs().max() < 4 * (0.25 / draws) ** 0.5


@settings(deadline=None, max_examples=30)
@given(samplings=st.lists(SAMPLINGS | st.just(Sampling()), min_size=2, max_size=5))
def test_a_row_is_chosen_as_it_would_be_alone(samplings: list[Sampling]) -> None:
    """Whatever the rows beside it are, and however much it was padded."""
    import torch  # noqa: PLC0415  not everywhere

    rows = len(samplings)
    ids = torch.arange(rows * 4).reshape(rows, 4) % VOCABULARY
    mask = torch.tensor([[int(column >= row % 4) for column in range(4)] for row in range(rows)])
    given_scores = scores(rows, 7)

    together = TokenChoice(samplings, generators(rows), ids, mask, VOCABULARY)(ids, given_scores.clone())

    for row, sampling in enumerate(samplings):
        own = ids[row : row + 1, row % 4 :]
        alone = TokenChoice([sampling], generators(1), own, torch.ones_like(own), VOCABULARY)
        assert int(alone(own, given_scores[row : row + 1].clone()).argmax()) == int(together[row].argmax())


@pytest.mark.parametrize("sampling", [Sampling(temperature=100.0), Sampling(temperature=0.0001, top_p=1e-9)])
def test_extremes(sampling: Sampling) -> None:
    """Always leave something to choose."""
    import torch  # noqa: PLC0415  not everywhere

    ids = torch.tensor([[0]])
    choice = TokenChoice([sampling], generators(1), ids, torch.ones_like(ids), VOCABULARY)

    assert not choice(ids, scores(1, 1) * 20).isnan().any()
