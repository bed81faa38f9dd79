"""The command `phi4`: its subcommands, options and help. Knows typer; other rooms do the work."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import Annotated, Never

import typer

from phi4_space import InvalidInput, Phi4Error, PromptStyle, __version__
from phi4_space._cli.arguments import read_question, to_media
from phi4_space._cli.chat import Chat, read_conversation
from phi4_space._cli.connection import SpaceOptions, connect
from phi4_space._cli.demo import run_demo
from phi4_space._cli.deploy import deploy
from phi4_space._cli.doctor import diagnose
from phi4_space._cli.failures import EXITS, to_failure
from phi4_space._cli.output import Display, JsonDisplay, TextDisplay, print_json

_TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(
    help="Use Microsoft's Phi-4-multimodal from a Hugging Face Space: text, images and audio in, text out.",
    epilog="\n".join(["\b", "Exit status:", *(f"{status.code:>5}  {status.meaning}" for status in EXITS)]),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # click's own help keeps the table of exit statuses a table
)

SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--space", metavar="NAME|URL", help="The Space; by default $PHI4_SPACE, or else the public one."
    ),
]
EmbeddedOption = Annotated[
    bool, typer.Option("--embedded", help="Start a Space on this machine, with the offline model.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="The longest time that a turn may take."),
]
SystemOption = Annotated[
    str | None, typer.Option("--system", "-s", metavar="TEXT", help="Instructions for the model.")
]
StyleOption = Annotated[
    PromptStyle,
    typer.Option(
        "--prompt-style",
        help="How turns are written where the Space takes one prompt; template uses Phi-4's own tokens.",
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="NAME",
        help="The function to ask, where a Space has several.",
    ),
]
ExtraInputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extra-input",
        metavar="LABEL=VALUE",
        help="A value for one more input of the Space's page, by its label; may be repeated.",
    ),
]
PrefixOption = Annotated[
    str,
    typer.Option(
        "--prompt-prefix",
        metavar="TEXT",
        help="Text before each prompt, such as '@phi4 ' where a Space wants it.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def main() -> int:
    """Runs the command with the process's own arguments.

    Raises:
        SystemExit: Always, with one of the statuses in `EXITS`.
    """
    for stream in (sys.stdout, sys.stderr):
        # Characters that a terminal or pipe cannot encode become question marks, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # Its warnings would repeat what the notices say.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    signal.signal(signal.SIGTERM, _terminate)
    app(prog_name="phi4")
    return 0


@contextmanager
def exit_on_error(display: Display) -> Iterator[None]:
    """Shows an error that is raised in a `with` block, without a traceback, and closes the display.

    Raises:
        typer.Exit: There was an error; with its exit status.
    """
    try:
        yield
    except (Phi4Error, ChildProcessError, KeyboardInterrupt) as exc:
        failure = to_failure(exc)
        display.show_failure(failure)
        raise typer.Exit(failure.exit_code) from None
    finally:
        display.close()


def _terminate(_number: int, _frame: FrameType | None) -> Never:
    # As an exception, so that the job on the Space is cancelled and an embedded Space is stopped.
    raise SystemExit(_TERMINATED)


def _print_version(*, requested: bool) -> None:
    if requested:
        print(__version__)  # noqa: T201 - what was asked for
        raise typer.Exit


@app.callback()
def _phi4(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def ask(  # noqa: PLR0913 - options, all of them by keyword
    *,
    question: Annotated[
        str | None,
        typer.Argument(show_default=False, help='The question; "-" or nothing reads it from standard input.'),
    ] = None,
    rest: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    media: Annotated[
        list[str] | None,
        typer.Option("--media", "-m", metavar="FILE|URL", help="An image or audio file; may be repeated."),
    ] = None,
    system: SystemOption = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Send the text as the whole prompt, with nothing added.")
    ] = False,
    space: SpaceOption = None,
    embedded: EmbeddedOption = False,
    timeout: TimeoutOption = None,
    prompt_style: StyleOption = "transcript",
    endpoint: EndpointOption = None,
    extra_input: ExtraInputOption = None,
    prompt_prefix: PrefixOption = "",
    as_json: JsonOption = False,
) -> None:
    """Ask one question, and stream the answer.

    Only the answer goes to standard output, everything else to standard error. With --json each event is one
    line of JSON; the last line is the reply or the error.
    """
    display: Display = JsonDisplay() if as_json else TextDisplay()
    options = SpaceOptions(
        space=space,
        embedded=embedded,
        timeout=timeout,
        prompt_style=prompt_style,
        endpoint=endpoint,
        extra_inputs=tuple(extra_input or ()),
        prompt_prefix=prompt_prefix,
    )
    with exit_on_error(display), connect(options, display) as client:
        if rest:
            raise InvalidInput(
                f"There is one question, and {rest[0]!r} is another argument",
                advice="Put the question in quotation marks, and name files with --media FILE.",
            )
        text = read_question(question)
        sources = [to_media(argument) for argument in media or ()]
        display.show_status(f"Asking {client.space}")
        message, prompt = ("", text) if raw else (text, None)
        with closing(client.stream(message, media=sources, system=system, prompt=prompt)) as events:
            for event in events:
                display.show_event(event)


@app.command()
def chat(  # noqa: PLR0913 - options, all of them by keyword
    *,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="FILE", help="Continue a conversation that /save wrote."),
    ] = None,
    system: SystemOption = None,
    space: SpaceOption = None,
    embedded: EmbeddedOption = False,
    timeout: TimeoutOption = None,
    prompt_style: StyleOption = "transcript",
    endpoint: EndpointOption = None,
    extra_input: ExtraInputOption = None,
    prompt_prefix: PrefixOption = "",
) -> None:
    """Have a conversation.

    /help lists the commands of the chat. Ctrl-C during an answer cancels that answer; at the prompt it ends
    the chat.
    """
    display = TextDisplay()
    options = SpaceOptions(
        space=space,
        embedded=embedded,
        timeout=timeout,
        prompt_style=prompt_style,
        endpoint=endpoint,
        extra_inputs=tuple(extra_input or ()),
        prompt_prefix=prompt_prefix,
    )
    with exit_on_error(display), ExitStack() as stack:
        if resume is not None and system is not None:
            raise InvalidInput(
                "A saved conversation has its own instructions", advice="Leave out --system or --resume."
            )
        saved = None if resume is None else read_conversation(resume).space.space
        client = stack.enter_context(connect(options, display, saved=saved))
        session = Chat(client, display, system=system)
        if resume is not None:
            session.load(resume)
        session.run()


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def serve(context: typer.Context) -> None:
    """Run a Space of your own; see phi4 serve --help."""
    from phi4_server.__main__ import main as serve_space  # noqa: PLC0415 - an extra of its own

    raise typer.Exit(serve_space(context.args, program="phi4 serve"))


app.command()(deploy)


@app.command()
def doctor(
    *,
    space: SpaceOption = None,
    wake: Annotated[
        float,
        typer.Option("--wake", metavar="SECONDS", min=0, help="Wait so long for a Space that is not up."),
    ] = 0.0,
    endpoint: EndpointOption = None,
    extra_input: ExtraInputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check what is wrong with a Space, and what to do about it.

    Prints one line for each check: ok, a problem or a note, and what to do about it.
    """
    display: Display = JsonDisplay() if as_json else TextDisplay()
    with exit_on_error(display):
        options = SpaceOptions(space=space, endpoint=endpoint, extra_inputs=tuple(extra_input or ()))
        findings = diagnose(options, wake=wake, display=display)
    if as_json:
        print_json(findings.to_json())
    else:
        findings.print()
    raise typer.Exit(findings.exit_code)


@app.command()
def demo() -> None:
    """See it work, on this machine.

    Starts a Space with the offline model, asks about a text, an image and audio, and stops it again.
    """
    display = TextDisplay(timed=False)
    with exit_on_error(display):
        run_demo(display)
