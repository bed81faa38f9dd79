"""The command that runs a Space, `python -m phi4_server`. Knows no page, no contract and no model's rules.

It runs on the standard library and Gradio alone, and exits with 0 when it is stopped by SIGTERM or SIGINT,
with 1 when it cannot start, and with 2 when its arguments are wrong. A check that is stopped ends with 130.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from phi4_server import api_key, command_line, login, model_choice
from phi4_server.announcement import Announcement
from phi4_server.ending import Ending
from phi4_server.model import ModelFailed, Progress
from phi4_server.model_choice import MODELS, Making
from phi4_server.scripted import CutConnections, ScriptedModel
from phi4_server.weights.load.settings import WeightsSettings
from phi4_server.weights.load.terminal import TerminalReport

_INTERRUPTED = 130


def main(
    argv: Sequence[str] | None = None,
    *,
    models: Mapping[str, Making] = MODELS,
    program: str = command_line.PROGRAM,
) -> int:
    """Serves a Space until it is stopped.

    Args:
        argv: The command's arguments; None means the process's own.
        models: What `--model` may name, the default first.
        program: What the command is called in its messages.

    Returns:
        The exit status.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    terminal, ending = TerminalReport(sys.stderr), Ending()
    parser = command_line.parser(models, program)
    options = parser.parse_args(argv)
    try:
        options.auth = login.credentials(options)
    except argparse.ArgumentTypeError as wrong:
        parser.error(f"argument --auth-env: {options.auth_env} {wrong}")
    api_key.check(parser, options)
    try:
        making = model_choice.choose(options, models, ending, terminal)
    except argparse.ArgumentTypeError as wrong:
        parser.error(str(wrong))
    run = _Run(program, terminal, ending)
    return run.check(making) if isinstance(making, WeightsSettings) else run.serve(options, making)


class _Run:
    """One run of the command."""

    def __init__(self, program: str, terminal: TerminalReport, ending: Ending) -> None:
        self._program, self._terminal, self._ending = program, terminal, ending
        self._announcement: Announcement | None = None

    def serve(self, options: argparse.Namespace, making: Making) -> int:
        """Serves the model, and returns the exit status."""
        try:
            listener = _listen(options.host, options.port)
        except OSError as problem:
            return self._complain(_not_listening(options, problem))
        with listener, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as uploads:
            os.environ.setdefault("GRADIO_TEMP_DIR", uploads)
            os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
            status = self._until_stopped(options, making, listener)
        if self._ending.was_stopped and not self._is_ready():
            self._ending.at_once(status)
        return status

    def check(self, settings: WeightsSettings) -> int:
        """Checks weights, and returns the exit status."""
        try:
            with self._ending.on_signals(_INTERRUPTED, say=self._interrupted):
                self._terminal(Progress(f"Starting {settings.model}"))
                from phi4_server.weights import check  # noqa: PLC0415  no server needs it

                return check.run(settings, self._terminal, self._write, program=self._program)
        except KeyboardInterrupt:
            self._interrupted()
            self._ending.at_once(_INTERRUPTED)

    def _until_stopped(self, options: argparse.Namespace, making: Making, listener: socket.socket) -> int:
        try:
            with self._ending.on_signals(say=self._stopped):
                if not login.is_settled(options, listener):
                    return self._complain(
                        "not started; --auth-env asks for a login, and --no-auth serves everybody"
                    )
                self._serve(options, making, listener)
        except ModuleNotFoundError as missing:
            return self._complain(
                f"{missing.name} is not installed; it comes with: pip install 'phi4-space[server]'"
            )
        except ModelFailed as failure:
            return self._complain(f"not started; {failure}")
        except KeyboardInterrupt:
            return self._stopped()
        return 0

    def _serve(self, options: argparse.Namespace, making: Making, listener: socket.socket) -> None:
        model, bounds = making(), command_line.bounds(options)
        announcement = self._announcement = Announcement(model, report=self._terminal, say=self._write)
        # Gradio takes seconds to import, and may be missing: wrong arguments are reported before.
        from phi4_server import mcp_tool  # noqa: PLC0415  see above
        from phi4_server.app import build  # noqa: PLC0415  see above
        from phi4_server.chat_completion.responder import Responder  # noqa: PLC0415  see above
        from phi4_server.chat_completion.simple import to_chat_model  # noqa: PLC0415  see above
        from phi4_server.server import address, serve  # noqa: PLC0415  see above
        from phi4_server.turns import Turns  # noqa: PLC0415  see above

        self._ending.check()
        if options.mcp and (problem := mcp_tool.problem(has_login=options.auth is not None)):
            sys.exit(self._complain(problem))
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # what a later Gradio drops is no concern of whoever runs this
        page = build(
            model,
            stream=not options.whole,
            at_once=options.at_once,
            bounds=bounds,
            words_per_second=options.words_per_second,
            mcp=options.mcp,
        )
        self._ending.check()
        responder = Responder(
            to_chat_model(model), most=bounds.text, words_per_second=options.words_per_second
        )
        serve(
            page,
            listener=listener,
            ready=lambda: announcement.of_page(address(listener), [*_notes(options, listener)]),
            bounds=bounds,
            show_error=options.show_error,
            with_parent=options.with_parent,
            auth=options.auth,
            allowed_hosts=[options.host, *(options.allowed_host or ())],
            middleware=_middleware(model, page),
            openai_api=Turns(responder, page, bounds) if options.openai_api else None,
            api_key=options.api_key,
            mcp=options.mcp,
            ending=self._ending,
        )

    def _interrupted(self) -> None:
        self._complain("stopped; the check is not finished")

    def _stopped(self) -> int:
        """Says what a signal stopped, where that is not what everybody expects."""
        failure = self._ending.failure
        if failure is not None:
            self._complain(f"stopped; {failure}")
        elif not self._is_ready():
            self._complain("stopped before it was ready")
        return self._ending.status

    def _is_ready(self) -> bool:
        return self._announcement is not None and self._announcement.is_done

    def _write(self, *lines: str) -> None:
        with self._terminal.apart():
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()

    def _complain(self, problem: str) -> int:
        with self._terminal.apart():
            sys.stderr.write(f"{self._program}: {problem}\n")
        return 1


def _not_listening(options: argparse.Namespace, problem: OSError) -> str:
    """Why there can be no server, and which option helps."""
    reason = str(problem.strerror).partition(" (while ")[0]  # where Python repeats the address
    match problem.errno:
        case errno.EADDRINUSE:
            advice = "; --port 0 picks a free one"
        case errno.EACCES | errno.EPERM:
            advice = "; ports from 1024 on need no rights, such as --port 7860"
        case _:
            advice = "; --host has to be an address of this machine, such as 127.0.0.1"
    return f"cannot listen on {options.host}, port {options.port}: {reason}{advice}"


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections inherit it. asyncio sets it for sockets that it opens itself; without it, an answer in two
    # writes waits 40 ms for the other side's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _middleware(model: object, page: Any) -> Callable[[Any], Any] | None:
    """What a model needs next to Gradio, if anything."""
    from phi4_server.chat_completion.readiness import Readiness  # noqa: PLC0415  see above

    if isinstance(model, ScriptedModel):
        return CutConnections
    return partial(Readiness, page=page, model=model) if hasattr(model, "progress") else None


def _notes(options: argparse.Namespace, listener: socket.socket) -> Iterator[str]:
    """Who can come, and what there is beside the page."""
    from phi4_server.server import address  # noqa: PLC0415  see above

    if reach := login.reach(options, listener):
        yield reach
    if options.openai_api:
        yield f"OpenAI's API is at {address(listener)}/v1"
    if options.mcp:
        yield f"The MCP server is at {address(listener)}/gradio_api/mcp/"


if __name__ == "__main__":
    sys.exit(main())
