"""The end of a process by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from servers import ROOT

from phi4_server.ending import Ending

STUCK = """
import signal, time
from phi4_server.ending import Ending
with Ending().on_signals(130, say=lambda: print("stopped while it was stuck")):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        pass
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_got_lost(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """What swallowed it, such as an import, does not keep the server from stopping; handlers are put back."""
    ending, before = Ending(), signal.getsignal(number)
    monkeypatch.setattr(ending, "by_force", lambda _, **_say: None)
    with pytest.raises(KeyboardInterrupt), ending.on_signals():  # noqa: PT012  what comes before must not raise
        ending.check()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        ending.check()

    assert signal.getsignal(number) is before


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of ours."""
    return subprocess.run(  # noqa: S603  see above
        [sys.executable, "-c", program],
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_block_that_goes_on() -> None:
    """It is ended by force, with its status, and why is said."""
    ended = run(STUCK)

    assert (ended.returncode, ended.stdout) == (130, "stopped while it was stuck\n")


def test_a_process_that_goes_on_behind_the_block() -> None:
    """It is ended by force, too; why was said by who caught the interrupt."""
    ended = run(STUCK.replace("    time.sleep(60)", "    pass") + "time.sleep(60)\n")

    assert (ended.returncode, ended.stdout) == (130, "")
