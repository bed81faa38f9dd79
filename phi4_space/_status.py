"""How a Space stands, what it takes, and what is left of an account's GPU seconds. Knows no wire, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from phi4_space._sampling import Bounds
from phi4_space._turns import Kind

_EXTENSIONS: Mapping[Kind, frozenset[str]] = {
    "image": frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tiff", ".tif"}),
    "audio": frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What a Space takes in one turn.

    Attributes:
        contract: Which kind of Space it is, such as "gr.ChatInterface".
        max_files: How many files, None for no limit.
        file_types: Which files, in Gradio's words, such as "image" and ".wav"; None for all.
        options: The sampling options that it honours, and what each may be.
        system: Whether it has a place of its own for what the model is told about its part.
        extra_inputs: The labels of what else can be set, with `SpaceClient(extra_inputs=...)`.
        roles: Whether it takes turns with their roles, so that no prompt has to be made of them.
        loading: What its model still does before it answers a turn; None where it is ready, or does not say.
    """

    contract: str = ""
    max_files: int | None = None
    file_types: tuple[str, ...] | None = None
    options: Mapping[str, Bounds] = field(default_factory=dict)
    system: bool = False
    extra_inputs: tuple[str, ...] = ()
    roles: bool = False
    loading: str | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of media that it takes, of those that Phi-4 accepts."""
        if self.max_files == 0:
            return ()
        return tuple(kind for kind in _EXTENSIONS if self._takes_kind(kind))

    @property
    def names(self) -> tuple[str, ...]:
        """What a turn may set: the sampling options, and "system"."""
        return (*(["system"] if self.system or self.roles else []), *self.options)

    def takes_file(self, name: str, mime_type: str) -> bool:
        """Whether it takes a file.

        Args:
            name: The file's name, with its extension.
            mime_type: Its media type, such as "image/png".
        """
        extension, kind = PurePath(name).suffix.lower(), mime_type.partition("/")[0]
        accepted = {"file", extension, mime_type, kind, f"{kind}/*"}
        return self.file_types is None or any(one.lower() in accepted for one in self.file_types)

    def _takes_kind(self, kind: Kind) -> bool:
        types = [one.lower() for one in self.file_types or ("file",)]
        return any(
            one == "file" or one.partition("/")[0] == kind or one in _EXTENSIONS[kind] for one in types
        )


@dataclass(frozen=True, slots=True)
class Quota:
    """GPU seconds of a Hugging Face account.

    Attributes:
        total: Seconds in a full quota.
        left: Seconds left now.
        resets_at: When the quota is reset, as the Hub writes it, if known.
    """

    total: float
    left: float
    resets_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a Space.

    Attributes:
        space: Its URL.
        stage: The Hub's name for its state, "RUNNING" for a server outside the Hub that answers, or
            "UNREACHABLE".
        ready: Whether a turn can be sent to it.
        problem: What is wrong, in one sentence; None if nothing is.
        advice: What to do about it; None if nothing is wrong.
        hardware: The hardware that it runs on, if the Hub knows.
        gradio_version: Its Gradio's version, if it answered.
        endpoints: The endpoints of the contract that it has.
        missing: The endpoints of the contract that it lacks.
        max_file_size: The largest file in bytes; None for no limit.
        queue_size: How many turns are waiting or running, if known.
        quota: The account's quota; None without a token.
        quota_problem: Why there is none though there is a token, where that is known.
        loading: What its model still does before it answers a turn, such as to be downloaded; None where it
            is ready, or does not say.
        takes: What it takes in one turn; None where that is not known.
    """

    space: str
    stage: str
    ready: bool
    problem: str | None = None
    advice: str | None = None
    hardware: str | None = None
    gradio_version: str | None = None
    endpoints: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    max_file_size: int | None = None
    queue_size: int | None = None
    quota: Quota | None = None
    quota_problem: str | None = None
    loading: str | None = None
    takes: Takes | None = None
