"""The steps that carry out a plan, in the order that is safe. Knows no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from phi4_server.deploy.hub import Hub
from phi4_server.deploy.plan import Plan


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is about to be done.

    Attributes:
        text: What, in a few words.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """All of it is done; the Hub builds now.

    Attributes:
        commit: The commit that the Space has to run.
    """

    commit: str


def carry_out(plan: Plan, hub: Hub) -> Iterator[Step | Deployed]:
    """Does what the plan says, each step named before it is done, and `Deployed` last.

    It can be interrupted between any two: the next plan has what is left. Nothing is uploaded before the
    Space is as private as it shall be and has its secrets.

    Raises:
        DeployFailed: The Hub refuses a step.
    """
    space, existing = plan.space, plan.existing
    if existing is None:
        yield Step(f"Creating {space}")
        hub.create(space, hardware=plan.hardware.name, is_private=plan.is_private, secrets=plan.secrets)
    else:
        if plan.hides:
            yield Step(f"Making {space} private")
            hub.hide(space)
        for name, value in plan.secrets.items():
            yield Step(f"Setting the secret {name}")
            hub.set_secret(space, name, value)
        if plan.moves:
            yield Step(f"Asking for {plan.hardware.name}")
            hub.request_hardware(space, plan.hardware.name)
    commit = "" if existing is None else existing.commit
    if plan.uploads:
        yield Step(f"Uploading {len(plan.changed)} files")
        commit = hub.upload(
            space,
            changed={path: plan.folder[path] for path in plan.changed},
            removed=plan.removed,
            parent=commit or None,
        )
    if plan.restarts:
        yield Step(f"Starting {space}")
        hub.restart(space)
    yield Deployed(commit)
