"""How a client is set up: every default, in one place, and the only reader of the environment.

Knows no sockets. Settings are values: comparable, copyable, and picklable once their credentials are out.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from phi4_space._address import Address, to_address
from phi4_space._contract import PUBLIC_SPACE
from phi4_space._errors import InvalidOption
from phi4_space._prompt import PromptStyle
from phi4_space._urls import FetchPolicy

VERSION = "0.1.0"
USER_AGENT = f"phi4-space/{VERSION}"
MODEL = "phi-4-multimodal"
MODEL_ALIASES: Mapping[str, str] = {"phi-4": MODEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step may take, in seconds; `None` waits for ever.

    Attributes:
        connect: For a connection.
        request: For the answer to one request, an upload's included.
        idle: Without a word from the Space while it works; it says at least a heartbeat every 15 s.
        queue: In the Space's queue, until it starts.
        total: For the whole turn, retries included.
        wake: For a Space that sleeps or builds to come up; 0 does not wait.
    """

    connect: float | None = 10.0
    request: float | None = 60.0
    idle: float | None = 45.0
    queue: float | None = 600.0
    total: float | None = 1200.0
    wake: float = 300.0

    def __post_init__(self) -> None:
        """Refuses what is no duration.

        Raises:
            InvalidOption: A value is negative, or no number.
        """
        for part in dataclasses.fields(self):
            value = getattr(self, part.name)
            if value is None and part.name != "wake":
                continue
            if not isinstance(value, int | float) or math.isnan(value) or value < 0:
                raise InvalidOption(f"Timeouts.{part.name} is a number of seconds, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a client was told.

    Attributes:
        address: Where the Space is.
        token: The Hugging Face token, if there is one.
        token_is_ambient: Whether the token came from the environment; it then goes to the Hub's hosts only.
        token_on_loopback: Whether the token may go, unencrypted, to a Space on this machine.
        model: The model's name.
        proxy: URL of a proxy for all requests.
        cookies: Cookies for the Space, by name.
        zerogpu_token: Token of a ZeroGPU session, for who has one.
        zerogpu_uuid: Its session's UUID.
        prompt_style: How several turns become one prompt.
        timeouts: How long each step may take.
        max_retries: How often a turn is tried again before its first text.
        fetch: What is allowed for media handed in as URLs.
    """

    address: Address
    token: SecretStr | None = None
    token_is_ambient: bool = False
    token_on_loopback: bool = False
    model: str = MODEL
    proxy: str | None = field(default=None, repr=False)  # a proxy's URL may hold a password
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    zerogpu_token: SecretStr | None = None
    zerogpu_uuid: str | None = field(default=None, repr=False)
    prompt_style: PromptStyle = "transcript"
    timeouts: Timeouts = Timeouts()
    max_retries: int = 2
    fetch: FetchPolicy = field(default_factory=FetchPolicy)

    def headers(self) -> dict[str, str]:
        """What every request to the Space carries."""
        told = {"User-Agent": USER_AGENT, "Referer": self.address.referer, "X-Gradio-User": "api"}
        if self.token is not None and self._token_may_travel():
            told["X-HF-Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return told

    def job_headers(self) -> dict[str, str]:
        """What the requests that make the Space work carry besides."""
        told = self.headers()
        if self.zerogpu_token is not None:
            told["X-ZeroGPU-Token"] = self.zerogpu_token.get_secret_value()
        if self.zerogpu_uuid is not None:
            told["X-ZeroGPU-UUID"] = self.zerogpu_uuid
        return told

    def without_credentials(self) -> Settings:
        """The same settings, fit to be written down; an ambient token is found again where they are read."""
        return dataclasses.replace(
            self, token=None, cookies={}, zerogpu_token=None, zerogpu_uuid=None, proxy=None
        )

    def with_ambient_token(self) -> Settings:
        """The same settings with the token of this process's environment."""
        return dataclasses.replace(self, token=ambient_token(), token_is_ambient=True)

    def _token_may_travel(self) -> bool:
        if self.token_is_ambient:
            return self.address.on_hub
        return self.address.is_https or (self.address.is_loopback and self.token_on_loopback)


def ambient_token() -> SecretStr | None:
    """The token in `HF_TOKEN`, if there is one."""
    return _secret(os.environ.get("HF_TOKEN", "").strip() or None)


def to_settings(  # noqa: PLR0913 - the arguments of SpaceClient, one for one
    space: str | None,
    *,
    token: str | SecretStr | Literal[False] | None,
    token_on_loopback: bool,
    model: str,
    proxy: str | None,
    cookies: Mapping[str, str] | None,
    zerogpu_token: str | SecretStr | None,
    zerogpu_uuid: str | None,
    prompt_style: PromptStyle,
    timeouts: Timeouts | float | None,
    max_retries: int,
    fetch: FetchPolicy,
) -> Settings:
    """Checks what a client was told, and fills in the environment's part.

    Raises:
        InvalidSpaceName: `space` is neither a name nor a URL.
        InvalidOption: Another argument makes no sense; the text says which and why.
    """
    if not isinstance(max_retries, int) or isinstance(max_retries, bool) or max_retries < 0:
        raise InvalidOption(f"max_retries is a whole number from 0, not {max_retries!r}")
    if prompt_style not in {"transcript", "template"}:
        raise InvalidOption(f'prompt_style is "transcript" or "template", not {prompt_style!r}')
    if timeouts is None or isinstance(timeouts, int | float):
        timeouts = Timeouts(total=timeouts)
    return Settings(
        address=to_address(space or os.environ.get("PHI4_SPACE", "").strip() or PUBLIC_SPACE),
        token=ambient_token() if token is None else _secret(token or None),
        token_is_ambient=token is None,
        token_on_loopback=token_on_loopback,
        model=to_model(model),
        proxy=proxy,
        cookies=dict(cookies or {}),
        zerogpu_token=_secret(zerogpu_token),
        zerogpu_uuid=zerogpu_uuid,
        prompt_style=prompt_style,
        timeouts=timeouts,
        max_retries=max_retries,
        fetch=fetch,
    )


def to_model(name: str) -> str:
    """The model's own name for a name or alias.

    Raises:
        InvalidOption: It is another model's.
    """
    model = MODEL_ALIASES.get(name, name)
    if model != MODEL:
        known = ", ".join([MODEL, *MODEL_ALIASES])
        raise InvalidOption(f"There is no model {name!r} here", advice=f"Use one of: {known}.")
    return model


def _secret(value: str | SecretStr | None) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else value
