"""How far the model is, in the Space's /config. Knows where Gradio keeps its config; no one model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from phi4_server.chat_completion.endpoint import NAME
from phi4_server.model import ModelFailed, progress_of

Scope = MutableMapping[str, Any]


class Readiness:
    """ASGI middleware: until the model is ready, the endpoint's request has a `status` in /config."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, page: gr.Blocks, model: object) -> None:
        """Stands before `app`.

        Args:
            app: What answers.
            page: The page, with the endpoint.
            model: The model.
        """
        self._app = app
        self._model = model
        inputs: Any = next(fn.inputs for fn in page.fns.values() if fn.api_name == NAME)
        request = next(part for part in page.config["components"] if part["id"] == inputs[0]._id)  # noqa: SLF001  Gradio's own
        self._props: dict[str, Any] = request["props"]
        self._takes: dict[str, Any] = self._props["value"]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Brings the status up to date where a client asks for it."""
        if scope["type"] == "http" and scope["path"].rstrip("/") == "/config":
            self._props["value"] = self._takes | self._status()
        await self._app(scope, receive, send)

    def _status(self) -> dict[str, Any]:
        try:
            progress = progress_of(self._model)
        except ModelFailed as failure:
            return {"status": {"text": str(failure), "fraction": None}}
        return {} if progress is None else {"status": asdict(progress)}
