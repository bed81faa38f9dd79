"""Other clients' names for our arguments. Knows names only; not what an argument does.

Code that is ported from another client uses that client's names. Those that decide who receives a text, or
with whose credentials it is sent, must never be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

SAMPLING_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("max_completion_tokens", "max_new_tokens", "max_output_tokens"), "max_tokens"),
        **dict.fromkeys(("max_tokens_to_sample", "num_predict"), "max_tokens"),
        "repeat_penalty": "repetition_penalty",
    }
)
"""What the classes of other models call our sampling options, each with the name that it has here."""
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **SAMPLING_ALIASES,
        "stop_sequences": "stop",
        "model_name": "model",
        "request_timeout": "timeout",
        **dict.fromkeys(("api_base", "base_url", "openai_api_base"), "space"),
        **dict.fromkeys(("api_key", "openai_api_key"), "token"),  # nosec B105 - names of arguments
    }
)
"""What they call the arguments of an adapter's model and of its calls; the client takes our names alone."""

_SAMPLING = {
    "sampling": "Write its entries as arguments of their own: temperature=0.2.",
    **{name: f"Write {own}=." for name, own in SAMPLING_ALIASES.items()},
    "stop_sequences": "Write stop=.",
}
_SETTINGS = frozenset(("timeout", "timeouts", "request_timeout", "max_retries"))
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
# The order matters: "proxy_url" is about a proxy, and "api_key" not about a server.
_PATTERNS = {
    "proxy": "proxy|proxies",
    "cookies": "cookies?|(basic_)?auth(?!_token)|login(?!_token)",
    "client": (
        "http_(async_)?client|(async_)?http_client|client_(args|kwargs|options)|transport|headers?|verify"
    ),
    "token": (  # nosec B105 - names of arguments
        "(api|access|secret|subscription|hub|hf)_?key|(hf|hub|api|auth|access|bearer|login)_token|"
        "credentials?|authorization|password"
    ),
    "space": (
        "(base|api)_?(ur[il]|base)|ur[il]s?|endpoints?|host|hostname|server|address|base|gateway|domain|port|"
        "src|repo|repository|spaces?|deployment|provider|backend|region"
    ),
}
_SYNONYMS = {name: re.compile(rf"(^|_)({pattern})(_|$)") for name, pattern in _PATTERNS.items()}
_MEANINGS = {
    "space": 'the name of a Space, "owner/name", or the URL of a running one',
    "token": "a Hugging Face token",  # nosec B105
    "proxy": "the URL of a proxy",
    "cookies": "a mapping of names to values, such as those of a login",
    "client": "a SpaceClient, which has its own proxy, cookies and so on",
}


def ours(name: str) -> str | None:
    """Our name for another client's argument about who receives a text, or with whose credentials; else None.

    Args:
        name: The argument, as that client spells it, such as "base_url", "azureEndpoint" or "hf_token".
    """
    snake_case = _CAPITAL.sub("_", name).lower()
    return next((own for own, pattern in _SYNONYMS.items() if pattern.search(snake_case)), None)


def advice(name: str, known: Collection[str]) -> str | None:
    """What to write instead of another client's argument, or of one that we had; None if unknown.

    Args:
        name: The argument.
        known: The arguments that are accepted here.
    """
    if "temperature" in known and name in _SAMPLING:
        return _SAMPLING[name]
    if "space" not in known and name in _SETTINGS:
        return "Set it when you make the client or model, not with a call."
    if (own := ours(name)) is None:
        return None
    if "space" not in known:  # a call's arguments
        return "Pass space= and token= when you make the client or model, not with a call."
    accepted = next((name for name in (own, "client") if name in known), None)
    return accepted and f"Use {accepted}=, {_MEANINGS[accepted]}."
