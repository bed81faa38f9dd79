"""The tests that load weights: folders of a tiny random model. Left out where torch is not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import tiny_phi4

HERE = Path(__file__).parent
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks these tests alone, though the hook sees all."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("model")
            item.add_marker(pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"))


@pytest.fixture(scope="session")
def native_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as the native conversion has it; not to be changed."""
    return tiny_phi4.make(tmp_path_factory.mktemp("tiny") / "native")


@pytest.fixture(scope="session")
def main_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as the Hub's main branch has it; not to be changed."""
    return tiny_phi4.make_main(tmp_path_factory.mktemp("tiny") / "main")
