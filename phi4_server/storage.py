"""The files that were uploaded: how much of them is kept. Knows how Gradio takes them in; no chats."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import route_utils, routes
from gradio.route_utils import GradioMultiPartParser, GradioUploadFile
from gradio.utils import get_upload_folder
from starlette.formparsers import MultiPartException

from phi4_server.bounds import Bounds
from phi4_server.shares import CLIENT, Shares

UNSENT_S = 3600.0
"""How long a file is kept that was never in a chat."""

LEFT_S = 60.0
"""How long one is kept whose chats are over. It may just have been uploaded anew."""

LOOK_EVERY_S = 5.0

LONGEST_FIELD = 8 * 1024
"""Bytes in the headers of one part of an upload, and in a part that is no file."""


class Storage(set[str]):
    """Gradio's set of the files that were uploaded. When it is full, the oldest of whoever holds most go."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.time) -> None:
        """Holds none yet.

        Args:
            bounds: How much is kept, and for how long.
            clock: Seconds, as files have them.
        """
        super().__init__()
        self._shares: Shares[str] = Shares(bounds.disk // 2)
        self._files = bounds.files
        self._idle = bounds.idle
        self._clock = clock
        self._looked = -LOOK_EVERY_S
        self._sent: set[str] = set()
        self._sets: list[set[str]] = []

    def serve(self, page: gr.Blocks) -> None:
        """Stands where `page` notes its uploads, and takes them in for it."""
        page.upload_file_set = self
        page.temp_file_sets[:] = [self, *page.temp_file_sets[1:]]
        self._sets = page.temp_file_sets
        for module in (routes, route_utils):  # one of them uses it, depending on Gradio's version
            module.GradioMultiPartParser = partial(Parts, storage=self, most=self._files)  # type: ignore[attr-defined]

    def add(self, path: str) -> None:
        """Keeps a file, for the client whose request is being answered. Others may have to go."""
        super().add(path)
        with suppress(OSError):
            self._shares.hold(path, CLIENT.get(), Path(path).stat().st_size)
        while self._shares.crowded:
            self.delete(self._shares.largest()[0])

    def update(self, *paths: Iterable[str]) -> None:
        """Keeps several."""
        for path in [path for several in paths for path in several]:
            self.add(path)

    def delete(self, path: str) -> None:
        """Deletes a file, and the folder that Gradio made for it."""
        self._shares.free(path)
        self._sent.discard(path)
        self.discard(path)
        file = Path(path)
        with suppress(OSError):
            file.unlink(missing_ok=True)
            if file.parent.parent == Path(get_upload_folder()):
                file.parent.rmdir()

    def tidy(self, needed: Callable[[], AbstractSet[str]]) -> None:
        """Deletes what is in no chat any more, or never was. Looks every few seconds only.

        Args:
            needed: Tells the files that are in chats.
        """
        now = self._clock()
        if now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        in_chats = needed()
        self._sent |= in_chats & self
        for path in self - in_chats:
            if self._age(path, now) > min(LEFT_S if path in self._sent else UNSENT_S, self._idle):
                self.delete(path)
        for paths in self._sets[1:]:  # what the page's parts have shown
            paths.intersection_update([path for path in paths if Path(path).exists()])

    @staticmethod
    def _age(path: str, now: float) -> float:
        try:
            return now - Path(path).stat().st_mtime
        except OSError:  # it is gone
            return math.inf


class Parts(GradioMultiPartParser):
    """Gradio's reader of uploads, with fewer files, short fields, and nothing left behind."""

    def __init__(self, *args: Any, storage: Storage, most: int, **options: Any) -> None:
        """Reads into `storage` at most so many files."""
        super().__init__(*args, **{**options, "max_files": most, "max_fields": most})
        self._storage = storage
        self._headers = 0

    def on_part_begin(self) -> None:
        """A part begins."""
        self._headers = 0
        super().on_part_begin()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """A piece of a header's name."""
        self._count_header(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of a header's value."""
        self._count_header(end - start)
        super().on_header_value(data, start, end)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """A piece of a file, or of a field, which is kept in memory."""
        if self._current_part.file is not None:
            super().on_part_data(data, start, end)
        elif len(self._current_part.data) + end - start <= LONGEST_FIELD:
            self._current_part.data += data[start:end]
        else:
            raise MultiPartException(f"Field exceeded maximum allowed size of {LONGEST_FIELD} bytes.")

    async def parse(self) -> Any:
        """Reads it all. What Gradio does not fetch is noted, to be deleted later.

        Raises:
            MultiPartException: It is no upload, or holds more than it may.
        """
        try:
            form = await super().parse()
        except BaseException as failure:
            for file in self._files_to_close_on_error:
                file.close()
                self._storage.delete(file.name)
            if isinstance(failure, ValueError):  # the parser's, which early versions of Gradio do not answer
                raise MultiPartException(f"Could not read the upload: {failure}") from failure
            raise
        for name, part in form.multi_items():
            if isinstance(part, GradioUploadFile) and name != "files":
                self._storage.add(part.file.name)
        return form

    def _count_header(self, length: int) -> None:
        self._headers += length
        if self._headers > LONGEST_FIELD:
            raise MultiPartException(f"Headers exceeded maximum allowed size of {LONGEST_FIELD} bytes.")
