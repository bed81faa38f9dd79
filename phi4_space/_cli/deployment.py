"""The work of `phi4 deploy`, in order. Knows the terminal; `phi4_server.deploy` knows the Hub."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from phi4_server.deploy.engine_address import check_upstream, warnings
from phi4_server.deploy.failure import DeployFailed, Reason, invalid
from phi4_server.deploy.folder import to_folder, write
from phi4_server.deploy.hardware import CPU_BASIC, HARDWARE, ZERO_GPU, Hardware, check_fit, costs, to_hardware
from phi4_server.deploy.hub import HUB, Hub, known_hardware
from phi4_server.deploy.hub_answer import Existing
from phi4_server.deploy.plan import Plan, to_plan
from phi4_server.deploy.program import (
    Program,
    UpstreamProgram,
    WeightsProgram,
    to_model,
)
from phi4_server.deploy.steps import Deployed, carry_out
from phi4_server.deploy.wait import Wanted
from phi4_space import Notice, Phi4Error
from phi4_space._cli.deploy_options import DeployOptions
from phi4_space._cli.dry_run import how_to_run, what_would_be_done
from phi4_space._cli.failures import Failure, to_failure
from phi4_space._cli.first_answer import ask_first
from phi4_space._cli.output import TextDisplay, console, visible
from phi4_space._cli.watch import watch

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_VARIABLE = re.compile(r"[A-Z]{1,10}|(?=.{1,64}$)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", re.ASCII)
"""What looks like a variable's name, though none is set; a key may be one word of capitals and digits."""
_ANY_CASE = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
_CODES: Mapping[Reason, int] = {
    "invalid": 2,
    "busy": 4,
    "login": 5,
    "unreachable": 7,
    "build": 9,
    "refused": 10,
}


def run_deploy(options: DeployOptions, display: TextDisplay) -> None:
    """Puts a Space on the Hub, waits for it and asks it; or writes what it would be.

    Raises:
        typer.Exit: It could not be done; with the exit status.
    """
    with _exit_on_failure(display):
        _check_name(options.space)
        program = _to_program(options)
        names = _to_names(options)
        if options.dry_run is not None:
            _write(options, program, names, options.dry_run)
            return
        secrets = {name: _secret(name) for name in names}
        hub = Hub(secrets=[*secrets.values()])
        plan = _prepare(hub, options, program, display, secrets=secrets)
        if plan.is_empty or _agreed(hub, yes=options.yes):
            _carry_out(plan, hub, display)
            ask_first(plan, hub, display)


@contextmanager
def _exit_on_failure(display: TextDisplay) -> Iterator[None]:
    """Shows why the Space was not deployed, with the end of its log.

    Raises:
        typer.Exit: It was not; with the exit status.
    """
    try:
        yield
    except DeployFailed as failed:
        display.close()
        for line in failed.log:
            sys.stderr.write(f"  {visible(line)}\n")
        failure = Failure(
            error=type(failed).__name__,
            what=failed.what,
            advice=failed.advice,
            exit_code=_CODES[failed.reason],
            status=failed.status,
            retry_after=failed.retry_after,
        )
    except (Phi4Error, KeyboardInterrupt) as exc:
        failure = to_failure(exc)
    else:
        display.close()
        return
    display.show_failure(failure)
    raise typer.Exit(failure.exit_code)


def _check_name(space: str) -> None:
    if not _NAME.fullmatch(space):
        raise invalid(
            f"{space!r} is no name of a Space",
            'Write "owner/name": your name or your organization\'s, and letters, digits, ".", "_" and "-".',
        )


def _to_program(options: DeployOptions) -> Program:
    """What the options have answer on the Space."""
    if options.upstream is None:
        if options.upstream_model or options.upstream_key or options.upstream_adapters:
            raise invalid("--upstream-model, --upstream-key-env and --upstream-adapters need --upstream")
        return to_model(options.model or "offline")
    if options.model is not None:
        raise invalid("--upstream and --model name two things that answer", "Leave one of them out.")
    check_upstream(options.upstream)
    return UpstreamProgram(
        url=options.upstream,
        model=options.upstream_model,
        key=options.upstream_key,
        adapters=options.upstream_adapters,
    )


def _to_names(options: DeployOptions) -> Sequence[str]:
    """The names of all secrets: what may be a value is refused, and not repeated."""
    key = [("--upstream-key-env", options.upstream_key)] if options.upstream_key is not None else []
    given = [*(("--secret", name) for name in options.secrets), *key]
    for option, name in given:
        if not (_VARIABLE.fullmatch(name) or (_ANY_CASE.fullmatch(name) and name in os.environ)):
            raise invalid(
                f"{option} takes the name of an environment variable, and no value; none has that name",
                f"Write {option} NAME, with the value in the variable NAME.",
            )
    return [*dict.fromkeys(name for _, name in given)]


def _secret(name: str) -> str:
    """The value of a secret, from the environment."""
    value = os.environ.get(name, "")
    if not value.strip():
        raise invalid(f"The environment variable {name}, which is to be a secret, is not set or is empty")
    return value


def _write(options: DeployOptions, program: Program, secrets: Sequence[str], target: Path) -> None:
    """Writes what would be uploaded, and says what would be done and what it would cost."""
    chosen = _to_hardware(options.hardware, program, None)
    folder = to_folder(program, space=options.space, hardware=chosen.name, secrets=secrets)
    write(folder, target)
    _print(f"Wrote {len(folder)} files to {target}; the Hub was asked nothing.")
    for sentence in what_would_be_done(options, program, hardware=chosen.name, secrets=secrets):
        _print(sentence)
    _print_notes(program)
    _print_costs(chosen, program, is_pro=None)
    for line in how_to_run(program, target, secrets=secrets):
        _print(line)


def _prepare(
    hub: Hub, options: DeployOptions, program: Program, display: TextDisplay, *, secrets: Mapping[str, str]
) -> Plan:
    """Looks at what there is, and says what will be done and what it costs."""
    display.show_status(f"Looking at {options.space}")
    account, existing = hub.account(), hub.find(options.space)
    chosen = _to_hardware(options.hardware, program, existing)
    if isinstance(program, WeightsProgram):
        hub.check_model(program.model, has_token="HF_TOKEN" in secrets)
    folder = to_folder(program, space=options.space, hardware=chosen.name, secrets=[*secrets])
    plan = to_plan(
        options.space,
        folder,
        existing=existing,
        hardware=chosen,
        wants_private=options.private,
        secrets=secrets,
    )
    display.close()
    for sentence in plan.sentences():
        _print(sentence)
    _print_notes(program)
    if not plan.is_empty:
        _print_costs(chosen, program, is_pro=account.is_pro)
    return plan


def _to_hardware(name: str | None, program: Program, existing: Existing | None) -> Hardware:
    """What it is to run on: what was asked for, or what it has, or what fits."""
    has_weights = isinstance(program, WeightsProgram)
    runtime = existing and existing.runtime
    kept = runtime and (runtime.requested or runtime.hardware)
    wanted = name or kept or (ZERO_GPU if has_weights else CPU_BASIC)
    hardware = to_hardware(wanted, () if wanted in HARDWARE else known_hardware())
    if has_weights:
        check_fit(hardware)
    return hardware


def _print_notes(program: Program) -> None:
    if isinstance(program, UpstreamProgram):
        for sentence in warnings(program.url, has_key=program.key is not None):
            _print(sentence)


def _print_costs(hardware: Hardware, program: Program, *, is_pro: bool | None) -> None:
    _print(f"What {hardware.name} costs:")
    for sentence in costs(hardware, has_weights=isinstance(program, WeightsProgram), is_pro=is_pro):
        _print(f"  {sentence}")


def _print(line: str) -> None:
    console().print(visible(line), markup=False)


def _agreed(hub: Hub, *, yes: bool) -> bool:
    """Whether whoever sits at the terminal agrees; where nobody does, --yes has to."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise invalid(
            "Nothing was done: there is no terminal to ask at", "Add --yes to do it without asking."
        )
    where = "" if hub.endpoint == HUB else f" at {hub.endpoint}"
    if typer.confirm(f"Do it{where}?", default=False):
        return True
    _print("Nothing was done.")
    return False


def _carry_out(plan: Plan, hub: Hub, display: TextDisplay) -> None:
    """Does it, and waits until the Space runs."""
    going_on = "What was done stays: run the command again to go on."
    try:
        commit = _do(plan, hub, display)
        page = f"{hub.endpoint}/spaces/{plan.space}"
        going_on = f"The Hub goes on building: see {page}, or run the command again to go on waiting."
        wanted = Wanted(commit=commit, hardware=plan.hardware.name, is_fresh=not plan.is_empty)
        watch(plan.space, hub, wanted, display)
    except KeyboardInterrupt:
        display.close()
        display.show_notice(Notice(going_on))
        raise


def _do(plan: Plan, hub: Hub, display: TextDisplay) -> str:
    """Does it, and returns the commit that has to run."""
    commit = ""
    for step in carry_out(plan, hub):
        if isinstance(step, Deployed):
            commit = step.commit
        else:
            display.show_status(step.text)
    return commit
