"""The files of turns, read: from disk, from memory, or from URLs. Knows the client's policy; no Gradio."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from phi4_space._config import Settings
from phi4_space._errors import UrlRefused
from phi4_space._media.known import KnownFiles
from phi4_space._media.read import read_all, refuse_too_many
from phi4_space._net.fetch import Budget, fetch
from phi4_space._turn.request import LoadedTurn
from phi4_space._turns import File, MediaLike, Turn


class FileReader:
    """Reads media, what it has read lately once.

    Args:
        settings: The client's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = KnownFiles()

    async def load(self, turns: Sequence[Turn]) -> tuple[LoadedTurn, ...]:
        """Reads the files of all turns.

        Raises:
            InvalidInput: One cannot be read, or Phi-4 does not take its kind; the text says which. Or there
                are too many.
        """
        media = [part for turn in turns for part in turn.media]
        refuse_too_many(len(media), self._settings.max_files)
        files = iter(await self.read(media))
        return tuple(LoadedTurn(turn, tuple(next(files) for _ in turn.media)) for turn in turns)

    async def read(self, media: Sequence[MediaLike]) -> list[File]:
        """Reads media that go together.

        Raises:
            InvalidInput: See `load`.
        """
        fetch = partial(self._fetch, budget=Budget(self._settings.fetch))
        return [*await read_all(media, fetch=fetch, known=self._known)]

    async def _fetch(self, url: str, *, budget: Budget) -> bytes:
        try:
            return await fetch(url, policy=self._settings.fetch, budget=budget)
        except UrlRefused as exc:
            exc.locate(step="fetch", space=str(self._settings.address))
            raise
