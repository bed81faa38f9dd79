"""`phi4 deploy`, its options and help. Knows typer; `_cli/deployment.py` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phi4_space._cli.deploy_options import DeployOptions
from phi4_space._cli.output import TextDisplay


def deploy(  # noqa: PLR0913 - options, all of them by keyword
    *,
    space: Annotated[str, typer.Argument(metavar="OWNER/NAME", show_default=False, help="The Space's name.")],
    hardware: Annotated[
        str | None,
        typer.Option(
            "--hardware",
            metavar="NAME",
            help="cpu-basic, zero-a10g, l4x1 ...; by default what the Space has, or else cpu-basic, "
            "with weights zero-a10g.",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Let nobody else see or use it.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="offline|OWNER/NAME",
            help="What answers: the offline model (the default), or Phi-4's weights in that repository.",
        ),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option("--upstream", metavar="URL", help="Have an engine elsewhere answer.")
    ] = None,
    upstream_model: Annotated[
        str | None,
        typer.Option("--upstream-model", metavar="NAME", help="Its model; without, the only one it has."),
    ] = None,
    upstream_key_env: Annotated[
        str | None,
        typer.Option(
            "--upstream-key-env",
            metavar="NAME",
            help="The environment variable that holds its key, which becomes a secret of the Space.",
        ),
    ] = None,
    upstream_adapters: Annotated[
        str | None,
        typer.Option(
            "--upstream-adapters", metavar="vision=NAME,speech=NAME", help="As phi4 serve takes them."
        ),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="NAME",
            help="A secret of the Space, from the environment variable of that name; may be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        Path | None,
        typer.Option("--dry-run", metavar="DIR", help="Write what would be uploaded there; ask no network."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Put a Space of your own on Hugging Face, or update it.

    Says first what it will do, what that costs and which quota counts, and asks. Then it creates the Space,
    uploads it, waits until it runs, and asks it a question. A Space that is private stays so. It needs a
    token with write permission, in HF_TOKEN or stored by: hf auth login
    """
    from phi4_space._cli.deployment import run_deploy  # noqa: PLC0415 - needs the server's package

    options = DeployOptions(
        space=space,
        hardware=hardware,
        private=private,
        model=model,
        upstream=upstream,
        upstream_model=upstream_model,
        upstream_key=upstream_key_env,
        upstream_adapters=upstream_adapters,
        secrets=tuple(secret or ()),
        dry_run=dry_run,
        yes=yes,
    )
    run_deploy(options, TextDisplay(timed=False))
