"""What putting a Space on the Hub will do, before it is done. Knows no network: it compares and says.

A Space that others made is never overwritten, and a private one is never made public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from phi4_server.deploy.failure import invalid
from phi4_server.deploy.folder import Folder, git_oid
from phi4_server.deploy.hardware import Hardware
from phi4_server.deploy.hub_answer import Existing

_OURS = "phi4_server/__init__.py"
"""What only a Space that this package filled has."""
_EMPTY = {"README.md", ".gitattributes"}
"""What the Hub itself puts into a new Space."""
_STOPPED = {"PAUSED", "STOPPED"}
"""Stages that no upload ends."""
_BROKEN = {"BUILD_ERROR", "RUNTIME_ERROR"}
"""Stages that a new build may end, though nothing has changed: what failed may have been the network."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done.

    Attributes:
        space: The Space's name, "owner/name".
        existing: What there is of it.
        hardware: What it is to run on.
        is_private: Whether it will be private.
        secrets: Its new secrets, by name; their values are in no text.
        folder: What it will hold.
        changed: The paths of files that are new or other.
        removed: The paths of files that go.
    """

    space: str
    existing: Existing | None
    hardware: Hardware
    is_private: bool
    secrets: Mapping[str, str] = field(repr=False)
    folder: Folder = field(repr=False)
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def hides(self) -> bool:
        """Whether a public Space becomes private."""
        return self.existing is not None and self.is_private and not self.existing.is_private

    @property
    def moves(self) -> bool:
        """Whether an existing Space gets other hardware."""
        if self.existing is None:
            return False
        runtime = self.existing.runtime
        return self.hardware.name != (runtime.requested or runtime.hardware)

    @property
    def restarts(self) -> bool:
        """Whether a Space that does not run is to be started, or built again."""
        if self.existing is None:
            return False
        stage = self.existing.runtime.stage
        return stage in _STOPPED or (stage in _BROKEN and not self.uploads)

    @property
    def uploads(self) -> bool:
        """Whether files change."""
        return bool(self.changed or self.removed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is to be done."""
        changes = (self.uploads, self.hides, self.moves, self.restarts, self.secrets)
        return self.existing is not None and not any(changes)

    def sentences(self) -> Iterator[str]:
        """What will be done, one thing a sentence, in order."""
        if self.is_empty:
            yield f"Nothing has changed: {self.space} is as it should be."
            return
        if self.existing is None:
            visible = _visible(is_private=self.is_private)
            yield f"Create the {visible} Space {self.space} on {self.hardware.name}."
        else:
            yield from self._changes(self.existing)
        for name in self.secrets:
            yield f"Set the secret {name}, from the environment variable of that name."
        if self.uploads:
            yield self._upload_sentence()
        if self.restarts:
            yield "Build and start it again."

    def _changes(self, existing: Existing) -> Iterator[str]:
        if self.hides:
            yield (
                f"Make {self.space} private, before anything else: it is public now, and whoever uses it "
                "without a token of yours will be refused."
            )
        else:
            yield f"Update {self.space}, which stays {_visible(is_private=existing.is_private)}."
        if self.moves:
            before = existing.runtime.requested or existing.runtime.hardware or "no hardware"
            yield f"Move it from {before} to {self.hardware.name}."

    def _upload_sentence(self) -> str:
        size = sum(len(self.folder[path]) for path in self.changed)
        parts = [f"Upload {_files(len(self.changed))} ({size / 1000:,.0f} kB)"] if self.changed else []
        if self.removed:
            named = ", ".join(self.removed[:_NAMED]) + (", ..." if len(self.removed) > _NAMED else "")
            parts.append(f"remove {_files(len(self.removed))} ({named})")
        sentence = " and ".join(parts)
        return f"{sentence[0].upper()}{sentence[1:]}."


def to_plan(
    space: str,
    folder: Folder,
    *,
    existing: Existing | None,
    hardware: Hardware,
    wants_private: bool,
    secrets: Mapping[str, str],
) -> Plan:
    """Compares what there is with what shall be.

    Args:
        space: The Space's name.
        folder: What it is to hold.
        existing: What there is of it.
        hardware: What it is to run on.
        wants_private: Whether it is to be private; one that is private stays so in any case.
        secrets: Secrets to set, by name.

    Raises:
        DeployFailed: There is a Space of that name that is somebody's work.
    """
    files = {} if existing is None else existing.files
    if existing is not None:
        _check_ours(space, existing)
    return Plan(
        space=space,
        existing=existing,
        hardware=hardware,
        is_private=wants_private or (existing is not None and existing.is_private),
        secrets=secrets,
        folder=folder,
        changed=tuple(path for path, data in folder.items() if files.get(path) not in _names(data)),
        removed=tuple(sorted(files.keys() - folder.keys())),
    )


def _check_ours(space: str, existing: Existing) -> None:
    if existing.is_new and existing.files.keys() <= _EMPTY and existing.sdk in {"", "gradio"}:
        return
    if _OURS not in existing.files or existing.sdk != "gradio":
        raise invalid(
            f"There is a Space {space} already, of {_files(len(existing.files))}, that phi4 deploy did not "
            "make: it would be overwritten",
            "Choose another name, or delete that Space on its settings page first.",
        )


def _names(data: bytes) -> set[str]:
    """How the Hub may name this content: as git does, or in large storage."""
    return {git_oid(data), hashlib.sha256(data).hexdigest()}


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _visible(*, is_private: bool) -> str:
    return "private" if is_private else "public"
