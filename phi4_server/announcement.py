"""What is said once a server answers: what there is, where, and when its model is ready. Opens nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from phi4_server.model import ChatModel, Model, ModelFailed, progress_of

_LOOK_EVERY_S = 0.1


def announce(
    model: Model | ChatModel, url: str, *, has_openai_api: bool, has_mcp: bool, say: Callable[..., None]
) -> None:
    """Says where the server is; of a model that still loads first that it does, and later that it is ready.

    Args:
        model: What answers.
        url: Where the server is.
        has_openai_api: Whether it has OpenAI's API, too.
        has_mcp: Whether it is an MCP server, too.
        say: Is called with lines, the last of which programs wait for.
    """

    def say_ready() -> None:
        say(*_ready(model.name, url, has_openai_api=has_openai_api, has_mcp=has_mcp))

    def wait() -> None:
        with suppress(ModelFailed):  # which ends the server, and is reported there
            while progress_of(model) is not None:
                time.sleep(_LOOK_EVERY_S)
            say_ready()

    if getattr(model, "progress", None) is None:
        say_ready()
    else:
        say(f"{model.name} is loading; its page is at {url}")
        threading.Thread(target=wait, daemon=True).start()


def _ready(name: str, url: str, *, has_openai_api: bool, has_mcp: bool) -> Iterator[str]:
    if has_openai_api:
        yield f"OpenAI's API is at {url}/v1"
    if has_mcp:
        yield f"The MCP server is at {url}/gradio_api/mcp/"
    yield f"{name} is ready at {url}"
