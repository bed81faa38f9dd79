"""What `phi4 deploy` is asked to put on the Hub, as it was asked for. Knows no typer, and checks nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """What is to be put on the Hub, as it was asked for.

    Attributes:
        space: Its name.
        hardware: The hardware's name; None for what it has, or what fits.
        private: Whether it is to be private.
        model: What `--model` names.
        upstream: An engine's address.
        upstream_model: Its model.
        upstream_key: The environment variable with its key.
        upstream_adapters: Its adapters.
        secrets: Environment variables that become secrets.
        dry_run: The folder to write to, in place of the Hub.
        yes: Whether not to ask.
    """

    space: str
    hardware: str | None = None
    private: bool = False
    model: str | None = None
    upstream: str | None = None
    upstream_model: str | None = None
    upstream_key: str | None = None
    upstream_adapters: str | None = None
    secrets: tuple[str, ...] = ()
    dry_run: Path | None = None
    yes: bool = False
