"""What goes wrong, in OpenAI's shape."""

from __future__ import annotations

import gradio as gr
import pytest

from phi4_server.model import ModelBusy, ModelFailed
from phi4_server.openai_api.errors import ApiError, to_api_error
from phi4_server.queue import QueueFull


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (ValueError("no"), 400, "invalid_request_error"),
        (ModelBusy("no"), 503, "server_error"),
        (ModelFailed("no"), 502, "server_error"),
        (QueueFull("no", is_own=True), 429, "rate_limit_error"),
        (QueueFull("no", is_own=False), 503, "server_error"),
        (gr.Error("no"), 500, "server_error"),
        (RuntimeError("no"), 500, "server_error"),
        (ApiError(404, "no"), 404, "not_found_error"),
    ],
)
def test_statuses(failure: Exception, status: int, kind: str) -> None:
    """Each failure has its status and type; where it may be over soon, when to come again."""
    error = to_api_error(failure, show_error=True)
    assert (error.status, str(error)) == (status, "no")
    assert error.body["error"].items() >= {"message": "no", "type": kind, "param": None}.items()
    assert ("retry-after" in error.headers) == (status in {429, 503})


def test_what_nobody_foresaw() -> None:
    """Its text is kept back where that was asked for, and never empty."""
    assert "secret" not in str(to_api_error(RuntimeError("secret"), show_error=False))
    assert str(to_api_error(KeyError(), show_error=True)) == "KeyError"
