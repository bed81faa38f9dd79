"""What `phi4 deploy --dry-run` says: what would be done, and how the folder is run here. Knows no Hub."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from phi4_server.deploy.program import GRADIO, Program, WeightsProgram
from phi4_space._cli.deploy_options import DeployOptions


def what_would_be_done(
    options: DeployOptions, program: Program, *, hardware: str, secrets: Sequence[str]
) -> Iterator[str]:
    """The plan, as far as it is known without the Hub, one thing a sentence.

    Args:
        options: What was asked for.
        program: What answers.
        hardware: What it would run on.
        secrets: The names of its secrets.
    """
    if options.private:
        yield f"phi4 deploy would create the private Space {options.space} on {hardware}."
    else:
        yield (
            f"phi4 deploy would create the public Space {options.space} on {hardware}: everybody could see "
            "and use it (--private hides it). One of that name that is private would stay so."
        )
    for name in secrets:
        unset = "" if os.environ.get(name, "").strip() else ", which is not set here"
        yield (
            f"It would set the secret {name}, from the environment variable of that name{unset}; "
            "if you push the folder yourself, set it on the Space's settings page."
        )
    if isinstance(program, WeightsProgram):
        yield (
            f"Note: whether {program.model} is there, and is Phi-4-multimodal, the only model that runs "
            "here, is not checked in a dry run."
        )


def how_to_run(program: Program, folder: Path, *, secrets: Sequence[str]) -> Iterator[str]:
    """The lines that run the folder on this machine, and what it needs for that."""
    if isinstance(program, WeightsProgram):
        yield "To run it on this machine, which needs a GPU (16 GB; 24 for long chats) and downloads 11.2 GB,"
        yield "in an environment of its own:"
    else:
        yield "To run it on this machine, in an environment of its own:"
    yield f"  pip install gradio=={GRADIO} -r {shlex.quote(str(folder / 'requirements.txt'))}"
    values = "".join(f"{name}=... " for name in secrets if not os.environ.get(name, "").strip())
    yield f"  {values}python {shlex.quote(str(folder / 'app.py'))}"
