"""What all tests share: the network is off, and a test that starts a server may reach 127.0.0.1."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Opens 127.0.0.1 to the tests that say they need it; `--disable-socket` closes all else."""
    for item in items:
        if item.get_closest_marker("loopback") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's Space or token."""
    monkeypatch.delenv("PHI4_SPACE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
