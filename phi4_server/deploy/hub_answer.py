"""What the Hub answers, read from huggingface_hub's values. Knows no calls.

An answer of another shape raises what such a value raises: `AttributeError`, `KeyError`, `TypeError` or
`ValueError`, which `phi4_server.deploy.errors` puts into words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL_TYPES = {"phi4mm", "phi4_multimodal"}
"""What Phi-4-multimodal is called, as it was published and in transformers."""
_KEPT = ".gitattributes"
"""The file that the Hub itself puts into a repository, and needs."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST_KIND = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose token it is.

    Attributes:
        name: The account's name.
        is_pro: Whether it pays for PRO.
        role: What the token may do: "read", "write", "fineGrained", or "" where the Hub does not say.
    """

    name: str
    is_pro: bool
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How far a Space is.

    Attributes:
        stage: The Hub's word for it, such as "BUILDING".
        commit: The commit that it runs or builds, if the Hub says so.
        hardware: What it runs on, if it runs.
        requested: What it is to run on.
        error: What the Hub says is wrong, or "".
    """

    stage: str
    commit: str | None = None
    hardware: str | None = None
    requested: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A Space that there is.

    Attributes:
        commit: Its newest commit.
        is_private: Whether others cannot see it.
        sdk: What kind of Space it is.
        url: Where it answers, or will.
        runtime: How far it is.
        files: The names of its files' contents, by path: git's, or SHA-256 for those in large storage.
        is_new: Whether nobody has changed it since it was created.
    """

    commit: str
    is_private: bool
    sdk: str
    url: str
    runtime: Runtime
    files: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that there is.

    Attributes:
        kind: The type of its configuration, or "" where the Hub does not say.
        is_closed: Whether it is private, or only for those who were let in.
    """

    kind: str
    is_closed: bool


def to_files(tree: Iterable[Any]) -> Mapping[str, str]:
    """The names of files' contents, by path."""
    names = {file.path: _content_name(file) for file in tree if hasattr(file, "blob_id")}
    return {path: name for path, name in names.items() if path != _KEPT}


def to_existing(info: Any, files: Mapping[str, str], *, is_new: bool) -> Existing:
    """A Space that there is."""
    return Existing(
        commit=to_commit(info.sha),
        is_private=bool(info.private),
        sdk=str(info.sdk or ""),
        url=str(info.host or ""),
        runtime=to_runtime(info.runtime),
        files=files,
        is_new=is_new,
    )


def to_model(info: Any) -> Model:
    """A model that there is."""
    kind = str((info.config or {}).get("model_type", ""))[:_LONGEST_KIND]
    return Model(kind=kind, is_closed=bool(info.private or info.gated))


def _content_name(file: Any) -> str:
    return str(file.lfs.sha256 if file.lfs is not None else file.blob_id)


def to_account(answer: Any) -> Account:
    """Whose token it is."""
    token = (answer.get("auth") or {}).get("accessToken") or {}
    return Account(
        name=str(answer.get("name", "")),
        is_pro=bool(answer.get("isPro")),
        role=str(token.get("role", "")),
    )


def to_commit(value: Any) -> str:
    """The name of a commit.

    Raises:
        ValueError: It is none.
    """
    if not _COMMIT.fullmatch(str(value)):
        raise ValueError("no commit")
    return str(value)


def to_runtime(value: Any) -> Runtime:
    """How far a Space is."""
    if value is None:
        return Runtime(stage="NO_APP_FILE")
    raw = value.raw or {}
    return Runtime(
        stage=str(value.stage),
        commit=raw.get("sha"),
        hardware=value.hardware,
        requested=value.requested_hardware,
        error=str(raw.get("errorMessage") or ""),
    )
