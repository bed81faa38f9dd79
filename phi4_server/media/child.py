"""What runs inside a worker: calls functions on files, within limits. Knows no format and no server.

A line of JSON comes in on standard input for each file, and the reply goes out on standard output:
a line of JSON, and as many bytes after it as it says. It ends when its input ends, and so with its parent.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Protocol

_OUTPUT, _ERRORS = 1, 2


class Packable(Protocol):
    """What a function returns that can be called here."""

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them, and raw bytes."""
        ...


def main() -> None:
    """Replies to requests until there are no more."""
    settings = json.loads(sys.argv[1])
    functions = {name: pkgutil.resolve_name(name) for name in settings["functions"]}
    limits = settings["limits"]
    replies = _claim_output()
    _limit(memory=limits["memory"])
    pending: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=[pending], daemon=True).start()
    replies.write(b"ready\n")
    replies.flush()
    while True:
        function, path, *arguments = json.loads(pending.get())
        _limit_cpu(limits["cpu_s"])
        fields, data = _call(functions[function], Path(path), arguments)
        replies.write(json.dumps({**fields, "bytes": len(data)}).encode() + b"\n" + data)
        replies.flush()


def _claim_output() -> BinaryIO:
    """Standard output, for replies alone: what libraries print there, or on standard error, goes nowhere."""
    output = os.fdopen(os.dup(_OUTPUT), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (_OUTPUT, _ERRORS):
        os.dup2(nowhere, descriptor)
    return output


def _receive(pending: SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        pending.put(line)
    os._exit(0)  # whatever is being decoded: nobody waits for it


def _call(
    function: Callable[..., Packable], path: Path, arguments: list[str]
) -> tuple[Mapping[str, Any], bytes]:
    try:
        return function(path, *arguments).packed()
    except MemoryError:
        return {"refusal": "it takes too much memory"}, b""
    except ValueError as refusal:
        return {"refusal": str(refusal)[:1000]}, b""
    except Exception as error:  # noqa: BLE001  decoders raise anything on damaged bytes
        return {"refusal": f"its decoder failed with {type(error).__name__}"}, b""


def _limit(*, memory: int) -> None:
    """Bounds this process for good: no core dump, no file written, few files open, and so much memory."""
    if sys.platform == "win32":  # has none of these; there the parent's clock is all
        return
    import resource  # noqa: PLC0415  see above

    with suppress(OSError):  # Linux has it: where memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, 2 * memory),  # with the libraries, which are large and shared
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # noqa: PLW2901
        with suppress(OSError, ValueError):  # macOS has some of them by name alone
            resource.setrlimit(kind, (most, most))


def _limit_cpu(seconds: int) -> None:
    """Lets the system end this process when it has used so much CPU time from now on."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  see above

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with suppress(OSError, ValueError):  # somebody has set a lower one
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, hard))


if __name__ == "__main__":
    main()
