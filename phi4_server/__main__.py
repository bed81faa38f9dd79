"""The command that runs a Space, `python -m phi4_server`. Knows no page, no contract and no model's rules.

It runs on the standard library and Gradio alone, and exits with 0 when it is stopped by SIGTERM or SIGINT,
with 1 when it cannot start, and with 2 when its arguments are wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import re
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

from phi4_server import api_key, login, model_choice
from phi4_server.bounds import DEFAULTS, MB, Bounds
from phi4_server.ending import Ending
from phi4_server.model import ModelFailed
from phi4_server.model_choice import MODELS, Making
from phi4_server.scripted import CutConnections, ScriptedModel
from phi4_server.weights.settings import WeightsSettings


def main(argv: Sequence[str] | None = None, *, models: Mapping[str, Making] = MODELS) -> int:
    """Serves a Space until it is stopped.

    Args:
        argv: The command's arguments; None means the process's own.
        models: What `--model` may name, the default first.

    Returns:
        The exit status.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    ending = Ending()
    parser = _parser(models)
    options = parser.parse_args(argv)
    try:
        options.auth = login.credentials(options)
    except argparse.ArgumentTypeError as wrong:
        parser.error(f"argument --auth-env: {options.auth_env} {wrong}")
    api_key.check(parser, options)
    try:
        making = model_choice.choose(options, models, ending)
    except argparse.ArgumentTypeError as wrong:
        parser.error(str(wrong))
    return _check(making) if isinstance(making, WeightsSettings) else _run(options, making, ending)


def _run(options: argparse.Namespace, making: Making, ending: Ending) -> int:
    """Serves the model, and returns the exit status."""
    try:
        listener = _listen(options.host, options.port)
    except OSError as problem:
        return _complain(f"cannot listen on {options.host}, port {options.port}: {problem.strerror}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with listener, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as uploads:
        os.environ.setdefault("GRADIO_TEMP_DIR", uploads)
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
        try:
            if not login.is_settled(options, listener):
                return _complain("not started; --auth-env asks for a login, and --no-auth serves everybody")
            _serve(options, making, listener, ending)
        except ModuleNotFoundError as missing:
            return _complain(
                f"{missing.name} is not installed; it comes with: pip install 'phi4-space[server]'"
            )
        except ModelFailed as failure:
            return _complain(f"not started; {failure}")
        except KeyboardInterrupt:
            return 0 if ending.failure is None else _complain(f"stopped; {ending.failure}")
    return 0


def _check(settings: WeightsSettings) -> int:
    from phi4_server.weights import check  # noqa: PLC0415  no server needs it
    from phi4_server.weights.terminal import TerminalReport  # noqa: PLC0415  see above

    report = TerminalReport(sys.stderr)

    def write(line: str) -> None:
        report.close()
        _say(line)

    return check.run(settings, report, write)


def _parser(models: Mapping[str, Making]) -> argparse.ArgumentParser:
    what = "Run a Space with the API of the public Phi-4-multimodal Space, until Ctrl-C or SIGTERM."
    parser = argparse.ArgumentParser("phi4_server", description=what, allow_abbrev=False)
    offer = parser.add_argument
    model_choice.add_options(parser, models)
    offer(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 means all (default: %(default)s)"
    )
    login.add_options(parser)
    api_key.add_options(parser)
    offer(
        "--allowed-host",
        action="append",
        metavar="NAME",
        help="a host name that browsers may use, may be repeated; localhost and IP addresses always work",
    )
    offer(
        "--port",
        type=_port,
        default=7860,
        help="port to listen on; 0 picks a free one (default: %(default)s)",
    )
    offer("--whole", action="store_true", help="send each answer in one piece instead of streaming it")
    offer(
        "--words-per-second", type=_positive(float), metavar="R", help="limit how fast answers are streamed"
    )
    offer(
        "--at-once",
        type=_positive(int),
        default=8,
        metavar="N",
        help="answers worked on at the same time (default: %(default)s)",
    )
    _offer_bounds(parser)
    offer(
        "--show-error",
        action="store_true",
        default=True,
        help="show the text of unexpected errors to users (the default)",
    )
    offer("--hide-errors", action="store_false", dest="show_error", help="write them to the log only")
    offer("--with-parent", action="store_true", help="stop when standard input is closed")
    return parser


def _offer_bounds(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits", "Requests beyond a limit are refused with an explanation.")
    for name, bound, kind, what in (
        ("--max-file-size", "file", _size, "size of one file, such as 20mb"),
        ("--max-files", "files", _positive(int), "files in a message; a chat may have five times as many"),
        (
            "--max-text",
            "text",
            _positive(int),
            "characters in a message or an answer; a chat may have two and a half times as many",
        ),
        ("--max-turns", "turns", _positive(int), "questions in a chat"),
        ("--max-queue", "queue", _positive(int), "questions waiting in the queue"),
        ("--max-waiting", "waiting", _positive(int), "questions of one session waiting in the queue"),
        (
            "--max-sessions",
            "sessions",
            _positive(int),
            "sessions kept; a long chat counts as several",
        ),
        ("--max-idle", "idle", _positive(float), "seconds a session is kept after its last use"),
        ("--max-disk", "disk", _size, "disk space for uploads, such as 2gb"),
        ("--max-connections", "connections", _positive(int), "open connections"),
    ):
        default = getattr(DEFAULTS, bound)
        default, metavar = (f"{default // MB}mb", "SIZE") if kind is _size else (default, "N")
        group.add_argument(
            name,
            dest=bound,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{what} (default: %(default)s)",
        )


def _bounds(options: argparse.Namespace) -> Bounds:
    return Bounds(**{part.name: getattr(options, part.name) for part in dataclasses.fields(Bounds)})


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  the last port there is
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _positive(number: Callable[[str], float]) -> Callable[[str], float]:
    def positive(text: str) -> float:
        value = number(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    return positive


def _size(text: str) -> int:
    size = re.fullmatch(r"0*([1-9]\d{0,14}) ?([kmgt]?)b?", text.lower(), re.ASCII)
    if size is None:
        raise argparse.ArgumentTypeError("must be a number with b, kb, mb, gb or tb, such as 20mb")
    return int(size[1]) << 10 * " kmgt".index(size[2] or " ")


def _listen(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def _serve(
    options: argparse.Namespace,
    making: Making,
    listener: socket.socket,
    ending: Ending,
) -> None:
    model, bounds = making(), _bounds(options)
    # Gradio takes seconds to import, and may be missing: messages about wrong arguments do not wait for it.
    from phi4_server import mcp_tool  # noqa: PLC0415  see above
    from phi4_server.app import build  # noqa: PLC0415  see above
    from phi4_server.chat_completion.responder import Responder  # noqa: PLC0415  see above
    from phi4_server.chat_completion.simple import to_chat_model  # noqa: PLC0415  see above
    from phi4_server.server import address, serve  # noqa: PLC0415  see above
    from phi4_server.turns import Turns  # noqa: PLC0415  see above

    if options.mcp and (problem := mcp_tool.problem(has_login=options.auth is not None)):
        sys.exit(_complain(problem))
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
    responder = Responder(to_chat_model(model), most=bounds.text, words_per_second=options.words_per_second)
    serve(
        page,
        listener=listener,
        ready=lambda: _say(*_ready(options, model.name, address(listener))),
        bounds=bounds,
        show_error=options.show_error,
        with_parent=options.with_parent,
        auth=options.auth,
        allowed_hosts=[options.host, *(options.allowed_host or ())],
        middleware=CutConnections if isinstance(model, ScriptedModel) else None,
        openai_api=Turns(responder, page, bounds) if options.openai_api else None,
        api_key=options.api_key,
        mcp=options.mcp,
        ending=ending,
    )


def _ready(options: argparse.Namespace, name: str, url: str) -> Iterator[str]:
    """What is served, and where."""
    if options.openai_api:
        yield f"OpenAI's API is at {url}/v1"
    if options.mcp:
        yield f"The MCP server is at {url}/gradio_api/mcp/"
    yield f"{name} is ready at {url}"  # the last line, which programs wait for


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _complain(problem: str) -> int:
    sys.stderr.write(f"phi4_server: {problem}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
