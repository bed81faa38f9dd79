"""What generates with which of the model's adapters. Needs peft."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from peft.tuners.tuners_utils import BaseTunerLayer


class Adapters:
    """The adapters of a model, of which the thread that calls the model puts on what the rows want."""

    def __init__(self, model: Any) -> None:
        """Leaves the model as it is.

        Args:
            model: A `peft.PeftModel`.
        """
        self._model = model
        self._without = _without_adapters(model.get_base_model())

    @contextmanager
    def on(self, names: Sequence[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yields what generates, and options of it; rows that want the same need no sorting.

        Args:
            names: The adapter of each row, by PEFT's name.
        """
        first, *others = {*names}
        if others:
            yield self._model.generate, {"adapter_names": [*names]}
        elif first == "__base__":
            yield self._without.generate, {}
        else:
            self._model.set_adapter(first)
            yield self._model.get_base_model().generate, {}


def _without_adapters(base: Any) -> Any:
    """A second model on the same tensors, in which PEFT's layers are what they were put around.

    `disable_adapter` has each of them ask at every token whether it is on: a sixth of the time of a
    token, with the tiny model.
    """
    layers = {
        id(layer): layer.get_base_layer() for layer in base.modules() if isinstance(layer, BaseTunerLayer)
    }
    tensors = {id(tensor): tensor for tensor in chain(base.parameters(), base.buffers())}
    return copy.deepcopy(base, {**layers, **tensors})
