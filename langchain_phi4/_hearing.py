"""Who hears what happens while an answer is made: custom events. Knows callbacks; no model, no message.

langchain-core's own `dispatch_custom_event` reports to the run around a model, and fails where there is
none. These events belong to the model's own run, so that they are heard with and without a chain around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Self
from uuid import UUID

from langchain_core.callbacks import (
    AsyncCallbackManager,
    BaseCallbackHandler,
    BaseCallbackManager,
    CallbackManager,
    Callbacks,
)
from langchain_core.callbacks.manager import BaseRunManager

from phi4_space import Event, Notice, Progress, Queued, Rewritten, Started, Waking

_NAMES = {
    Waking: "phi4_waking",
    Queued: "phi4_queued",
    Started: "phi4_started",
    Progress: "phi4_progress",
    Notice: "phi4_notice",
    Rewritten: "phi4_rewritten",
}


class Audience:
    """The handlers of one run of the model, and what they are told with each event.

    Args:
        handlers: Who listens.
        run_id: The run.
        tags: Its tags.
        metadata: Its metadata.
    """

    def __init__(
        self,
        handlers: Iterable[BaseCallbackHandler],
        run_id: UUID,
        *,
        tags: Iterable[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._handlers = list(handlers)
        self._run_id = run_id
        self._about: dict[str, Any] = {"tags": list(tags or []), "metadata": dict(metadata or {})}

    @classmethod
    def of(cls, run: BaseRunManager) -> Self:
        """The audience of a run that has begun."""
        return cls(run.handlers, run.run_id, tags=run.tags, metadata=run.metadata)

    def tell(self, event: Event) -> None:
        """Tells a synchronous run's handlers, if the event is one of those that have a name."""
        if self._handlers and (name := _NAMES.get(type(event))):
            CallbackManager(self._handlers, **self._about).on_custom_event(name, asdict(event), self._run_id)

    async def atell(self, event: Event) -> None:
        """Tells an asynchronous run's handlers, if the event is one of those that have a name."""
        if self._handlers and (name := _NAMES.get(type(event))):
            manager = AsyncCallbackManager(self._handlers, **self._about)
            await manager.on_custom_event(name, asdict(event), self._run_id)


def handlers_of(*callbacks: Callbacks) -> list[BaseCallbackHandler]:
    """The handlers in what LangChain takes as callbacks, in order, each once."""
    found: list[BaseCallbackHandler] = []
    for some in callbacks:
        handlers = some.handlers if isinstance(some, BaseCallbackManager) else some or []
        found += [one for one in handlers if one not in found]
    return found
