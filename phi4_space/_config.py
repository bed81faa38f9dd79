"""How a client is set up: every setting, checked.

The only reader of the environment, but for what it says of proxies and certificates. Knows no sockets.
Settings are values: comparable, copyable, and picklable once their credentials are out.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar, get_args
from urllib.parse import unquote

from phi4_space._address import PUBLIC_SPACE, Address, to_address, with_scheme
from phi4_space._errors import InvalidOption
from phi4_space._limits import Limits
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._prompt.stop import to_stop
from phi4_space._sampling import to_sampling
from phi4_space._secret import Secret, SecretLike
from phi4_space._timeouts import Timeouts
from phi4_space._turns import PromptStyle

if TYPE_CHECKING:
    from phi4_space._net.proxies import Route

VERSION = "0.1.0"
USER_AGENT = f"phi4-space/{VERSION}"
MODEL = "phi-4-multimodal"
MODEL_ALIASES: Mapping[str, str] = {"phi-4": MODEL}

T = TypeVar("T")
# What goes into headers, so that httpx's refusal, which would repeat it, never comes to pass.
_PRINTABLE = re.compile(r"[ -~]+")
_USERINFO = re.compile(r"//([^/:@]*)(?::(.*))?@")
_COOKIE = re.compile(r"[ -:<-~]*")
_API_NAME = re.compile(r"[\w-]+")
_LONGEST_MODEL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A client's settings.

    Attributes:
        address: Where the Space is.
        token: The Hugging Face token, if there is one.
        token_is_ambient: Whether the token is the environment's, if it has one; it then goes to the Hub's
            hosts only.
        token_on_loopback: Whether the token may go, unencrypted, to a Space on this machine.
        model: The model's name.
        proxy: URL of a proxy for all requests.
        cookies: Cookies for the Space, by name.
        zerogpu_token: Token of a ZeroGPU session, for who has one.
        zerogpu_uuid: Its session's UUID.
        prompt_style: How several turns become one prompt.
        timeouts: How long each step may take.
        max_retries: How often a turn is tried again before its first text.
        fetch: What is allowed for media passed as URLs.
        limits: How much the Space and the Hub may send.
        max_files: How many files one turn may carry; None for as many as the Space's page takes.
        strict: Whether options that the Space does not take are refused.
        endpoint: A function that has to belong to the contract by which the Space is asked, by its api_name.
        extra_inputs: Values of the Space's additional inputs, by their exact labels.
        prompt_prefix: What stands before each prompt.
        sampling: The sampling options of calls that say nothing of them, by name.
        stop: The strings before which answers end, where a call names none.
    """

    address: Address
    token: Secret | None
    token_is_ambient: bool
    token_on_loopback: bool
    model: str
    proxy: str | None = field(repr=False)  # a proxy's URL may hold a password
    cookies: Mapping[str, str] = field(repr=False)
    zerogpu_token: Secret | None
    zerogpu_uuid: Secret | None
    prompt_style: PromptStyle
    timeouts: Timeouts
    max_retries: int
    fetch: FetchPolicy
    limits: Limits
    max_files: int | None
    strict: bool
    endpoint: str | None = None
    extra_inputs: Mapping[str, object] = field(default_factory=dict)
    prompt_prefix: str = ""
    sampling: Mapping[str, object] = field(default_factory=dict)
    stop: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        """What every request to the Space carries, credentials aside."""
        return {"User-Agent": USER_AGENT, "Referer": self.address.referer, "X-Gradio-User": "api"}

    def credentials(self) -> tuple[tuple[str, Secret], ...]:
        """What lets every request to the Space in, as headers."""
        if self.token is None or not self._token_may_travel():
            return ()
        return (("X-HF-Authorization", _bearer(self.token)),)

    def job_credentials(self) -> tuple[tuple[str, Secret], ...]:
        """What lets the requests in that make the Space work, as headers."""
        zerogpu = (("X-ZeroGPU-Token", self.zerogpu_token), ("X-ZeroGPU-UUID", self.zerogpu_uuid))
        return (*self.credentials(), *((name, value) for name, value in zerogpu if value is not None))

    def hub_credentials(self) -> tuple[tuple[str, Secret], ...]:
        """What lets requests to the Hub in, as headers."""
        return () if self.token is None else (("Authorization", _bearer(self.token)),)

    def route(self, url: str) -> Route:
        """The way to a server: the Space's, or the Hub's.

        What the environment names as a proxy is on another machine, as a rule, and no way to this one.
        """
        from phi4_space._net.proxies import Route  # noqa: PLC0415 - httpx is loaded with a client, not before

        here = self.address.is_loopback and url == self.address.api_url
        return Route(url, self.proxy, trust_env=not here)

    def secrets(self) -> tuple[Secret, ...]:
        """All that nobody is to see."""
        cookies = (Secret(value) for value in self.cookies.values())
        held = (self.token, self.zerogpu_token, self.zerogpu_uuid, *cookies)
        return (*(secret for secret in held if secret is not None), *proxy_secrets(self.proxy))

    def without_credentials(self) -> Settings:
        """The same settings, fit to be written down; where they are read the environment's token will do."""
        return dataclasses.replace(
            self,
            token=None,
            token_is_ambient=self.token_is_ambient or self.token is not None,
            cookies={},
            zerogpu_token=None,
            zerogpu_uuid=None,
            proxy=None,
        )

    def with_ambient_token(self) -> Settings:
        """The same settings with the token of this process's environment, unless there was to be none."""
        return dataclasses.replace(self, token=ambient_token()) if self.token_is_ambient else self

    def _token_may_travel(self) -> bool:
        if self.token_is_ambient:
            return self.address.on_hub
        return self.address.is_https or (self.address.is_loopback and self.token_on_loopback)


def configured_space() -> str:
    """The Space that is used where none is named: `PHI4_SPACE`, or else the public one."""
    return os.environ.get("PHI4_SPACE", "").strip() or PUBLIC_SPACE


def token_for(space: str) -> Literal[False] | None:
    """The token for a Space that a file names: None for `HF_TOKEN`, or False for none.

    Whoever wrote the file would otherwise decide who gets it. The default Space gets it as always.

    Raises:
        InvalidSpaceName: It, or `PHI4_SPACE`, is neither a name nor a URL.
    """
    is_configured = to_address(space).api_url == to_address(configured_space()).api_url
    return None if is_configured else False


def ambient_token() -> Secret | None:
    """The token in `HF_TOKEN`, if there is one."""
    return _secret("HF_TOKEN", os.environ.get("HF_TOKEN", "").strip())


def proxy_secrets(proxy: str | None) -> tuple[Secret, ...]:
    """The users and passwords in the URLs of a client's proxy and of the environment's."""
    ambient = (value for name, value in os.environ.items() if name.lower().endswith("_proxy"))
    found = (_USERINFO.search(with_scheme(url)) for url in (proxy or "", *ambient))
    parts = {part for match in found if match is not None for part in match.groups("")}
    return tuple(Secret(part) for part in sorted(parts | {unquote(part) for part in parts}) if part)


def _bearer(token: Secret) -> Secret:
    return Secret(f"Bearer {token.get_secret_value()}")


def to_settings(  # noqa: PLR0913 - the arguments of SpaceClient, one for one
    space: str | None,
    *,
    token: str | SecretLike | Literal[False] | None,
    token_on_loopback: bool,
    model: str,
    proxy: str | None,
    cookies: Mapping[str, str] | None,
    zerogpu_token: str | SecretLike | None,
    zerogpu_uuid: str | None,
    prompt_style: PromptStyle,
    timeouts: Timeouts | float | None,
    max_retries: int,
    fetch: FetchPolicy,
    limits: Limits,
    max_files: int | None,
    strict: bool,
    sampling: Mapping[str, object],
    stop: str | Sequence[str] | None,
    endpoint: str | None = None,
    extra_inputs: Mapping[str, object] | None = None,
    prompt_prefix: str = "",
) -> Settings:
    """Checks what a client was given, and fills in the environment's part.

    Raises:
        InvalidSpaceName: `space` is neither a name nor a URL.
        InvalidOption: Another argument makes no sense; the text says which and why.
    """
    if prompt_style not in get_args(PromptStyle):
        raise InvalidOption(f'prompt_style is "transcript" or "template", not {prompt_style!r}')
    if timeouts is None or (isinstance(timeouts, int | float) and not isinstance(timeouts, bool)):
        timeouts = Timeouts(total=timeouts)
    address = to_address(configured_space() if space is None else space)
    return Settings(
        address=address,
        token=ambient_token() if token is None else _secret("token", token),
        token_is_ambient=token is None,
        token_on_loopback=_of_kind("token_on_loopback", token_on_loopback, bool),
        model=to_model(_of_kind("model", model, str), address),
        proxy=_of_kind("proxy", proxy or "", str) or None,
        cookies=_cookies(cookies or {}),
        zerogpu_token=_secret("zerogpu_token", zerogpu_token),
        zerogpu_uuid=_secret("zerogpu_uuid", zerogpu_uuid),
        prompt_style=prompt_style,
        timeouts=_of_kind("timeouts", timeouts, Timeouts),
        max_retries=_number("max_retries", max_retries),
        fetch=_of_kind("fetch", fetch, FetchPolicy),
        limits=_of_kind("limits", limits, Limits),
        max_files=None if max_files is None else _number("max_files", max_files),
        strict=_of_kind("strict", strict, bool),
        endpoint=_to_endpoint(endpoint),
        extra_inputs=_to_extra_inputs({} if extra_inputs is None else extra_inputs),
        prompt_prefix=_of_kind("prompt_prefix", prompt_prefix, str),
        sampling=to_sampling(sampling),
        stop=() if stop is None else to_stop(stop),
    )


def to_model(name: str, address: Address) -> str:
    """The model's own name for a name or alias; any name of a model, where the Space is not the public one.

    Raises:
        InvalidOption: It is another model's, or no name.
    """
    model = MODEL_ALIASES.get(name, name)
    if not model.strip() or not model.isprintable() or len(model) > _LONGEST_MODEL:
        raise InvalidOption(f"model is a name of at most {_LONGEST_MODEL} characters that can be printed")
    if model != MODEL and address == to_address(PUBLIC_SPACE):
        known = ", ".join([MODEL, *MODEL_ALIASES])
        # It may be a token in the wrong place, and is not repeated.
        raise InvalidOption("There is no model of that name here", advice=f"Use one of: {known}.")
    return model


# What is refused below is not repeated, since it may be a credential.


def _secret(name: str, value: object) -> Secret | None:
    text = _printable(name, value.get_secret_value() if isinstance(value, SecretLike) else value)
    return Secret(text) if text else None


def _printable(name: str, value: object) -> str:
    text = _of_kind(name, value or "", str).strip()
    if text and not _PRINTABLE.fullmatch(text):
        raise InvalidOption(f"{name} has characters that no HTTP header can carry")
    return text


def _cookies(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"cookies is a mapping of names to values, not {type(value).__name__}")
    for text in (*value, *value.values()):
        if not _COOKIE.fullmatch(_of_kind("a cookie's name or value", text, str)):
            raise InvalidOption("A cookie has characters that no HTTP header can carry")
    return dict(value)


def _number(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidOption(f"{name} is a whole number from 0, not {value!r}")
    return value


def _to_endpoint(name: object) -> str | None:
    """The name of a function; other clients call a URL so, which must not be ignored."""
    if name is None:
        return None
    text = _of_kind("endpoint", name, str).removeprefix("/")
    if not _API_NAME.fullmatch(text):
        raise InvalidOption(
            "endpoint is the api_name of one of the Space's functions, such as 'process_message'",
            advice="Use space=, the name of a Space or the URL of a running one, to say who is asked.",
        )
    return text


def _to_extra_inputs(values: object) -> dict[str, object]:
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise InvalidOption("extra_inputs is a mapping of labels to values, such as {'Web search': False}")
    try:
        return dict(json.loads(json.dumps(dict(values), allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        raise InvalidOption("extra_inputs holds a value that cannot be written as JSON") from None


def _of_kind(name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise InvalidOption(f"{name} is of type {kind.__name__}, not {type(value).__name__}")
    return value
