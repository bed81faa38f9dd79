"""The wait for a build, shown: a line that changes at a terminal, plain lines elsewhere. Knows no plan."""

from __future__ import annotations

import sys

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.hub import Hub
from phi4_server.deploy.wait import BuildLog, LogLine, Pace, Wanted, tail, wait
from phi4_space._cli.output import TextDisplay

PACE = Pace()
"""How the wait passes its time."""
_LONGEST_LINE = 300


def watch(space: str, hub: Hub, wanted: Wanted, display: TextDisplay) -> None:
    """Shows stages and the build log, at a terminal in one line that changes."""
    log, stage, last = BuildLog(lambda: hub.log(space, build=True)), "", ""
    is_terminal = sys.stderr.isatty()
    try:
        with log.followed():
            for seen in wait(lambda: hub.runtime(space), wanted, log, PACE):
                if isinstance(seen, LogLine):
                    last = seen.text.strip()[:_LONGEST_LINE]
                    text = f"build log: {last}"
                elif is_terminal:
                    text = f"{seen.stage}, {seen.seconds:.0f} s  {last}"
                elif seen.stage != stage:
                    text = f"{seen.stage}, after {seen.seconds:.0f} s"
                else:
                    continue
                stage = stage if isinstance(seen, LogLine) else seen.stage
                display.show_status(text)
    except DeployFailed as failed:
        raise _with_log(failed, space, hub) from None
    finally:
        display.close()


def _with_log(failed: DeployFailed, space: str, hub: Hub) -> DeployFailed:
    """The failure with its log's end: of the program where that ended, and otherwise of the build."""
    if failed.reason != "build" or failed.log:
        return failed
    try:
        lines = hub.log(space, build="RUNTIME_ERROR" not in failed.what)
    except DeployFailed:
        lines = []
    advice = failed.advice or f"The whole log is at {hub.endpoint}/spaces/{space}?logs=container"
    return DeployFailed(failed.what, advice, reason="build", log=tail(lines))
