"""What transformers loses where an answer makes a short context long, and how it is kept."""

from __future__ import annotations

import functools
import inspect
from typing import Any

_CACHES = ("cache", "past_key_values")
"""What transformers calls what it computed before, in newer versions and in older ones."""


class _Filled:
    """A cache that is full up to the edge, as far as the question of its length goes."""

    def __init__(self, length: int) -> None:
        self._length = length

    def get_seq_length(self) -> int:
        return self._length


def loses_context(model: Any) -> bool:
    """Whether `model.generate` forgets what stands before the edge of short contexts when it comes there.

    It looks at what the model would be given for the first token beyond: the whole text, or that token alone.

    Args:
        model: A `Phi4MultimodalForCausalLM`, before PEFT wraps it.
    """
    import torch  # noqa: PLC0415  takes seconds, and may be missing

    length = model.config.original_max_position_embeddings + 1
    ids = torch.zeros((1, length), dtype=torch.long)
    cache = {_cache_name(model.prepare_inputs_for_generation): _Filled(length - 1)}
    inputs = model.prepare_inputs_for_generation(
        ids, next_sequence_length=1, attention_mask=torch.ones_like(ids), **cache
    )
    return bool(inputs["input_ids"].shape[1] < length)


def mend(model: Any) -> bool:
    """Makes `model.generate` right for answers that begin before the edge of short contexts and end beyond.

    There the positions of the whole text change, so what was computed for it before has to be thrown away.
    transformers 5 does that, and then goes on with the last token alone. Mended, it gets the whole text.

    Args:
        model: A `Phi4MultimodalForCausalLM`, before PEFT wraps it.

    Returns:
        Whether there was something to mend; a later transformers may be right by itself.
    """
    if not loses_context(model):
        return False
    kept = model.prepare_inputs_for_generation
    edge = model.config.original_max_position_embeddings
    cache_name = _cache_name(kept)

    @functools.wraps(kept)  # generate() reads the signature
    def prepare(input_ids: Any, *others: Any, next_sequence_length: int | None = None, **options: Any) -> Any:
        cache = options.get(cache_name)
        if cache is not None and input_ids.shape[1] > edge and 0 < cache.get_seq_length() <= edge:
            next_sequence_length, options[cache_name] = None, None
        return kept(input_ids, *others, next_sequence_length=next_sequence_length, **options)

    model.prepare_inputs_for_generation = prepare
    model.has_mended_context = True
    return True


def is_mended(model: Any) -> bool:
    """Whether `mend` had something to mend, of a model that PEFT may have wrapped since."""
    return bool(getattr(model, "has_mended_context", False))


def _cache_name(method: Any) -> str:
    names = inspect.signature(method).parameters
    return next(name for name in _CACHES if name in names)
