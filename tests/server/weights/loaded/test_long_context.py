"""Contexts that become long while an answer is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from phi4_server.weights.load import loader, long_context
from phi4_server.weights.load.settings import WeightsSettings

EDGE = 4096
BEFORE, NEW = EDGE - 3, 8


def bare(folder: Path) -> Any:
    """The model alone, as transformers loads it."""
    return transformers.Phi4MultimodalForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def generate(model: Any, **options: Any) -> Any:
    """Eight tokens across the edge, with what the model gave for each."""
    torch.manual_seed(0)
    ids = torch.randint(20, 300, (1, BEFORE))
    return model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=NEW,
        max_new_tokens=NEW,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_logits=True,
        **options,
    )


def differences(model: Any, outcome: Any) -> list[float]:
    """How far each token's logits are from those of the whole text, computed at once."""
    found = []
    for step, logits in enumerate(outcome.logits):
        with torch.inference_mode():
            whole = model(input_ids=outcome.sequences[:, : BEFORE + step], use_cache=False).logits[:, -1]
        found.append(float((logits - whole).abs().max()))
    return found


def test_transformers_loses_the_context(native_folder: Path) -> None:
    """Without the mending, what comes after the edge sees a single token: the mending is still needed.

    Where this fails, a newer transformers is right by itself, and `long_context` can go.
    """
    model = bare(native_folder)
    found = differences(model, generate(model))

    assert max(found[: EDGE - BEFORE + 1]) < 1e-3
    assert min(found[EDGE - BEFORE + 1 :]) > 0.1
    assert long_context.loses_context(model)


def test_mended(native_folder: Path) -> None:
    """Before the edge and beyond, each token sees the whole text."""
    model = bare(native_folder)

    assert long_context.mend(model)
    assert not long_context.loses_context(model)
    assert max(differences(model, generate(model))) < 1e-3


@pytest.mark.parametrize("format_of", ["native", "main"])
@pytest.mark.parametrize("adapter", ["__base__", "vision"])
def test_loaded_weights_are_mended(format_of: str, adapter: str, request: pytest.FixtureRequest) -> None:
    """As they are loaded, in both formats, with PEFT around them and an adapter or none."""
    folder = request.getfixturevalue(f"{format_of}_folder")
    weights = loader.load(WeightsSettings(model=str(folder), device="cpu"), lambda _: None)
    outcome = generate(weights.model, adapter_names=[adapter])

    assert long_context.is_mended(weights.model)
    if adapter == "__base__":
        with weights.model.disable_adapter():
            assert max(differences(weights.model, outcome)) < 1e-3
    else:
        weights.model.set_adapter(adapter)
        assert max(differences(weights.model, outcome)) < 1e-3


def test_what_needs_no_mending(native_folder: Path) -> None:
    """A transformers that gives the model the whole text at the edge is left as it is."""
    model = bare(native_folder)
    long_context.mend(model)
    right = model.prepare_inputs_for_generation

    assert not long_context.mend(model)
    assert model.prepare_inputs_for_generation is right
