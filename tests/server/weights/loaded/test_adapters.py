"""Which of the model's adapters generate for which rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_answers
from peft.tuners.tuners_utils import BaseTunerLayer

from phi4_server.weights.generation.adapters import Adapters
from phi4_server.weights.generation.loaded import Weights


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


def test_words_pass_through_no_adapter(weights: Weights) -> None:
    """What generates for them has none of PEFT's layers, and the model's own tensors."""
    with Adapters(weights.model).on(["__base__", "__base__"]) as (generate, options):
        answering = generate.__self__

    assert options == {}
    assert not any(isinstance(layer, BaseTunerLayer) for layer in answering.modules())
    own = {id(tensor) for tensor in weights.model.parameters()}
    assert {id(tensor) for tensor in answering.parameters()} <= own


def test_the_model_keeps_its_adapters(weights: Weights) -> None:
    """Its layers are PEFT's as before, whatever generates beside it."""
    before = [type(layer) for layer in weights.model.modules()]

    Adapters(weights.model)

    assert [type(layer) for layer in weights.model.modules()] == before


def test_one_adapter_is_put_on_for_all_rows(weights: Weights) -> None:
    """Rows that want the same need no sorting."""
    with Adapters(weights.model).on(["vision", "vision"]) as (generate, options):
        assert weights.model.active_adapter == "vision"

    assert options == {}
    assert generate.__self__ is weights.model.get_base_model()


def test_rows_of_several_adapters_are_sorted(weights: Weights) -> None:
    """PEFT is told which row is whose."""
    with Adapters(weights.model).on(["__base__", "speech"]) as (generate, options):
        assert options == {"adapter_names": ["__base__", "speech"]}

    assert generate.__self__ is weights.model
