"""The diagnosis of a Space, one line a check. Knows its status and the environment; no turns."""

from __future__ import annotations

import math
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
from phi4_space._cli.connection import SpaceOptions
from phi4_space._cli.output import Display, console, describe, visible
from phi4_space._turns import Kind

Verdict = Literal["ok", "problem", "note"]


_COLUMNS = (8, 9)
_KINDS: dict[Kind, str] = {"image": "images", "audio": "audio"}
_MOST_LABELS = 10
_STYLES: dict[Verdict, str] = {"ok": "green", "problem": "bold red", "note": "yellow"}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked, in one word.
        verdict: "problem" if no turn can be sent because of it; "note" if it is merely worth knowing.
        found: What was found.
        advice: What to do about it, or "".
    """

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The results of all checks.

    Attributes:
        checks: The results, in order.
        status: The status of the Space, if its name is valid.
    """

    checks: tuple[Check, ...]
    status: Status | None = None

    @property
    def exit_code(self) -> int:
        """0 if a turn can be sent, 2 if the Space's name is invalid, otherwise 3."""
        if self.status is None:
            return 2
        return 3 if any(check.verdict == "problem" for check in self.checks) else 0

    def to_json(self) -> dict[str, Any]:
        """The results as JSON, for programs."""
        return {"ready": self.exit_code == 0, **_finite(asdict(self))}

    def print(self) -> None:
        """Prints the results to standard output, one line for each check."""
        out = console()
        for check in self.checks:
            line = f"{check.found.rstrip('.')}. {check.advice}" if check.advice else check.found
            out.print(
                Text.assemble(
                    (check.verdict.ljust(_COLUMNS[0]), _STYLES[check.verdict]),
                    (check.name.ljust(_COLUMNS[1]), "bold"),
                    _indented(visible(line), out),
                )
            )
        if self.exit_code == 0:
            out.print(Text("A turn can be sent.", style="bold green"))
        else:
            out.print(Text("No turn can be sent now.", style="bold red"))


def diagnose(options: SpaceOptions, *, wake: float, display: Display) -> Findings:
    """Checks everything that a turn needs.

    Args:
        options: The options that choose the Space.
        wake: Seconds to wait for a Space that is not up.
        display: Shows what is going on meanwhile.
    """
    checks = [*check_environment()]
    try:
        client = options.client()
    except InvalidInput as exc:
        return Findings((*checks, Check("space", "problem", exc.what, exc.advice)))
    with client:
        display.show_status(f"Checking {client.space}")
        status = _wait(client, wake, display)
    return Findings(
        (*checks, check_name(client, named=options.space is not None), *check_status(status)), status
    )


def _wait(client: SpaceClient, seconds: float, display: Display) -> Status:
    with closing(client.wait_ready(seconds)) as stages:
        for stage in stages:
            if isinstance(stage, Status):
                return stage
            display.show_status(describe(stage))
    raise AssertionError("wake() ends with a status")


def check_environment() -> Iterator[Check]:
    """Checks this installation and its environment, but never a token's value."""
    yield Check("version", "ok", f"phi4-space {__version__}, Python {platform.python_version()}")
    if os.environ.get("HF_TOKEN", "").strip():
        yield Check("token", "ok", "HF_TOKEN is set; it is sent to Hugging Face's own hosts only")
    else:
        advice = "Set it for a private Space, or for the GPU quota of your account."
        yield Check("token", "note", "HF_TOKEN is not set", advice)


def check_name(client: SpaceClient, *, named: bool) -> Check:
    """Reports which Space is used, and where its name comes from.

    Args:
        client: The client for the Space.
        named: Whether an option named it.
    """
    origin = "--space" if named else "PHI4_SPACE" if os.environ.get("PHI4_SPACE", "").strip() else "default"
    url = "" if client.space == client.api_url else f", {client.api_url}"
    return Check("space", "ok", f"{client.space} ({origin}){url}")


def check_status(status: Status) -> Iterator[Check]:
    """Reports a Space's status, leaving out what is not known of a Space that does not answer."""
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
    yield Check("gradio", "ok", status.gradio_version or "unknown")
    yield Check("contract", "ok", _describe_contract(status))
    if status.loading:
        yield Check("model", "note", status.loading, "A turn waits until it is ready.")
    limit = status.max_file_size
    yield Check("files", "ok", "of any size" if limit is None else f"up to {_size(limit)} each")
    if status.queue_size is not None:
        yield Check(
            "queue", "ok", "empty" if status.queue_size == 0 else f"{status.queue_size} waiting or running"
        )
    yield from _check_quota(status)


def _describe_contract(status: Status) -> str:
    """Such as "chat (gr.ChatInterface): images; one file; takes system; extra inputs 'Web search'"."""
    names, takes = ", ".join(filter(None, status.endpoints)), status.takes
    if takes is None:
        return names
    parts = [" and ".join(_KINDS[kind] for kind in takes.kinds) or "text alone"]
    if takes.kinds:
        parts.append(_count(takes.max_files))
    parts.append(f"takes {', '.join(takes.names) or 'no options'}")
    if takes.extra_inputs:
        more = ["..."] if len(takes.extra_inputs) > _MOST_LABELS else []
        parts.append(f"extra inputs {', '.join([*map(repr, takes.extra_inputs[:_MOST_LABELS]), *more])}")
    return f"{names} ({takes.contract}): {'; '.join(parts)}"


def _count(files: int | None) -> str:
    return "any number of files" if files is None else "one file" if files == 1 else f"up to {files} files"


def _check_quota(status: Status) -> Iterator[Check]:
    quota = status.quota
    if status.quota_problem:
        yield Check("quota", "note", status.quota_problem)
    if quota is None:
        return
    found = f"{quota.left:g} of {quota.total:g} GPU seconds left"
    if quota.resets_at:
        found += f", reset at {quota.resets_at}"
    if quota.left > 0:
        yield Check("quota", "ok", found)
    else:  # it matters on ZeroGPU only
        on_zerogpu = (status.hardware or "").startswith("zero")
        advice = 'Wait until then, or run a Space of your own with "phi4 serve".'
        yield Check("quota", "problem" if on_zerogpu else "note", found, advice)


def _finite(value: Any) -> Any:
    """A JSON value whose numbers without an end are null."""
    match value:
        case dict():
            return {name: _finite(one) for name, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case float() if math.isinf(value):
            return None
        case _:
            return value


def _indented(text: str, out: Console) -> str:
    """The text on one line; at a terminal that is too narrow, wrapped with a hanging indent."""
    text, indent = " ".join(text.split()), sum(_COLUMNS)
    if not out.is_terminal or out.width < 2 * indent:
        return text
    return textwrap.fill(text, out.width - indent, break_on_hyphens=False).replace("\n", "\n" + " " * indent)


def _size(count: int) -> str:
    return f"{count / 2**20:.4g} MiB" if count >= 2**20 else f"{count / 2**10:.4g} KiB"
