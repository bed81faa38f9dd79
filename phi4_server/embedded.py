"""A Space in a child process, for as long as a `with` block. Knows no Gradio: the child alone imports it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from phi4_server.scripted import Script, ScriptedModel

_HANDED_ON = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "VIRTUAL_ENV"),
    *("TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
    *("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"),
}
_FAMILIES = ("LC_", "PYTHON", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "OMP_", "MKL_", "OPENBLAS_", "XDG_")
"""What a Python process, its libraries and a GPU need, none of which is a credential.

A list of what is kept back would miss credentials: they are called whatever their owners like, and stand in
the URLs of proxies and databases.
"""
_READY = re.compile(rb" is ready at (http://\S+)")
_LOOK_EVERY_S = 0.05
_STOP_WITHIN_S = 5.0


@contextmanager
def embedded_space(
    *,
    model: str | None = None,
    script: Script | None = None,
    whole: bool = False,
    python: str = sys.executable,
    timeout: float = 60.0,
    options: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> Iterator[str]:
    """A Space of one's own on a free port of this machine.

    Args:
        model: What answers, as `python -m phi4_server --model` takes it; the offline model when left out.
        script: What is answered instead, entry by entry: see `phi4_server.scripted`.
        whole: Whether answers come in one piece.
        python: The interpreter to run it; one other than this must find `phi4_server` and Gradio by itself.
        timeout: Seconds until it must be ready.
        options: Further options of `python -m phi4_server`.
        variables: Names of environment variables to hand on; see `running_space`.

    Yields:
        The Space's URL.

    Raises:
        ChildProcessError: It did not start; the text holds what it printed.
        ScriptError: The script is not one.
    """
    command = [python, "-m", "phi4_server", *(["--whole"] if whole else []), *options]
    if model is not None:
        command += ["--model", model]
    with ExitStack() as stack:
        if script is not None:
            ScriptedModel(script)  # what is wrong with it is an error here, not in the child
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            file = Path(folder, "script.json")
            file.write_text(json.dumps(script), encoding="utf-8")
            command += ["--script", str(file)]
        yield stack.enter_context(running_space(command, timeout=timeout, variables=variables))


@contextmanager
def running_space(
    command: Sequence[str], *, timeout: float = 60.0, variables: Sequence[str] = ()
) -> Iterator[str]:
    """The same for another program that ends in `phi4_server.__main__.main`, such as a model of one's own.

    The program gets no token, key or password of this process: of the environment, it has what Python and its
    libraries need, and what is named here.

    Args:
        command: The program, to which `--port 0 --with-parent` is added.
        timeout: Seconds until it must be ready.
        variables: Names of further environment variables that it gets, such as "HF_TOKEN".

    Yields:
        The Space's URL.

    Raises:
        ChildProcessError: It did not start; the text holds what it printed.
    """
    environment = {"GRADIO_ANALYTICS_ENABLED": "False", **_handed_on(variables)}
    if command[0] == sys.executable:  # then it shall find what this process found, also from a checkout
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with (
        tempfile.TemporaryFile("a+b") as printed,
        subprocess.Popen(  # noqa: S603  the caller's own program
            [*command, "--port", "0", "--with-parent"],
            # Nothing is ever written to it: should this process die, it closes, and the child ends as well.
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the program at the terminal, which may go on
        ) as process,
    ):
        try:
            yield _await_url(process, printed, timeout)
        finally:
            _stop(process)


def _handed_on(variables: Sequence[str]) -> dict[str, str]:
    wanted = _HANDED_ON | set(variables)
    return {
        name: value
        for name, value in os.environ.items()
        if name in wanted or name.upper().startswith(_FAMILIES)
    }


def _await_url(process: subprocess.Popen[bytes], printed: IO[bytes], timeout: float) -> str:
    deadline = time.monotonic() + timeout
    while True:
        ended = process.poll() is not None
        printed.seek(0)
        output = printed.read()
        if ready := _READY.search(output):
            return ready[1].decode()
        if ended or time.monotonic() > deadline:
            what = f"ended with {process.returncode}" if ended else f"was not ready within {timeout:g} s"
            raise ChildProcessError(f"the Space {what}; it printed:\n{output.decode(errors='replace')}")
        time.sleep(_LOOK_EVERY_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
