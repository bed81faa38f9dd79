"""The client for the Space that the command line names, or for an embedded one. Knows no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from phi4_space import InvalidInput, Notice, PromptStyle, SpaceClient, Timeouts
from phi4_space._cli.arguments import to_extra_inputs
from phi4_space._cli.output import Display
from phi4_space._config import ambient_token, token_for


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceOptions:
    """The options that choose a Space and how to talk to it.

    Attributes:
        space: Its name or URL; None for PHI4_SPACE, or else the public Space.
        embedded: Whether to start a Space with the offline model for the duration of the command.
        timeout: Seconds that a turn may take in all; None for the client's default.
        prompt_style: How several turns are written as one prompt, where the Space takes one.
        endpoint: Which contract to ask by, by the name of one of its functions; None for the best.
        extra_inputs: Values of the Space's additional inputs, each as "LABEL=VALUE".
        prompt_prefix: What stands before each prompt.
    """

    space: str | None = None
    embedded: bool = False
    timeout: float | None = None
    prompt_style: PromptStyle = "transcript"
    endpoint: str | None = None
    extra_inputs: tuple[str, ...] = ()
    prompt_prefix: str = ""

    def client(self, space: str | None = None, *, token: Literal[False] | None = None) -> SpaceClient:
        """Makes a client for the Space.

        Args:
            space: The Space to use if the options name none.
            token: False to not send `HF_TOKEN` to that Space.
        """
        timeouts = Timeouts() if self.timeout is None else self.timeout
        token = None if self.space else token
        return SpaceClient(
            self.space or space,
            token=token,
            timeouts=timeouts,
            prompt_style=self.prompt_style,
            endpoint=self.endpoint,
            extra_inputs=to_extra_inputs(self.extra_inputs),
            prompt_prefix=self.prompt_prefix,
        )


@contextmanager
def connect(options: SpaceOptions, display: Display, *, saved: str | None = None) -> Iterator[SpaceClient]:
    """A client for the Space, open during a `with` block; an embedded Space runs as long.

    Args:
        options: The options that choose the Space.
        display: Shows that a Space is started, or is not sent a token.
        saved: The Space that a saved conversation names, to use if the options name none.

    Raises:
        InvalidInput: Two options contradict each other, or the Space's name is invalid.
        ChildProcessError: The embedded Space did not start.
    """
    with ExitStack() as stack:
        if options.embedded:
            if options.space:
                raise InvalidInput(
                    "--embedded starts a Space of its own, so it cannot be combined with --space"
                )
            display.show_status("Starting a Space on this machine")
            url = stack.enter_context(embedded_server())
            display.show_notice(Notice(f"The answers come from the offline model at {url}, not from Phi-4."))
            client = options.client(url)
        elif saved is None or options.space:
            client = options.client()
        else:
            client = options.client(saved, token=(token := token_for(saved)))
            if token is False and ambient_token() is not None:
                display.show_notice(
                    Notice(
                        f"HF_TOKEN is not sent to {saved}, which the file names, unless --space names it too."
                    )
                )
        yield stack.enter_context(client)


@contextmanager
def embedded_server(*options: str) -> Iterator[str]:
    """The URL of a Space with the offline model, which runs during a `with` block.

    Args:
        *options: Further options of `phi4 serve`.

    Raises:
        ChildProcessError: It did not start; the message says why.
    """
    from phi4_server import embedded_space  # noqa: PLC0415 - an extra of its own

    with embedded_space(options=options) as url:
        yield url
