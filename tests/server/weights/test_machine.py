"""The machine, as far as it can be looked at without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from phi4_server.model import ModelFailed
from phi4_server.weights import hub, machine
from phi4_server.weights.settings import WeightsSettings


@pytest.mark.parametrize("missing", ["torch", "transformers", "peft", "accelerate"])
def test_what_is_not_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the command that installs it."""
    for name in ("torch", "transformers", "peft", "accelerate"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)

    with pytest.raises(
        ModelFailed, match=rf"^{missing} is not installed; .* pip install 'phi4-space\[model\]'$"
    ):
        machine.find(WeightsSettings(model="./phi"), "bfloat16")


def test_the_hub_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is said of what asks the Hub."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(ModelFailed, match=r"^huggingface_hub is not installed; .*phi4-space\[model\]"):
        hub.look_up("owner/name", None)


def test_a_container_with_a_limit(tmp_path: Path) -> None:
    """What it may still take counts, and files that it keeps in memory can go."""
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")

    assert machine._left_in_container(tmp_path) == 450


def test_a_container_without_one(tmp_path: Path) -> None:
    """It may take all that the machine has."""
    assert machine._left_in_container(tmp_path) is None
    for name in ("memory.max", "memory.current", "memory.stat"):
        (tmp_path / name).write_text("max\n")
    assert machine._left_in_container(tmp_path) is None
