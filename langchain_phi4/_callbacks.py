"""Events of an answer, to core's callbacks as custom events. Knows callbacks; no turn, no message.

`dispatch_custom_event` of core's reports to the run around a model, and fails where there is none. These
events belong to the model's own run, so that handlers get them with and without a chain around it.

Core gives a model its run's manager in some methods only: not in `stream`, and not where `invoke` streams
for a handler. So the run's id is chosen, and its handlers are looked up, before core begins.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any, Self, cast
from uuid import UUID

from langchain_core.callbacks import (
    AsyncCallbackManager,
    BaseCallbackHandler,
    BaseCallbackManager,
    CallbackManager,
    Callbacks,
)
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.utils.uuid import uuid7

from phi4_space import Event, Notice, Progress, Queued, Rewritten, Started, Waking
from phi4_space.interop import Caller, to_dict

_NAMES = {
    Waking: "phi4_waking",
    Queued: "phi4_queued",
    Started: "phi4_started",
    Progress: "phi4_progress",
    Notice: "phi4_notice",
    Rewritten: "phi4_rewritten",
}


class EventSink:
    """The handlers of one run of the model, which get its events.

    Args:
        handlers: The handlers.
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
    def of_run(cls, run: BaseRunManager) -> Self:
        """The sink of a run that has begun."""
        return cls(run.handlers, run.run_id, tags=run.tags, metadata=run.metadata)

    @classmethod
    def of_config(cls, config: RunnableConfig, model: BaseChatModel) -> Self:
        """The sink of a run that is about to begin.

        Args:
            config: The run's config, from `config_of_run`.
            model: The model, which may have handlers, tags and metadata of its own.
        """
        return cls(
            handlers_of(config.get("callbacks"), model.callbacks),
            cast("UUID", config["run_id"]),
            tags=[*(config.get("tags") or []), *(model.tags or [])],
            metadata={**(config.get("metadata") or {}), **(model.metadata or {})},
        )

    def send(self, event: Event) -> None:
        """Passes an event to a synchronous run's handlers, if it is of a kind that has a name."""
        if self._handlers and (name := _NAMES.get(type(event))):
            CallbackManager(self._handlers, **self._about).on_custom_event(name, to_dict(event), self._run_id)

    async def asend(self, event: Event) -> None:
        """`send` for an asynchronous run's handlers."""
        if self._handlers and (name := _NAMES.get(type(event))):
            manager = AsyncCallbackManager(self._handlers, **self._about)
            await manager.on_custom_event(name, to_dict(event), self._run_id)


@dataclass(frozen=True, slots=True)
class PublicCall:
    """A call of one of the model's public methods, on whose behalf core calls the others.

    Attributes:
        config: The run's config, with its id.
        caller: Who called.
        opened: The generators that core got, where they are to be closed.
    """

    config: RunnableConfig
    caller: Caller
    opened: list[AsyncGenerator[ChatGenerationChunk, None]] = field(default_factory=list)


def config_of_run(config: RunnableConfig | None) -> RunnableConfig:
    """The config of a run that is about to begin, with the run's id in it."""
    config = ensure_config(config)
    return {**config, "run_id": config.get("run_id") or uuid7()}


def handlers_of(*callbacks: Callbacks) -> list[BaseCallbackHandler]:
    """The handlers in what LangChain takes as callbacks, in order, each once."""
    found: list[BaseCallbackHandler] = []
    for some in callbacks:
        handlers = some.handlers if isinstance(some, BaseCallbackManager) else some or []
        found += [one for one in handlers if one not in found]
    return found
