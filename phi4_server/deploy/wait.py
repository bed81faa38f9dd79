"""The wait for a Space: its stages and its build log, as they come. Knows no Hub and no clock of its own.

The Hub goes on saying RUNNING for a while after an upload, and means the build before. So a stage counts
once it is the new commit's, where the Hub says whose it is, and otherwise after a while or another stage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.hub_answer import Runtime

_RUNNING = "RUNNING"
_ASLEEP = "SLEEPING"
"""A Space that nobody has visited; whoever asks it wakes it."""
_UNDER_WAY = {"BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING"}
_FAILED = {
    "BUILD_ERROR": "The build failed",
    "RUNTIME_ERROR": "The Space was built, but its program ended with an error",
    "CONFIG_ERROR": "The Hub does not take the Space's configuration",
    "NO_APP_FILE": "The Space has no app.py",
    "DELETING": "The Space is being deleted",
    "STOPPED": "The Space was stopped",
    "PAUSED": "The Space was paused",
}
_LONGEST_LINE = 500
_TAIL = 30
_MOST_MISSES = 10


@dataclass(frozen=True, slots=True)
class StageSeen:
    """The Space is at a stage.

    Attributes:
        stage: The Hub's word.
        seconds: How long it has been waited for.
    """

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LogLine:
    """A new line of the build log."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is waited for.

    Attributes:
        commit: The commit that has to run, or "" where any will do.
        hardware: What it has to run on.
        is_fresh: Whether something was changed just now, so that what runs may be the build before.
    """

    commit: str
    hardware: str
    is_fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a wait passes its time.

    Attributes:
        every: Seconds between two looks.
        settle: Seconds after which a stage counts, though the Hub does not say whose it is.
        longest: Seconds after which it is given up.
        clock: The time, in seconds.
        sleep: Sleeps so many seconds.
    """

    every: float = 2.0
    settle: float = 20.0
    longest: float = 3600.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class BuildLog:
    """The lines of a log that grows, read in a thread of its own: the Hub may take seconds for it."""

    def __init__(self, read: Callable[[], Sequence[str]], *, every: float = 2.0) -> None:
        """Reads nothing yet.

        Args:
            read: The whole log so far.
            every: Seconds between two looks.
        """
        self._read = read
        self._every = every
        self._seen = 0
        self._new: SimpleQueue[str] = SimpleQueue()
        self._end = threading.Event()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Reads on for as long as a `with` block."""
        thread = threading.Thread(target=self._follow, daemon=True)  # it may hang in a read; nobody waits
        thread.start()
        try:
            yield
        finally:
            self._end.set()

    def look(self) -> None:
        """Reads once; a log that cannot be read has no new lines, for the wait does not depend on it."""
        try:
            lines = self._read()
        except DeployFailed:
            return
        start = self._seen if len(lines) >= self._seen else 0  # shorter: another build has begun
        self._seen = len(lines)
        for line in lines[start:]:
            self._new.put(line[:_LONGEST_LINE])

    def take(self) -> Iterator[str]:
        """The lines that are new since the last call."""
        while not self._new.empty():
            yield self._new.get()

    def _follow(self) -> None:
        while not self._end.is_set():
            self.look()
            self._end.wait(self._every)


def wait(
    look: Callable[[], Runtime], wanted: Wanted, log: BuildLog, pace: Pace
) -> Iterator[StageSeen | LogLine]:
    """Yields each stage and line as it comes, also a stage that lasts, and ends when the Space runs.

    Args:
        look: Asks how far the Space is.
        wanted: What has to run.
        log: Its build log, which somebody follows.
        pace: How often to look, and for how long.

    Raises:
        DeployFailed: It does not build or start, takes too long, or the Hub cannot be asked any more.
    """
    begun, has_moved, look = pace.clock(), False, _patient(look, pace)
    while True:
        runtime, seconds = look(), pace.clock() - begun
        has_moved = has_moved or runtime.stage in _UNDER_WAY
        yield from map(LogLine, log.take())
        yield StageSeen(runtime.stage, seconds)
        is_settled = has_moved or seconds >= pace.settle
        if _counts(runtime, wanted, is_settled=is_settled) and _is_up(runtime, wanted):
            return
        if seconds > pace.longest:
            raise DeployFailed(
                f"The Space is still at {runtime.stage} after {seconds / 60:.0f} minutes",
                "It goes on at the Hub: run the command again to go on waiting.",
                reason="build",
            )
        pace.sleep(pace.every)


def _patient(look: Callable[[], Runtime], pace: Pace) -> Callable[[], Runtime]:
    """The same look, that bears with a Hub that is busy or out of reach for some time."""

    def patient() -> Runtime:
        for _ in range(_MOST_MISSES):
            try:
                return look()
            except DeployFailed as failure:
                if failure.reason not in {"busy", "unreachable"}:
                    raise
            pace.sleep(pace.every)
        return look()

    return patient


def tail(lines: Sequence[str]) -> tuple[str, ...]:
    """The end of a log, as much as helps."""
    return tuple(line[:_LONGEST_LINE] for line in lines[-_TAIL:])


def _counts(runtime: Runtime, wanted: Wanted, *, is_settled: bool) -> bool:
    """Whether what the Hub says is about what is waited for, and not about the build before."""
    if not wanted.is_fresh:
        return True
    if runtime.commit and wanted.commit:
        return runtime.commit == wanted.commit and (is_settled or runtime.stage == _RUNNING)
    return is_settled


def _is_up(runtime: Runtime, wanted: Wanted) -> bool:
    """Whether the Space answers, or will when it is asked.

    Raises:
        DeployFailed: It never will.
    """
    if runtime.stage in _FAILED:
        raise _failure(runtime)
    if runtime.stage == _RUNNING:
        return runtime.hardware in {None, wanted.hardware}
    return runtime.stage == _ASLEEP


def _failure(runtime: Runtime) -> DeployFailed:
    what = _FAILED[runtime.stage]
    reason = f": {' '.join(runtime.error.split())[:_LONGEST_LINE]}" if runtime.error else ""
    advice = "Its settings page can start it." if runtime.stage in {"STOPPED", "PAUSED"} else ""
    return DeployFailed(f"{what} ({runtime.stage}){reason}", advice, reason="build")
