"""From options to a Space, and from an exception to an exit status. Knows typer; shows nothing itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from phi4_space import InvalidInput, Notice, Phi4Error, SpaceClient, Timeouts
from phi4_space._cli.failures import to_failure
from phi4_space._cli.output import Show
from phi4_space._config import ambient_token, token_for

PromptStyle = Literal["transcript", "template"]

_NO_PATH = re.compile(r"https?://|data:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which Space to ask, and how.

    Attributes:
        space: Its name or URL; PHI4_SPACE or else the public Space when None.
        embedded: Whether to start one for the length of the command, with the rehearsal model.
        timeout: Seconds that a turn may take in all; the client's own default when None.
        prompt_style: How several turns become one prompt.
    """

    space: str | None = None
    embedded: bool = False
    timeout: float | None = None
    prompt_style: PromptStyle = "transcript"

    def client(self, space: str | None = None, *, token: Literal[False] | None = None) -> SpaceClient:
        """A client for the Space.

        Args:
            space: The Space to take when none was named.
            token: False keeps `HF_TOKEN` from that one.
        """
        timeouts = Timeouts() if self.timeout is None else self.timeout
        token = None if self.space else token
        return SpaceClient(
            self.space or space, token=token, timeouts=timeouts, prompt_style=self.prompt_style
        )


@contextmanager
def reached(target: Target, show: Show, *, saved: str | None = None) -> Iterator[SpaceClient]:
    """A client for the target, for as long as a `with` block; an embedded Space ends with it.

    Args:
        target: Which Space.
        show: Is told when a Space is started, or gets no token.
        saved: The Space that a file names, to take when the target names none.

    Raises:
        InvalidInput: An option makes no sense.
        ChildProcessError: The embedded Space did not start.
    """
    with ExitStack() as stack:
        if target.embedded:
            if target.space:
                raise InvalidInput("--embedded starts a Space of its own, and --space names another one")
            show.say("Starting a Space on this machine")
            url = stack.enter_context(embedded())
            show.note(Notice(f"The rehearsal model answers, which is not Phi-4, on this machine at {url}."))
            client = target.client(url)
        elif saved is None or target.space:
            client = target.client()
        else:
            client = target.client(saved, token=(token := token_for(saved)))
            if token is False and ambient_token() is not None:
                show.note(Notice(f"HF_TOKEN is not sent to {saved}, which the file names. --space sends it."))
        yield stack.enter_context(client)


@contextmanager
def embedded(*options: str) -> Iterator[str]:
    """The URL of a Space with the rehearsal model, for as long as a `with` block.

    Args:
        *options: Further options of `phi4 serve`.

    Raises:
        ChildProcessError: It did not start; the text says why.
    """
    from phi4_server import embedded_space  # noqa: PLC0415 - the server stands apart from the client

    with embedded_space(options=options) as url:
        yield url


@contextmanager
def reported(show: Show) -> Iterator[None]:
    """Shows what fails inside, without a traceback, and closes `show`.

    Raises:
        typer.Exit: Something did; with the exit status for it.
    """
    try:
        yield
    except (Phi4Error, ChildProcessError, KeyboardInterrupt) as exc:
        failure = to_failure(exc)
        show.fail(failure)
        raise typer.Exit(failure.exit_code) from None
    finally:
        show.close()


def to_media(argument: str) -> str | Path:
    """A command line's picture or recording: an http(s) URL, a data URI, or else a local path."""
    return argument if _NO_PATH.match(argument) else Path(argument).expanduser()


def read_question(argument: str | None) -> str:
    """The question, from the command line or from standard input.

    Args:
        argument: What stands on the command line; "-" means standard input, and so does None where standard
            input is no terminal.

    Raises:
        InvalidInput: Standard input holds no text.
    """
    if argument not in {None, "-"}:
        return argument or ""
    if argument is None and sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raise InvalidInput(
            "Standard input is no text", advice="Hand in pictures and recordings with --media."
        ) from exc
