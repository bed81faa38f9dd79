"""How much memory weights need, and how long a context what is left is enough for. Arithmetic alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.model import ModelFailed

GB = 10**9
LEAST_CONTEXT = 2048
"""A context that is shorter is of no use: an image alone has about 1,000 tokens."""

_WORK = 1 * GB
"""What a GPU's libraries and the largest step of a generation take, beside weights and context."""
_WORK_ON_CPU = GB // 4
_BYTES_IN_4_BITS = 9 / 16
"""Bytes for a number in 4 bits, with its share of a block's scale in 32."""
_SMALL = "--max-context {:,} would fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What weights need.

    Attributes:
        weights: Bytes for the weights.
        in_4_bits: The same, with the decoder in 4 bits.
        token: Bytes for each token of a context.
        most: How many tokens the model takes.
    """

    weights: int
    in_4_bits: int
    token: int
    most: int


def need(config: Mapping[str, Any], *, stored: int, stored_width: int, width: int) -> Need:
    """What a model needs in memory.

    Args:
        config: Its config.json, in either format.
        stored: The bytes of all its tensors, as they are stored.
        stored_width: Bytes of one number there.
        width: Bytes of one number in memory.
    """
    hidden, layers, inner = (
        int(config[name]) for name in ("hidden_size", "num_hidden_layers", "intermediate_size")
    )
    heads = int(config["num_attention_heads"])
    pairs = int(config.get("num_key_value_heads") or heads) * (hidden // heads)
    decoder = layers * (hidden * (hidden + 2 * pairs) + hidden * hidden + 3 * hidden * inner)
    weights = stored * width // stored_width
    return Need(
        weights=weights,
        in_4_bits=weights - decoder * width + int(decoder * _BYTES_IN_4_BITS),
        token=2 * layers * pairs * width,
        most=int(config["max_position_embeddings"]),
    )


def context(free: int | None, needed: Need, *, wanted: int | None, quantize: bool, device: str) -> int:
    """How many tokens a context may have.

    Args:
        free: Bytes that are free before the weights are loaded; None where that is not known.
        needed: What the weights need.
        wanted: How many are asked for; None for as many as there is room for.
        quantize: Whether the decoder is kept in 4 bits.
        device: The GPU or the processor.

    Raises:
        ModelFailed: The weights and that context, or the least that is of use, do not fit; says what would.
    """
    most = needed.most
    check_wanted(wanted, most)
    if free is None:
        return wanted or most
    weights = needed.in_4_bits if quantize else needed.weights
    room = _room(free, weights, needed.token, device)
    least = wanted or min(LEAST_CONTEXT, most)
    if room < least:
        raise ModelFailed(_too_small(free, needed, least=least, quantize=quantize, device=device))
    return wanted or min(room, most)


def check_wanted(wanted: int | None, most: int) -> None:
    """Refuses a context that is longer than what the model takes.

    Raises:
        ModelFailed: It is; says how long one may be.
    """
    if wanted is not None and wanted > most:
        raise ModelFailed(f"--max-context {wanted:,}: the model takes {most:,} tokens at most")


def _room(free: int, weights: int, token: int, device: str) -> int:
    """How many tokens there is room for beside the weights; below 0 where they do not fit themselves."""
    work = _WORK_ON_CPU if device == "cpu" else _WORK
    return (free - weights - work) // token


def _too_small(free: int, needed: Need, *, least: int, quantize: bool, device: str) -> str:
    where = "This machine" if device == "cpu" else "The GPU"
    weights = needed.in_4_bits if quantize else needed.weights
    work = _WORK_ON_CPU if device == "cpu" else _WORK
    whole = weights + work + least * needed.token
    advice = []
    if (room := _room(free, weights, needed.token, device)) >= LEAST_CONTEXT:
        advice.append(_SMALL.format(_rounded(room)))
    if not quantize and (room := _room(free, needed.in_4_bits, needed.token, device)) >= LEAST_CONTEXT:
        advice.append(f"--quantize 4bit needs {in_gb(whole - weights + needed.in_4_bits)}")
    if device != "cpu":
        advice.append("--device cpu uses the machine's own memory, and is slow")
    advice.append(f"{in_gb(whole)} free {'in memory' if device == 'cpu' else 'on a GPU'} are enough")
    return (
        f"{where} has {in_gb(free)} free, and a context of {least:,} tokens needs {in_gb(whole)}, "
        f"{in_gb(weights)} of it for the weights. What helps: {'; '.join(advice)}"
    )


def in_gb(size: int) -> str:
    """Bytes for people."""
    if size < GB // 10:
        return f"{max(size, 0) / 10**6:.0f} MB"
    return f"{size / GB:.1f} GB"


def _rounded(tokens: int) -> int:
    return tokens // 256 * 256
