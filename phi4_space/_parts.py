"""A client's parts, put together from its settings. Knows which part needs which; does none of their work.

It stands on all the rooms of a turn, which `_runtime` loads with it.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from phi4_space._config import Settings
from phi4_space._environment import Environment
from phi4_space._gradio.connection import Connection
from phi4_space._gradio.server import GradioServer
from phi4_space._hub import Hub
from phi4_space._turn.availability import Availability
from phi4_space._turn.files import FileReader
from phi4_space._turn.run import TurnRunner


class Parts:
    """All that a client is made of but its connection.

    Args:
        settings: The client's.
        environment: What it has from outside.
        connection: The way to the Space.
        open_hub: Makes an HTTP client for the Hub.

    Attributes:
        server: The Space.
        hub: Tells the Space's stage.
        availability: Waits for the Space.
        files: Reads media.
        turns: Takes turns.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        connection: Connection,
        open_hub: Callable[[], httpx.AsyncClient],
    ) -> None:
        clock = environment.clock
        self.hub = Hub(settings, open_client=open_hub)
        self.server = GradioServer(connection, clock=clock)
        self.availability = Availability(self.server, self.hub, clock=clock, sleep=environment.sleep)
        self.files = FileReader(settings)
        self.turns = TurnRunner(
            self.server,
            self.availability,
            self.files,
            clock=clock,
            new_session_hash=environment.new_session_hash,
            new_call_id=environment.new_call_id,
        )
