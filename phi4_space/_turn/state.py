"""What is sent for a turn, and where the chat with a Space stands. Knows prompts and files; no requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from phi4_space._caller import Caller
from phi4_space._turns import File


@dataclass(frozen=True, slots=True)
class Payload:
    """A prompt and the files that go with it.

    Attributes:
        text: The prompt; of turns with their roles, the JSON.
        files: The files, in order.
        body: The turns with their roles, as JSON; None where all there is is the prompt.
        system: What the model is told about its part, where that is not in the prompt.
    """

    text: str
    files: tuple[File, ...] = ()
    body: Mapping[str, Any] | None = None
    system: str = ""


class Instructed(Protocol):
    """Makes what is sent to a Space that has a place of its own for the system text."""

    def __call__(self, *, remembered: bool) -> Payload:
        """The payload; `remembered` is whether the session knows the turns before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTurn:
    """A turn, ready to be sent.

    Attributes:
        full: The whole conversation, for a session that knows nothing of it.
        incremental: Makes the prompt of what is new, for a session that knows the rest.
        instructed: Makes either, for a Space that has a place of its own for the system text.
        chat: Makes the whole conversation's JSON, for a Space that takes turns with their roles.
        tools: The names of the tools on offer.
        stop: The strings before which the answer's text ends.
        sampling: The sampling options that are set, by name.
        caller: The line that asked, for warnings.
    """

    full: Payload
    incremental: Callable[[], Payload]
    instructed: Instructed
    chat: Callable[[], Payload]
    tools: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    sampling: Mapping[str, object] = field(default_factory=dict)
    caller: Caller


@dataclass(slots=True, kw_only=True)
class SessionState:
    """Where a chat stands on the Space.

    Attributes:
        session_hash: Its session there; empty while it has none.
        app_id: The start of the Space that the session belongs to.
        endpoints: The functions of the contract that the history is of; none where that is not known.
        history: The chat, as the contract wants it back: JSON, and the contract's own business.
    """

    session_hash: str = ""
    app_id: int | str = ""
    endpoints: tuple[str, ...] = ()
    history: Any = None

    @property
    def is_known(self) -> bool:
        """Whether the session knows the turns before."""
        return bool(self.history)

    def commit(self, history: Any) -> None:
        """Notes that a turn went well."""
        self.history = history

    def reset(self) -> None:
        """Gives the session up; the next turn says everything again on a new one."""
        self.session_hash, self.app_id, self.endpoints, self.history = "", "", (), None
