"""How much a Space takes in, and how much of that it keeps. Knows the numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
"""As Gradio counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one Space takes. Who sends more is refused in plain words; who holds most gives way.

    Attributes:
        file: Bytes in one file.
        files: Files in one message.
        text: Characters in one message, and in one answer.
        turns: Questions in one chat.
        queue: Turns that may wait.
        waiting: Turns of one session that may wait.
        sessions: Sessions that are kept; a long chat counts for several.
        disk: Bytes of uploads: half for those that are kept, half for those on their way in.
        idle: Seconds that a session is kept after its last use.
        connections: Connections at a time.
    """

    file: int = 20 * MB
    files: int = 10
    text: int = 200_000
    turns: int = 200
    queue: int = 100
    waiting: int = 3
    sessions: int = 1_000
    disk: int = 2048 * MB
    idle: float = 24 * 3600
    connections: int = 1_000

    @property
    def chat_text(self) -> int:
        """Characters in one chat. The default is about what Phi-4's context of 128,000 tokens holds."""
        return self.text * 5 // 2

    @property
    def chat_files(self) -> int:
        """Files in one chat."""
        return self.files * 5

    @property
    def body(self) -> int:
        """Bytes in a request other than an upload. Clients send the whole chat along."""
        return MB + 8 * self.chat_text

    @property
    def bodies(self) -> int:
        """Bytes of such requests at a time, on their way in; and as many may wait in the queue."""
        return 10 * self.body

    @property
    def inline(self) -> int:
        """Bytes in a request that holds files itself, in base64: three of the largest."""
        return self.body + 4 * self.file

    @property
    def upload(self) -> int:
        """Bytes in one upload."""
        return MB + self.file * self.files


DEFAULTS = Bounds()
