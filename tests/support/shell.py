"""What a reader of the docs types: checked, and run where it neither installs nor serves. Knows no page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import typer
from servers import ROOT

from phi4_server import command_line
from phi4_server.model_choice import MODELS
from phi4_space._cli.app import app

_COMMANDS = {"phi4": "-m phi4_space", "pytest": "-m pytest", "python": ""}
_ASKING = {"ask", "doctor"}  # the subcommands of phi4 that end by themselves, soon
_SETTING = re.compile(r"\w+=.*", re.DOTALL)


class Shell:
    """A shell in a folder, with this interpreter's commands on its path.

    Args:
        folder: Where lines are typed.
    """

    def __init__(self, folder: Path) -> None:
        """Puts the commands there."""
        self.folder = folder
        self._commands = folder / ".commands"
        self._commands.mkdir()
        for name, arguments in _COMMANDS.items():
            (self._commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            (self._commands / name).chmod(0o755)

    def run(self, lines: str) -> str:
        """What lines print; those that `check` alone looks at are left out.

        Raises:
            AssertionError: A line fails, or names something that there is not.
        """
        typed = "\n".join(line for line in lines.splitlines() if self.check(line))
        path = os.pathsep.join([str(self._commands), os.environ["PATH"]])
        done = subprocess.run(  # noqa: S603 - the docs' own lines
            ["/bin/bash", "-euo", "pipefail", "-c", typed],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
        return done.stdout

    def check(self, line: str) -> bool:
        """Makes sure that what a line names is there.

        Returns:
            Whether the line may be run here.

        Raises:
            AssertionError: It names a file, an extra or a target that there is not.
            SystemExit: It names an option that there is not; so does click's own exception.
        """
        parts = [shlex.split(part, comments=True) for part in line.split(" | ")]
        return all([self._check([word for word in part if not _SETTING.fullmatch(word)]) for part in parts])  # noqa: C419 - all of them are checked

    def _check(self, words: Sequence[str]) -> bool:
        match words:
            case ["phi4", "serve", *options] | ["python", "-m", "phi4_server", *options]:
                return _check_server(options)
            case ["phi4", *options] | ["python", "-m", "phi4_space", *options]:
                return _check_command(options)
            case ["pip", "install", *things]:
                return _check_extras(" ".join(things))
            case ["make", *targets]:
                return _check_targets(targets)
            case ["python", script, *_]:
                return self._check_script(script)
            case _:
                return not words or words[0] in {*_COMMANDS, "cat", "echo", "export"}

    def _check_script(self, script: str) -> bool:
        here = (self.folder / script).exists()
        assert here or (ROOT / script).exists(), script
        return here


def _check_command(words: list[str]) -> bool:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    with group.make_context("phi4", words) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context).close()
    return name in _ASKING


def _check_server(options: list[str]) -> bool:
    command_line.parser(MODELS).parse_args(options)
    return False


def _check_extras(things: str) -> bool:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {extra.strip() for extras in re.findall(r"\[(.*?)\]", things) for extra in extras.split(",")}
    assert named <= project["optional-dependencies"].keys(), things
    return False


def _check_targets(targets: list[str]) -> bool:
    known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets) <= set(known), targets
    return False
