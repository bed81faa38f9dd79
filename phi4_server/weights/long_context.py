"""What transformers loses where an answer makes a short context long, and how it is kept."""

from __future__ import annotations

import functools
import inspect
from typing import Any


def mend(model: Any) -> None:
    """Makes `model.generate` right for answers that begin before the edge of short contexts and end beyond.

    There the positions of the whole text change, so what was computed for it before has to be thrown away.
    transformers does that, and then goes on with the last token alone. Mended, it gets the whole text again.

    Args:
        model: A `Phi4MultimodalForCausalLM`, before PEFT wraps it.
    """
    kept = model.prepare_inputs_for_generation
    edge = model.config.original_max_position_embeddings
    names = inspect.signature(kept).parameters
    cache_name = "cache" if "cache" in names else "past_key_values"

    @functools.wraps(kept)  # generate() reads the signature
    def prepare(input_ids: Any, *others: Any, next_sequence_length: int | None = None, **options: Any) -> Any:
        cache = options.get(cache_name)
        if cache is not None and input_ids.shape[1] > edge and 0 < cache.get_seq_length() <= edge:
            next_sequence_length, options[cache_name] = None, None
        return kept(input_ids, *others, next_sequence_length=next_sequence_length, **options)

    model.prepare_inputs_for_generation = prepare
