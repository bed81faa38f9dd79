"""Loading a model from its folder, in both formats."""

from __future__ import annotations

from pathlib import Path

import torch

from phi4_server.weights import loader
from phi4_server.weights.loaded import Weights
from phi4_server.weights.settings import WeightsSettings


def load(folder: Path) -> Weights:
    """The model, loaded in the usual way."""
    return loader.load(WeightsSettings(model=str(folder)), lambda _: None)


def test_both_formats_hold_the_same(native_folder: Path, main_folder: Path) -> None:
    """Every tensor of the model and of both adapters is the same, whichever format it came in."""
    native, main = (load(folder).model.state_dict() for folder in (native_folder, main_folder))
    assert native.keys() == main.keys()
    assert [name for name in native if not torch.equal(native[name], main[name])] == []
