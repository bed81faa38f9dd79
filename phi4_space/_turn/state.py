"""What is asked of a Space, and where the chat with it stands. Knows prompts and files; no requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from phi4_space._turns import File


@dataclass(frozen=True, slots=True)
class Script:
    """A prompt and the files that go with it."""

    text: str
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        whole: Everything said so far, for a session that knows nothing.
        news: What is new, for a session that knows the rest.
        tools: The names of the tools on offer.
        stop: The strings before which the answer's text ends.
    """

    whole: Script
    news: Script
    tools: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where a chat stands on the Space.

    Attributes:
        session_hash: Its session there; empty while it has none.
        app_id: The start of the Space that the session belongs to.
        history: The chat as the Space returned it last.
        filed: The chat with a turn in it that no job has taken up yet.
    """

    session_hash: str = ""
    app_id: int | str = ""
    history: list[Any] = field(default_factory=list)
    filed: list[Any] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the session knows what was said before."""
        return bool(self.history)

    def settle(self, history: list[Any]) -> None:
        """Notes that a turn went well."""
        self.history, self.filed = history, None

    def leave(self) -> None:
        """Gives the session up; the next turn says everything again on a new one."""
        self.session_hash, self.app_id, self.history, self.filed = "", "", [], None
