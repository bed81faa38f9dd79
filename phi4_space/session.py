"""The low level: one session on a Space, the calls of a turn as separate steps, and the queue's events.

Knows names alone. `SpaceClient.asession` opens a session; most programs need none, since `SpaceClient` and
`Conversation` take whole turns.
"""

from phi4_space._gradio.queue import (
    Cancelled,
    Failed,
    Finished,
    Heartbeat,
    SessionLost,
    Snapshot,
    WireEvent,
)
from phi4_space._gradio.session import Session

__all__ = [
    "Cancelled",
    "Failed",
    "Finished",
    "Heartbeat",
    "Session",
    "SessionLost",
    "Snapshot",
    "WireEvent",
]
