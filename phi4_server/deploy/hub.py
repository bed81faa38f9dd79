"""Hugging Face's Hub, as far as a Space needs it. Knows huggingface_hub, which it imports when it is made."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from phi4_server.deploy.deadline import in_time
from phi4_server.deploy.errors import TOKENS, in_plain_words
from phi4_server.deploy.failure import DeployFailed, invalid
from phi4_server.deploy.hub_answer import (
    MODEL_TYPES,
    Account,
    Existing,
    Runtime,
    to_account,
    to_commit,
    to_existing,
    to_files,
    to_model,
    to_runtime,
)
from phi4_server.deploy.mask import Mask

T = TypeVar("T")

HUB = "https://huggingface.co"
_PATIENCE_S, _UPLOAD_S, _LOG_S, _LOOK_S = 60.0, 600.0, 15.0, 20.0
_MOST_LINES, _LONGEST_LINE = 5_000, 1_000


class Hub:
    """The Hub, for one token. It has a minute for each answer, and more for an upload.

    Attributes:
        endpoint: Its URL, as it may be shown.
        token: The token.
        mask: What no text may show.
    """

    def __init__(self, endpoint: str | None = None, *, secrets: Collection[str] = ()) -> None:
        """Finds the token; asks the Hub nothing yet.

        Args:
            endpoint: Another Hub's URL; None means HF_ENDPOINT's, or else Hugging Face.
            secrets: Values that no text may show, whatever the Hub repeats.

        Raises:
            DeployFailed: huggingface_hub is not installed, or there is no token, or none that can be sent.
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
        url = endpoint or os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
        self.endpoint, password = _without_password(url)
        self.token = _checked(huggingface_hub.get_token())
        self.mask = Mask([self.token, *password, *secrets])
        self._api: Any = huggingface_hub.HfApi(endpoint=url, token=self.token)

    def account(self) -> Account:
        """Whose token it is.

        Raises:
            DeployFailed: It is nobody's, or may only read.
        """
        account = self._ask("looking at the token", lambda: to_account(self._api.whoami()))
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
            return self._ask(f"looking for {space}", lambda: self._existing(space))
        except DeployFailed as failure:
            if failure.status == 404:  # noqa: PLR2004  not found
                return None
            raise

    def _existing(self, space: str) -> Existing:
        info = self._api.space_info(space)
        files = to_files(self._api.list_repo_tree(space, repo_type="space", recursive=True))
        is_new = not files or len(self._api.list_repo_commits(space, repo_type="space")) == 1
        return to_existing(info, files, is_new=is_new)

    def check_model(self, name: str, *, has_token: bool) -> None:
        """Makes sure that a Space could run these weights.

        Args:
            name: Their repository.
            has_token: Whether the Space is given a token to read them with.

        Raises:
            DeployFailed: There is no such model, it is another one, or the Space could not read it.
        """
        try:
            model = self._ask(f"looking for the model {name}", lambda: to_model(self._api.model_info(name)))
        except DeployFailed as failure:
            if failure.status == 404:  # noqa: PLR2004  not found
                advice = "Check its name, and whose token it is."
                raise invalid(
                    f"The Hub has no model {name}, or does not show it to this token", advice
                ) from None
            raise
        if model.kind not in {"", *MODEL_TYPES}:
            raise invalid(
                f"{name} is a model of the type {model.kind!r}; only Phi-4-multimodal runs on such a Space",
                "Any other model answers behind an engine of its own: --upstream URL.",
            )
        if model.is_closed and not has_token:
            raise invalid(
                f"{name} is private or gated, and the Space could not read it",
                "Add --secret HF_TOKEN, with a token that may read it and no more.",
            )

    def create(self, space: str, *, hardware: str, is_private: bool, secrets: Mapping[str, str]) -> None:
        """Makes a Space, with its secrets.

        Raises:
            DeployFailed: The Hub refuses; there may be one of that name by now.
        """
        self._ask(
            f"creating {space}",
            lambda: self._api.create_repo(
                space,
                repo_type="space",
                space_sdk="gradio",
                space_hardware=hardware,
                private=is_private,
                space_secrets=[{"key": name, "value": value} for name, value in secrets.items()] or None,
            ),
        )

    def hide(self, space: str) -> None:
        """Makes a Space private.

        Raises:
            DeployFailed: The Hub refuses.
        """
        self._ask(
            f"making {space} private",
            lambda: self._api.update_repo_settings(space, private=True, repo_type="space"),
        )

    def set_secret(self, space: str, name: str, value: str) -> None:
        """Sets a secret; a running Space starts again.

        Raises:
            DeployFailed: The Hub refuses.
        """
        self._ask(f"setting the secret {name}", lambda: self._api.add_space_secret(space, name, value))

    def request_hardware(self, space: str, hardware: str) -> None:
        """Asks for hardware.

        Raises:
            DeployFailed: The Hub refuses: the plan, the payment, or no more of it is to be had.
        """
        self._ask(f"asking for {hardware}", lambda: self._api.request_space_hardware(space, hardware))

    def restart(self, space: str) -> None:
        """Builds a Space again, with nothing kept from the last build, and starts it.

        Raises:
            DeployFailed: The Hub refuses.
        """
        self._ask(f"starting {space}", lambda: self._api.restart_space(space, factory_reboot=True))

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

        def commit() -> str:
            done = self._api.create_commit(
                space,
                operations,
                commit_message="Deploy with phi4 deploy",
                repo_type="space",
                parent_commit=parent,
            )
            return to_commit(done.oid)

        return self._ask("uploading", commit, seconds=_UPLOAD_S)

    def runtime(self, space: str) -> Runtime:
        """How far the Space is.

        Raises:
            DeployFailed: The Hub cannot be asked.
        """
        runtime = self._ask(
            f"waiting for {space}", lambda: to_runtime(self._api.get_space_runtime(space)), seconds=_LOOK_S
        )
        return replace(runtime, error=self.mask.over(runtime.error))

    def log(self, space: str, *, build: bool) -> Sequence[str]:
        """The log so far, of the build or of the program: its last lines, where it is very long.

        Raises:
            DeployFailed: The Hub cannot be asked.
        """
        return self._ask("reading the log", lambda: self._lines(space, build=build), seconds=2 * _LOG_S)

    def _lines(self, space: str, *, build: bool) -> Sequence[str]:
        deadline = time.monotonic() + _LOG_S
        lines: deque[str] = deque(maxlen=_MOST_LINES)
        for piece in self._api.fetch_space_logs(space, build=build):
            lines.extend(self.mask.over(line)[:_LONGEST_LINE] for line in str(piece).splitlines())
            if time.monotonic() > deadline:
                break
        return [*lines]

    def _ask(self, doing: str, call: Callable[[], T], *, seconds: float | None = None) -> T:
        with in_plain_words(doing, self.mask):
            return in_time(call, seconds or _PATIENCE_S)


def _checked(token: str | None) -> str:
    """The token, if it can be sent.

    Raises:
        DeployFailed: There is none, or it is none; the text does not repeat it.
    """
    if not token:
        raise DeployFailed(
            "There is no Hugging Face token",
            f"Set HF_TOKEN to one with write permission from {TOKENS}, or run: hf auth login",
            reason="login",
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise DeployFailed(
            "The Hugging Face token holds characters that no token has",
            f"Copy it again from {TOKENS} into HF_TOKEN, or run: hf auth login",
            reason="login",
        )
    return token


def _without_password(url: str) -> tuple[str, Iterable[str]]:
    """A URL as it may be shown, and the password that it holds, if it does."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return bare, [parts.password] if parts.password else []


def known_hardware() -> list[str]:
    """The hardware that the installed huggingface_hub knows, which may be newer than ours, if it is there."""
    try:
        from huggingface_hub import SpaceHardware  # noqa: PLC0415  an extra of its own
    except ImportError:
        return []
    return [hardware.value for hardware in SpaceHardware]
