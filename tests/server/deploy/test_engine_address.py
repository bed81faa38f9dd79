"""Which engines a Space can have: what is refused, and what is warned of."""

from __future__ import annotations

import pytest

from phi4_server.deploy.engine_address import check_upstream, warnings
from phi4_server.deploy.failure import DeployFailed


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8000/v1", "http://localhost", "https://10.0.0.7/v1", "http://box.local/v1"),
        *(
            "http://gpu-box:8000/v1",
            "http://LOCALHOST.",
            "http://host.docker.internal:8000",
            "http://[::1]/v1",
        ),
        *("http://gpu.lan", "http://gpu.home.arpa", "http://127.1", "http://2130706433", "http://0x7f.1"),
        *("http://[::ffff:127.0.0.1]", "http://gpu.corp/v1", "http://169.254.169.254", "http://100.64.0.1"),
    ],
)
def test_an_engine_must_be_in_reach(url: str) -> None:
    """An address of this machine or its network is refused, in any form: the Space runs elsewhere."""
    with pytest.raises(DeployFailed, match="cannot reach"):
        check_upstream(url)


def test_an_engine_needs_an_address() -> None:
    """What is no URL is refused by its own rule."""
    with pytest.raises(DeployFailed, match="must be a URL"):
        check_upstream("engine.example")


@pytest.mark.parametrize(
    "url",
    ["https://engine.example/v1", "http://8.8.8.8", "https://x.openai.azure.com/openai/v1?api-version=1"],
)
def test_a_public_address_passes(url: str) -> None:
    """By its name or number, and with the version that Azure needs."""
    check_upstream(url)


@pytest.mark.parametrize(
    "query", ["api_key=s3cret", "api-version=1&sig=s3cret", "s3cret", "api-version=1&token"]
)
def test_a_query_may_be_a_key(query: str) -> None:
    """It would be uploaded for everybody to read: it is refused, and not repeated."""
    with pytest.raises(DeployFailed, match="--upstream-key-env") as caught:
        check_upstream(f"https://engine.example/v1?{query}")
    assert "s3cret" not in str(caught.value)


def test_what_others_can_read_or_use_is_warned_of() -> None:
    """Plain http, and an engine without a key; each by itself."""
    assert [*warnings("https://engine.example/v1", has_key=True)] == []
    assert "without a key" in "".join(warnings("https://engine.example/v1", has_key=False))
    assert "the key are sent to engine.example over plain http" in "".join(
        warnings("http://engine.example/v1", has_key=True)
    )
    assert len([*warnings("http://engine.example/v1", has_key=False)]) == 2
