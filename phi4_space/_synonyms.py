"""What other clients call our arguments. Knows names alone; not what an argument does.

Code that is ported from another client brings that client's names along. Those that say who reads a text, or
as whom it is sent, must never be passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_SAMPLING = {
    "sampling": "Write its entries as arguments of their own: temperature=0.2.",
    "max_new_tokens": "Write max_tokens=.",
    "max_completion_tokens": "Write max_tokens=.",
}
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
# In this order, since "proxy_url" is a proxy's, and "api_key" no server's.
_WORDS = {
    "proxy": "proxy|proxies",
    "cookies": "cookies?",
    "client": (
        "http_(async_)?client|(async_)?http_client|client_(args|kwargs|options)|transport|headers?|verify"
    ),
    "token": (
        "(api|access|secret|subscription|hub|hf)_?key|(hf|hub|api|auth|access|bearer|login)_token|"
        "credentials?|authorization|auth|password"
    ),
    "space": (
        "(base|api)_?(ur[il]|base)|ur[il]s?|endpoints?|host|hostname|server|address|base|gateway|domain|port|"
        "src|repo|repository|spaces?|deployment|provider|backend|region"
    ),
}
_SYNONYMS = {ours: re.compile(rf"(^|_)({theirs})(_|$)") for ours, theirs in _WORDS.items()}
_MEANINGS = {
    "space": 'the name of a Space, "owner/name", or the URL of a running one',
    "token": "a Hugging Face token",
    "proxy": "the URL of a proxy",
    "cookies": "a mapping of names to values",
    "client": "a SpaceClient, which brings its own proxy, cookies and the like",
}


def ours(name: str) -> str | None:
    """Our name for what another client's argument says of who reads a text, or as whom; None if nothing.

    Args:
        name: The argument, as that client writes it, such as "base_url", "azureEndpoint" or "hf_token".
    """
    words = _CAPITAL.sub("_", name).lower()
    return next((own for own, theirs in _SYNONYMS.items() if theirs.search(words)), None)


def advice(name: str, known: Collection[str]) -> str | None:
    """What to write in the place of another client's argument, or of one that we had; None if unknown.

    Args:
        name: The argument.
        known: The arguments that are read here.
    """
    if "temperature" in known and name in _SAMPLING:
        return _SAMPLING[name]
    if (own := ours(name)) is None:
        return None
    if "space" not in known:  # a call's arguments
        return "Who reads a text, and who asks, is said when the client or model is made: space=, token=."
    taken = next((name for name in (own, "client") if name in known), None)
    return taken and f"Write {taken}=: {_MEANINGS[taken]}."
