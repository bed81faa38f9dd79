"""Hugging Face's Hub, as far as a Space needs it. Knows huggingface_hub, which it imports when it is made."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phi4_server.deploy.errors import TOKENS, in_plain_words
from phi4_server.deploy.failure import DeployFailed

HUB = "https://huggingface.co"
_KEPT = ".gitattributes"
"""The file that the Hub itself puts into a repository, and needs."""


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
        secrets: The names of its secrets.
    """

    commit: str
    is_private: bool
    sdk: str
    url: str
    runtime: Runtime
    files: Mapping[str, str] = field(default_factory=dict)


class Hub:
    """The Hub, for one token."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Finds the token; asks the Hub nothing yet.

        Args:
            endpoint: Another Hub's URL; None means HF_ENDPOINT's, or else Hugging Face.

        Raises:
            DeployFailed: huggingface_hub is not installed, or there is no token.
        """
        try:
            import huggingface_hub  # noqa: PLC0415  an extra of its own
            from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415  see above
        except ImportError as missing:
            raise DeployFailed(
                f"{missing.name} is not installed",
                "It comes with: pip install 'phi4-space[cli,server,deploy]'",
                reason="invalid",
            ) from missing
        # Its bars and warnings would write over the live line; its errors are raised as well.
        disable_progress_bars()
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self._library = huggingface_hub
        self.endpoint = endpoint or os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
        self.token = huggingface_hub.get_token()
        if not self.token:
            raise DeployFailed(
                "There is no Hugging Face token",
                f"Set HF_TOKEN to one with write permission from {TOKENS}, or run: hf auth login",
                reason="login",
            )
        self._api: Any = huggingface_hub.HfApi(endpoint=self.endpoint, token=self.token)

    def account(self) -> Account:
        """Whose token it is.

        Raises:
            DeployFailed: It is nobody's, or may only read.
        """
        with in_plain_words("looking at the token"):
            answer = self._api.whoami()
        token = (answer.get("auth") or {}).get("accessToken") or {}
        account = Account(
            name=str(answer.get("name", "")),
            is_pro=bool(answer.get("isPro")),
            role=str(token.get("role", "")),
        )
        if account.role == "read":
            raise DeployFailed(
                f"The token of {account.name} may only read",
                f"Take one with write permission from {TOKENS}.",
                reason="login",
            )
        return account

    def find(self, space: str) -> Existing | None:
        """The Space of that name, if there is one that this token may see.

        Raises:
            DeployFailed: The Hub cannot be asked, or it is no name.
        """
        try:
            with in_plain_words(f"looking for {space}"):
                info = self._api.space_info(space)
                files = [*self._api.list_repo_tree(space, repo_type="space", recursive=True)]
        except DeployFailed as failure:
            if failure.status == 404:  # noqa: PLR2004  not found
                return None
            raise
        oids = {file.path: _content_name(file) for file in files if hasattr(file, "blob_id")}
        return Existing(
            commit=str(info.sha),
            is_private=bool(info.private),
            sdk=str(info.sdk or ""),
            url=str(info.host or ""),
            runtime=_to_runtime(info.runtime),
            files={path: oid for path, oid in oids.items() if path != _KEPT},
        )

    def create(self, space: str, *, hardware: str, is_private: bool, secrets: Mapping[str, str]) -> None:
        """Makes a Space, with its secrets.

        Raises:
            DeployFailed: The Hub refuses; there may be one of that name by now.
        """
        with in_plain_words(f"creating {space}"):
            self._api.create_repo(
                space,
                repo_type="space",
                space_sdk="gradio",
                space_hardware=hardware,
                private=is_private,
                space_secrets=[{"key": name, "value": value} for name, value in secrets.items()] or None,
            )

    def hide(self, space: str) -> None:
        """Makes a Space private.

        Raises:
            DeployFailed: The Hub refuses.
        """
        with in_plain_words(f"making {space} private"):
            self._api.update_repo_settings(space, private=True, repo_type="space")

    def set_secret(self, space: str, name: str, value: str) -> None:
        """Sets a secret; a running Space starts again.

        Raises:
            DeployFailed: The Hub refuses.
        """
        with in_plain_words(f"setting the secret {name}"):
            self._api.add_space_secret(space, name, value)

    def request_hardware(self, space: str, hardware: str) -> None:
        """Asks for hardware.

        Raises:
            DeployFailed: The Hub refuses: the plan, the payment, or no more of it is to be had.
        """
        with in_plain_words(f"asking for {hardware}"):
            self._api.request_space_hardware(space, hardware)

    def restart(self, space: str) -> None:
        """Builds a Space again, with nothing kept from the last build, and starts it.

        Raises:
            DeployFailed: The Hub refuses.
        """
        with in_plain_words(f"starting {space}"):
            self._api.restart_space(space, factory_reboot=True)

    def upload(
        self, space: str, *, changed: Mapping[str, bytes], removed: Collection[str], parent: str | None
    ) -> str:
        """Uploads files in one commit.

        Args:
            space: The Space.
            changed: The files that are new or other, by path.
            removed: The files that are to go.
            parent: The commit that they change; another one meanwhile is an error.

        Returns:
            The commit.

        Raises:
            DeployFailed: The Hub refuses.
        """
        kinds = self._library
        operations = [
            *(kinds.CommitOperationAdd(path, data) for path, data in changed.items()),
            *(kinds.CommitOperationDelete(path) for path in removed),
        ]
        with in_plain_words("uploading"):
            commit = self._api.create_commit(
                space,
                operations,
                commit_message="Deploy with phi4 deploy",
                repo_type="space",
                parent_commit=parent,
            )
        return str(commit.oid)

    def runtime(self, space: str) -> Runtime:
        """How far the Space is.

        Raises:
            DeployFailed: The Hub cannot be asked.
        """
        with in_plain_words(f"waiting for {space}"):
            return _to_runtime(self._api.get_space_runtime(space))

    def log(self, space: str, *, build: bool) -> Sequence[str]:
        """The log so far, of the build or of the program.

        Raises:
            DeployFailed: The Hub cannot be asked.
        """
        with in_plain_words("reading the log"):
            text = "".join(self._lines(space, build=build))
        return text.splitlines()

    def _lines(self, space: str, *, build: bool) -> Sequence[str]:
        lines = (str(line) for line in self._api.fetch_space_logs(space, build=build))
        return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def known_hardware() -> list[str]:
    """The hardware that the installed huggingface_hub knows, which may be newer than ours, if it is there."""
    try:
        from huggingface_hub import SpaceHardware  # noqa: PLC0415  an extra of its own
    except ImportError:
        return []
    return [hardware.value for hardware in SpaceHardware]


def _content_name(file: Any) -> str:
    return str(file.lfs.sha256 if file.lfs is not None else file.blob_id)


def _to_runtime(value: Any) -> Runtime:
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
