"""What is said once a server answers: what there is, where, and when its model is ready. Opens nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from phi4_server.model import ChatModel, Model, ModelFailed, progress_of

_LOOK_EVERY_S = 0.1


def announce(model: Model | ChatModel, url: str, notes: Sequence[str], *, say: Callable[..., None]) -> None:
    """Says where the server is; of a model that still loads first that it does, and later that it is ready.

    Args:
        model: What answers.
        url: Where the server is.
        notes: What else there is to say, before.
        say: Is called with lines, the last of which programs wait for.
    """

    def wait() -> None:
        with suppress(ModelFailed):  # which ends the server, and is reported there
            while progress_of(model) is not None:
                time.sleep(_LOOK_EVERY_S)
            say(f"{model.name} is ready at {url}")

    if getattr(model, "progress", None) is None:
        say(*notes, f"{model.name} is ready at {url}")
    else:
        say(*notes, f"{model.name} is loading; its page is at {url}")
        threading.Thread(target=wait, daemon=True).start()
