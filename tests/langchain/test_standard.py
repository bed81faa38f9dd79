"""The standard suites of langchain-tests, on cassettes of our own Space or on one that runs.

What a suite takes for granted is looked at in test_effects.py: it does not look itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import media
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd, dumps, load
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import SecretStr
from stage import Stage
from web import on_the_web

from langchain_phi4 import ChatPhi4
from phi4_space import SpaceClient

SERIALIZED = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain_phi4", "chat_models", "ChatPhi4"],
    "name": "ChatPhi4",
    "kwargs": {
        "space": "microsoft/phi-4-multimodal",
        "model": "phi-4-multimodal",
        "temperature": 0.0,
        "max_tokens": 100,
        "timeout": 60.0,
        "max_retries": 2,
        "stop": [],
        "prompt_style": "transcript",
        "token": {"lc": 1, "type": "secret", "id": ["HF_TOKEN"]},
    },
}
"""What the suite's model is written down as."""


beta = pytest.mark.filterwarnings("ignore:The function `load` is in beta")


class TestUnit(ChatModelUnitTests):
    """What needs no Space."""

    @property
    def chat_model_class(self) -> type[ChatPhi4]:
        return ChatPhi4

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """`HF_TOKEN` is no field's value: it goes to the Hub's own hosts only, a token passed further."""
        return {"PHI4_SPACE": "owner/name", "HF_TOKEN": "hf_made_up"}, {}, {"space": "owner/name"}

    @pytest.fixture
    def snapshot(self) -> Any:
        """What the suite takes from a file; here it can be read."""
        return lambda *, name: {"serialized": SERIALIZED}[name]

    @beta
    @pytest.mark.xfail(
        strict=True,
        raises=ValueError,
        reason="allowed_objects='all' means classes of langchain-core's own list; users name ours: see below",
    )
    def test_serdes(self, model: BaseChatModel, snapshot: Any) -> None:
        super().test_serdes(model, snapshot)


@beta
def test_serdes_by_a_list_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who allows our class gets the same model back; its token comes from where it is loaded."""
    model = ChatPhi4(space="owner/name", token=SecretStr("hf_secret"), stop=["END"], timeout=7, max_files=3)
    monkeypatch.setenv("HF_TOKEN", "hf_of_there")

    back = load(
        dumpd(model),
        allowed_objects=[ChatPhi4],
        valid_namespaces=["langchain_phi4"],
        secrets_from_env=True,
    )

    assert isinstance(back, ChatPhi4)
    assert isinstance(back.token, SecretStr)
    assert back.asdict() == model.asdict()
    assert back.token.get_secret_value() == "hf_of_there"
    assert "hf_" not in dumps(model) + dumps(back) + repr(back)


@pytest.mark.anyio
class TestIntegration(ChatModelIntegrationTests):
    """What needs a Space. Flags that are not named here are true by default."""

    _client: SpaceClient

    @pytest.fixture(autouse=True)
    def _on_our_own_space(self, own_space: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Models ask our own Space, and the pictures and sounds that the suite loads are ours."""
        on_the_web(monkeypatch, _serve)
        monkeypatch.setattr(httpx, "get", lambda url, **_: _serve(httpx.Request("GET", url)))
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "phi4-space")
        self._client = own_space.client()
        yield
        self._client.close()

    @pytest.fixture
    def vcr(self) -> Any:
        """In pytest-recording's place: the answers that `own_space` has, be they played, recorded or live."""
        return SimpleNamespace(responses=True)

    @property
    def chat_model_class(self) -> type[ChatPhi4]:
        return ChatPhi4

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"client": self._client}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        """A Space has one model: another name is refused, not echoed."""
        return False

    @property
    def supports_pdf_inputs(self) -> bool:
        """Phi-4 takes pictures and sounds; a PDF is refused by name."""
        return False

    @property
    def supports_pdf_tool_message(self) -> bool:
        """See `supports_pdf_inputs`."""
        return False

    @property
    def supports_video_inputs(self) -> bool:
        """See `supports_pdf_inputs`; the suite has no test of it."""
        return False


def _serve(request: httpx.Request) -> httpx.Response:
    """A picture or a recording of ours, whichever a URL's name speaks of."""
    content = media.tone(440) if request.url.path.endswith(".wav") else media.square(128, 0, 128)
    return httpx.Response(200, content=content)
