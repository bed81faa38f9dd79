"""What is wrong with a Space, one line each. Knows its status and the environment; no turns."""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from phi4_space import InvalidInput, SpaceClient, Status, __version__
from phi4_space._cli.output import Show, console, describe, visible
from phi4_space._cli.reach import Target

Verdict = Literal["ok", "problem", "note"]


_COLUMNS = (8, 9)
_STYLES: dict[Verdict, str] = {"ok": "green", "problem": "bold red", "note": "yellow"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What was looked at, in one word.
        verdict: "problem" when it keeps a turn from being sent; "note" when it is merely worth knowing.
        found: What was found.
        advice: What to do about it, or "".
    """

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was looked at.

    Attributes:
        checks: In the order in which one thing leads to the next.
        status: The Space's, if its name made sense.
    """

    checks: tuple[Check, ...]
    status: Status | None = None

    @property
    def exit_code(self) -> int:
        """0 when a turn can be sent, 2 when the Space's name makes no sense, else 3."""
        if self.status is None:
            return 2
        return 3 if any(check.verdict == "problem" for check in self.checks) else 0

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {"ready": self.exit_code == 0, **asdict(self)}

    def print(self) -> None:
        """Writes it to standard output, one line for each check."""
        out = console()
        for check in self.checks:
            told = f"{check.found.rstrip('.')}. {check.advice}" if check.advice else check.found
            out.print(
                Text.assemble(
                    (check.verdict.ljust(_COLUMNS[0]), _STYLES[check.verdict]),
                    (check.name.ljust(_COLUMNS[1]), "bold"),
                    _indented(visible(told), out),
                )
            )
        if self.exit_code == 0:
            out.print(Text("A turn can be sent.", style="bold green"))
        else:
            out.print(Text("No turn can be sent now.", style="bold red"))


def examine(target: Target, *, wake: float, show: Show) -> Findings:
    """Looks at everything that a turn needs.

    Args:
        target: Which Space.
        wake: Seconds to wait for one that is not up.
        show: Is told what is going on meanwhile.
    """
    checks = [*check_surroundings()]
    try:
        client = target.client()
    except InvalidInput as exc:
        return Findings((*checks, Check("space", "problem", exc.what, exc.advice)))
    with client:
        show.say(f"Looking at {client.space}")
        status = _wait(client, wake, show)
    return Findings(
        (*checks, check_name(client, named=target.space is not None), *check_status(status)), status
    )


def _wait(client: SpaceClient, seconds: float, show: Show) -> Status:
    with closing(client.wait_ready(seconds)) as stages:
        for stage in stages:
            if isinstance(stage, Status):
                return stage
            show.say(describe(stage))
    raise AssertionError("waking ends with a status")


def check_surroundings() -> Iterator[Check]:
    """Looks at this installation and its environment; never at a token's value."""
    yield Check("version", "ok", f"phi4-space {__version__}, Python {platform.python_version()}")
    if os.environ.get("HF_TOKEN", "").strip():
        yield Check("token", "ok", "HF_TOKEN is set; it goes to Hugging Face's own hosts only")
    else:
        advice = "Set it for a private Space, or for the GPU quota of your account."
        yield Check("token", "note", "HF_TOKEN is not set", advice)


def check_name(client: SpaceClient, *, named: bool) -> Check:
    """Says which Space is meant, and who meant it.

    Args:
        client: The client for it.
        named: Whether an option named it.
    """
    who = "--space" if named else "PHI4_SPACE" if os.environ.get("PHI4_SPACE", "").strip() else "default"
    where = "" if client.space == client.api_url else f", {client.api_url}"
    return Check("space", "ok", f"{client.space} ({who}){where}")


def check_status(status: Status) -> Iterator[Check]:
    """Reads a Space's status; what a Space that does not answer cannot tell is left out."""
    problem, advice = status.problem or "", status.advice or ""
    if not status.ready and not status.missing:
        yield Check("stage", "problem", f"{status.stage}: {problem}", advice)
        return
    yield Check("stage", "ok", status.stage)
    if status.hardware:
        yield Check("hardware", "ok", status.hardware)
    if status.missing:
        yield Check("contract", "problem", problem, advice)
        return
    yield Check("gradio", "ok", status.gradio_version or "not told")
    yield Check("contract", "ok", ", ".join(status.endpoints))
    limit = status.max_file_size
    yield Check("files", "ok", "of any size" if limit is None else f"up to {limit / 2**20:.4g} MiB each")
    if status.queue_size is not None:
        yield Check("queue", "ok", "empty" if status.queue_size == 0 else f"{status.queue_size} wait or run")
    yield from _check_quota(status)


def _check_quota(status: Status) -> Iterator[Check]:
    quota = status.quota
    if quota is None:
        return
    found = f"{quota.left:g} of {quota.total:g} GPU seconds left"
    if quota.resets_at:
        found += f", full again at {quota.resets_at}"
    if quota.left > 0:
        yield Check("quota", "ok", found)
    else:  # it counts on ZeroGPU alone, so elsewhere it keeps nobody from asking
        needed = (status.hardware or "").startswith("zero")
        advice = 'Wait until then, or run a Space of your own with "phi4 serve".'
        yield Check("quota", "problem" if needed else "note", found, advice)


def _indented(text: str, out: Console) -> str:
    """The text as one line; at a terminal, where that is too long, folded under its own beginning."""
    text, indent = " ".join(text.split()), sum(_COLUMNS)
    if not out.is_terminal or out.width < 2 * indent:
        return text
    return textwrap.fill(text, out.width - indent, break_on_hyphens=False).replace("\n", "\n" + " " * indent)
