"""Fetches a checkpoint from the Hub into its cache, and says how far it is."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights.load import checkpoint, hub
from phi4_server.weights.load.hub import Listing, Unreachable
from phi4_server.weights.load.memory import in_gb

_AT_ONCE = 4
_EVERY_S = 0.5
_SPARE = 200 * 10**6
"""What stays free on the disk."""

Report = Callable[[Progress], None]


def needed(listing: Listing, index: Mapping[str, Any] | None) -> dict[str, int]:
    """The files to be fetched, by name, in bytes.

    Args:
        listing: What there is.
        index: The index of its tensors' files, where there is one.

    Raises:
        ModelFailed: It is no whole checkpoint.
    """
    files = [*checkpoint.NEEDED, *checkpoint.weight_files(index, listing.sizes)]
    where = f"{listing.name} on the Hub is not a whole checkpoint of Phi-4-multimodal:"
    checkpoint.lacking(where, files, listing.sizes)
    more = [name for name in (checkpoint.INDEX, *checkpoint.WELCOME) if name in listing.sizes]
    return {name: listing.sizes[name] for name in (*files, *more)}


def fetch_small(listing: Listing, name: str) -> Path:
    """Fetches one small file, and notes in the cache which commit the revision is.

    Raises:
        ModelFailed: It is not to be had.
        Unreachable: The Hub does not answer.
    """
    with hub.in_plain_words(listing.name, listing.revision):
        return hub.get(listing.name, name, listing.revision)


def left(listing: Listing, files: Mapping[str, int]) -> dict[str, int]:
    """Those of the files that are not in the cache yet."""
    return {
        name: size for name, size in files.items() if hub.find(listing.name, name, listing.commit) is None
    }


def check_disk(files: Mapping[str, int]) -> None:
    """Refuses to begin what the disk has no room for.

    Raises:
        ModelFailed: Says how much is missing, and how another disk is used.
    """
    cache = Path(hub.library().constants.HF_HUB_CACHE)
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free, size = shutil.disk_usage(place).free, sum(files.values())
    if size and free < size + _SPARE:
        raise ModelFailed(
            f"The download of {in_gb(size)} does not fit on the disk of {cache}: {in_gb(free)} are free; "
            "HF_HOME=/another/disk has it kept elsewhere"
        )


def fetch(listing: Listing, files: Mapping[str, int], report: Report) -> Path:
    """Fetches the files, and returns the folder in the cache that has them.

    Raises:
        ModelFailed: It stopped; the text says why. Files that have come whole are kept.
    """
    meter = _Meter(listing.name, sum(files.values()), report)

    def one(name: str) -> Path:
        return hub.get(listing.name, name, listing.commit, tqdm_class=meter.bar)

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        with hub.in_plain_words(listing.name, listing.revision):
            for job in [pool.submit(one, name) for name in sorted(files, key=lambda name: -files[name])]:
                job.result()
    except Unreachable as problem:
        raise ModelFailed(
            f"The download of {listing.name} stopped after {in_gb(meter.fetched)}: {problem}. "
            "Start it again: files that have come whole are kept"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # whoever interrupts it ends the process
    folder = hub.cached(listing.name, listing.commit)
    if folder is None:
        raise ModelFailed(
            f"The download of {listing.name} is not where it should be, in the cache of the Hub"
        )
    return folder


class _Meter:
    """Adds up what comes, from several threads, and reports it."""

    def __init__(
        self, name: str, total: int, report: Report, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.fetched = 0
        self._name, self._total, self._report, self._clock = name, total, report, clock
        self._lock = threading.Lock()
        self._began = clock()
        self._resumed = 0
        self._last = -_EVERY_S

    def bar(self, *_: Any, initial: float = 0, **__: Any) -> _Bar:
        """What the library takes for tqdm."""
        self.add(int(initial), is_new=False)
        return _Bar(self.add)

    def add(self, size: float, *, is_new: bool = True) -> None:
        """Counts bytes; those that an earlier download left count for no rate."""
        with self._lock:
            self.fetched += int(size)
            self._resumed += 0 if is_new else int(size)
            now = self._clock()
            if now - self._last < _EVERY_S:
                return
            self._last = now
            progress = self._progress(now - self._began)
        self._report(progress)

    def _progress(self, seconds: float) -> Progress:
        fetched = min(self.fetched, self._total)
        text = f"Downloading {self._name}: {in_gb(fetched)} of {in_gb(self._total)}"
        rate = (self.fetched - self._resumed) / seconds if seconds > 1 else 0
        if rate >= 1:
            text += f", {rate / 10**6:.1f} MB/s, {_duration((self._total - fetched) / rate)} left"
        return Progress(text, fetched / self._total if self._total else None)


class _Bar:
    """As much of tqdm as the library needs for one file."""

    def __init__(self, add: Callable[[float], None]) -> None:
        self._add = add
        self.n, self.total = 0, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float | None = 1) -> None:
        self._add(n or 0)

    def __getattr__(self, _: str) -> Callable[..., None]:
        """Everything else that tqdm has, which shows something."""
        return lambda *_, **__: None


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{max(seconds, 1):.0f} s"
    if seconds < 3600:  # noqa: PLR2004  an hour
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
