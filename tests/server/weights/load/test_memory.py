"""How much memory weights need, by the numbers of the real model."""

from __future__ import annotations

import pytest

from phi4_server.model import ModelFailed
from phi4_server.weights.load import memory
from phi4_server.weights.load.memory import Need

GB = 10**9
PHI = {
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "num_attention_heads": 24,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
}
STORED = 11_150_000_000


def need(width: int = 2) -> Need:
    """What the real model needs."""
    return memory.need(PHI, stored=STORED, stored_width=2, width=width)


def context(
    free: float | None, *, wanted: int | None = None, quantize: bool = False, device: str = "cuda"
) -> int:
    """How long its context may be, with so many gigabytes."""
    size = None if free is None else int(free * GB)
    return memory.context(size, need(), wanted=wanted, quantize=quantize, device=device)


def test_the_real_model() -> None:
    """In bfloat16 it is as large as its files, in 4 bits it takes 6.5 GB, and a token takes 128 KiB."""
    assert need().weights == STORED
    assert need().in_4_bits / GB == pytest.approx(6.5, abs=0.1)
    assert need().token == 128 * 1024
    assert need(width=4).weights == 2 * STORED
    assert need(width=4).token == 256 * 1024


@pytest.mark.parametrize(
    ("free", "tokens"), [(16.0, 29000), (24.0, 90000), (40.0, 131072), (80.0, 131072), (None, 131072)]
)
def test_a_context_for_the_memory(free: float | None, tokens: int) -> None:
    """It is what is left beside the weights, and never more than the model takes."""
    assert context(free) == pytest.approx(tokens, rel=0.02)


def test_4_bits_on_a_small_card() -> None:
    """A card with 12 GB is enough for 4 bits and a context of 30,000 tokens."""
    assert context(11.5, quantize=True) == pytest.approx(30000, rel=0.05)


def test_a_context_that_is_asked_for() -> None:
    """It is taken where it fits."""
    assert context(16, wanted=8192) == 8192


def test_a_context_beyond_the_model() -> None:
    """No memory makes it right."""
    with pytest.raises(ModelFailed, match="--max-context 200,000: the model takes 131,072 tokens at most"):
        context(80, wanted=200_000)


@pytest.mark.parametrize(
    ("free", "options", "sentences"),
    [
        (
            7.9,
            {},
            [
                "The GPU has 7.9 GB free, and a context of 2,048 tokens needs 12.4 GB, 11.2 GB of it for the",
                "--quantize 4bit needs 7.8 GB",
                "--device cpu uses the machine's own memory",
                "12.4 GB free on a GPU are enough",
            ],
        ),
        (
            16,
            {"wanted": 65536},
            ["a context of 65,536 tokens needs 20.7 GB", "--max-context 29,184 would fit"],
        ),
        (6, {"quantize": True}, ["7.8 GB, 6.5 GB of it for the weights. What helps: --device cpu"]),
        (
            8,
            {"device": "cpu"},
            ["This machine has 8.0 GB free", "--quantize 4bit", "11.7 GB free in memory are enough"],
        ),
    ],
)
def test_too_little_memory(free: float, options: dict[str, int], sentences: list[str]) -> None:
    """It is said how much there is and how much is needed, and only what would really help."""
    with pytest.raises(ModelFailed) as failed:
        context(free, **options)  # type: ignore[arg-type]

    for sentence in sentences:
        assert sentence in str(failed.value)


def test_nothing_that_does_not_help() -> None:
    """A card that is too small for 4 bits too is not told of them, and the processor not of itself."""
    with pytest.raises(ModelFailed) as failed:
        context(4, device="cpu")

    assert "--quantize" not in str(failed.value)
    assert "--device" not in str(failed.value)
    assert "--max-context" not in str(failed.value)


def test_small_sizes() -> None:
    """They are megabytes, and never less than nothing."""
    assert [memory.in_gb(size) for size in (-1, 3_200_000, 120_000_000, 11_150_000_000)] == [
        *("0 MB", "3 MB", "0.1 GB", "11.2 GB")
    ]
