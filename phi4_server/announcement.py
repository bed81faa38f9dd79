"""What is said once a server answers: what there is, where, and when its model is ready. Opens nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from phi4_server.model import ChatModel, Model, ModelFailed, Progress, progress_of

_LOOK_EVERY_S = 0.1


class Announcement:
    """Says where the server is; of a model that still loads first that it does, and later that it is ready.

    Attributes:
        is_done: Whether it was said that the model is ready.
    """

    def __init__(
        self, model: Model | ChatModel, *, report: Callable[[Progress], None], say: Callable[..., None]
    ) -> None:
        """Waits for the page, and for the model if that is one that loads.

        Args:
            model: What answers.
            report: Is called if the model is ready, and only the page is waited for.
            say: Is called with lines, the last of which programs wait for.
        """
        self.is_done = False
        self._model, self._report, self._say = model, report, say
        self._loads = getattr(model, "progress", None) is not None
        self._url, self._has_page = "", threading.Event()
        if self._loads:
            threading.Thread(target=self._wait, daemon=True).start()

    def of_page(self, url: str, notes: Sequence[str]) -> None:
        """Says where the page is, now that it is there.

        Args:
            url: Where the server is.
            notes: What else there is to say, before.
        """
        self._url = url
        if not self._loads:
            self._say_ready(notes)
            return
        loading = [] if self._is_ready() else [f"{self._model.name} is loading; its page is at {url}"]
        self._say(*notes, *loading)
        self._has_page.set()

    def _wait(self) -> None:
        try:
            while progress_of(self._model) is not None:
                time.sleep(_LOOK_EVERY_S)
        except ModelFailed:  # which ends the server, and is reported there
            return
        if not self._has_page.is_set():
            self._report(Progress("Starting the page"))
        self._has_page.wait()
        self._say_ready()

    def _say_ready(self, notes: Sequence[str] = ()) -> None:
        self.is_done = True
        self._say(*notes, f"{self._model.name} is ready at {self._url}")

    def _is_ready(self) -> bool:
        try:
            return progress_of(self._model) is None
        except ModelFailed:
            return False
