"""The command `phi4`: its names, options and help. Knows what one may type; other rooms do the work."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import ExitStack, closing
from types import FrameType
from typing import Annotated, Never

import typer

from phi4_space import __version__
from phi4_space._cli.chat import Chat, read_conversation
from phi4_space._cli.demo import demonstrate
from phi4_space._cli.doctor import examine
from phi4_space._cli.failures import EXITS
from phi4_space._cli.output import JsonLines, Narration, Show, print_json
from phi4_space._cli.reach import PromptStyle, Target, reached, read_question, reported, to_media

_TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(
    help="Use Microsoft's Phi-4-multimodal from a Hugging Face Space: text, pictures and sound in, text out.",
    epilog="\n".join(["\b", "Exit status:", *(f"{one.code:>5}  {one.meaning}" for one in EXITS)]),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # click's own help keeps the table of exit statuses a table
)

SpaceOption = Annotated[
    str | None,
    typer.Option("--space", metavar="NAME|URL", help="The Space; else $PHI4_SPACE, else the public one."),
]
EmbeddedOption = Annotated[
    bool, typer.Option("--embedded", help="Start a Space on this machine, with the rehearsal model.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="The longest that a turn may take."),
]
SystemOption = Annotated[
    str | None, typer.Option("--system", "-s", metavar="TEXT", help="What the model is told about its part.")
]
StyleOption = Annotated[
    PromptStyle,
    typer.Option("--prompt-style", help="How several turns become one prompt; template: Phi-4's own tokens."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def main() -> int:
    """Runs the command with the process's own arguments.

    Raises:
        SystemExit: It ended; `EXITS` tells how.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that has no letter for something gets a question mark, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # Its warnings would stand beside the notices that tell the same.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    signal.signal(signal.SIGTERM, _terminate)
    app(prog_name="phi4")
    return 0


def _terminate(_number: int, _frame: FrameType | None) -> Never:
    # As an exception, so that the job on the Space is taken back and an embedded Space is stopped.
    raise SystemExit(_TERMINATED)


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201 - what was asked for
        raise typer.Exit


@app.callback()
def _phi4(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Stands before every command."""


@app.command()
def ask(  # noqa: PLR0913 - options, all of them by keyword
    *,
    question: Annotated[
        str | None,
        typer.Argument(show_default=False, help='The question; "-" or nothing reads it from standard input.'),
    ] = None,
    media: Annotated[
        list[str] | None,
        typer.Option("--media", "-m", metavar="FILE|URL", help="A picture or recording; may be repeated."),
    ] = None,
    system: SystemOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="Send the text as the prompt, nothing added.")] = False,
    space: SpaceOption = None,
    embedded: EmbeddedOption = False,
    timeout: TimeoutOption = None,
    prompt_style: StyleOption = "transcript",
    as_json: JsonOption = False,
) -> None:
    """Ask one question, and watch the answer arrive.

    The answer alone goes to standard output, all else to standard error. With --json each event is one
    line of JSON; the last line is the reply or the error.
    """
    show: Show = JsonLines() if as_json else Narration()
    target = Target(space=space, embedded=embedded, timeout=timeout, prompt_style=prompt_style)
    with reported(show), reached(target, show) as client:
        text = read_question(question)
        attached = [to_media(argument) for argument in media or ()]
        show.say(f"Asking {client.space}")
        message, prompt = ("", text) if raw else (text, None)
        with closing(client.stream(message, media=attached, system=system, prompt=prompt)) as events:
            for event in events:
                show.tell(event)


@app.command()
def chat(
    *,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="FILE", help="Go on with a conversation that /save wrote."),
    ] = None,
    system: SystemOption = None,
    space: SpaceOption = None,
    embedded: EmbeddedOption = False,
    timeout: TimeoutOption = None,
    prompt_style: StyleOption = "transcript",
) -> None:
    """Have a conversation.

    /help in it tells what else can be done. Ctrl-C during an answer cancels that answer; at the prompt it
    ends the chat.
    """
    narration = Narration()
    target = Target(space=space, embedded=embedded, timeout=timeout, prompt_style=prompt_style)
    with reported(narration), ExitStack() as stack:
        saved = None if resume is None else read_conversation(resume).space.space
        client = stack.enter_context(reached(target, narration, saved=saved))
        talk = Chat(client, narration, system=system)
        if resume is not None:
            talk.load(resume)
        talk.run()


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def serve(context: typer.Context) -> None:
    """Run a Space of your own: phi4 serve --help."""
    from phi4_server.__main__ import main as serve_space  # noqa: PLC0415 - the server stands apart

    raise typer.Exit(serve_space(context.args))


@app.command()
def doctor(
    *,
    space: SpaceOption = None,
    wake: Annotated[
        float, typer.Option("--wake", metavar="SECONDS", min=0, help="Wait so long for one that is not up.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with a Space, and what to do.

    One line for each thing looked at: ok, a problem, or a note, and what to do about it.
    """
    show: Show = JsonLines() if as_json else Narration()
    with reported(show):
        findings = examine(Target(space=space), wake=wake, show=show)
    if as_json:
        print_json(findings.to_json())
    else:
        findings.print()
    raise typer.Exit(findings.exit_code)


@app.command()
def demo() -> None:
    """See it work, on this machine.

    Starts a Space with the rehearsal model, asks about a text, a picture and a sound, and ends by itself.
    """
    narration = Narration(timed=False)
    with reported(narration):
        demonstrate(narration)
