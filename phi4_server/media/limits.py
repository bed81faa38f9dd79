"""What decoding a file may cost. Knows no process and no format."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """What decoding may cost before it is given up.

    Attributes:
        memory: Bytes of memory that one worker may hold, where the system holds it to that: Linux does.
        cpu_s: Seconds of CPU time for one file, where the system holds it to that: Windows does not.
        wall_s: Seconds for one file, by the clock.
        start_s: Seconds until a new worker must be ready.
        reply: Bytes that one file may be decoded into.
        files: Files after which a worker is replaced, since libraries leak.
        workers: Files decoded at the same time; others wait.
    """

    memory: int = 1024 * MIB
    cpu_s: int = 10
    wall_s: float = 30.0
    start_s: float = 60.0
    reply: int = 8 * MIB
    files: int = 200
    workers: int = 4
