"""The way into the command: `phi4`, and `python -m phi4_space`. Knows only whether it is installed."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> int:
    """Runs the command, or says which extra brings it.

    Returns:
        The exit status; the command's own are listed by `phi4 --help`.
    """
    try:
        return _run()
    except KeyboardInterrupt:  # while it is being imported; later ones are the command's own
        print("Interrupted", file=sys.stderr)  # noqa: T201 - what a command has to say
        return _INTERRUPTED


def _run() -> int:
    try:
        from phi4_space._cli.app import main as run  # noqa: PLC0415 - typer and rich come with an extra
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in {"typer", "rich"}:
            raise
        needed = f"The command needs {package}, which is not installed: pip install 'phi4-space[cli]'"
        print(needed, file=sys.stderr)  # noqa: T201 - what a command has to say
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
