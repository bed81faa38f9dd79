"""What is allowed for media behind URLs. Knows values alone: no URL, and nothing that loads one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from phi4_space._errors import InvalidOption

PORTS = {"https": 443, "http": 80}
"""The schemes that there are, and the port of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """What is allowed for media that are passed as URLs.

    Attributes:
        enabled: Whether URLs are loaded at all.
        schemes: The schemes allowed: "https", "http" or both. A redirect never leads from https to http.
        allow_private: Whether hosts may have addresses that are not global, such as those of this machine
            and its network. For tests and intranets: a URL can then reach whatever this machine can reach.
        max_bytes: The largest size of one file.
        max_redirects: How many redirects are followed, each checked like the first URL.
        timeout: Seconds that one URL may take, redirects included.
        at_a_time: How many URLs of one turn are loaded at the same time.
        total_bytes: The largest size of all URLs of one turn together.
        total_timeout: Seconds that all URLs of one turn may take together.
    """

    enabled: bool = True
    schemes: tuple[str, ...] = ("https", "http")
    allow_private: bool = False
    max_bytes: int = 20 * 1024 * 1024
    max_redirects: int = 3
    timeout: float = 20.0
    at_a_time: int = 8
    total_bytes: int = 100 * 1024 * 1024
    total_timeout: float = 60.0

    def __post_init__(self) -> None:
        """Refuses invalid values.

        Raises:
            InvalidOption: A value is of the wrong type, or out of range.
        """
        for name in ("enabled", "allow_private"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidOption(f"FetchPolicy.{name} must be True or False, not {getattr(self, name)!r}")
        for name, least in (("max_bytes", 1), ("max_redirects", 0), ("at_a_time", 1), ("total_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidOption(
                    f"FetchPolicy.{name} must be an integer of at least {least}, not {value!r}"
                )
        for name in ("timeout", "total_timeout"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
                raise InvalidOption(
                    f"FetchPolicy.{name} must be a number of seconds above 0, not {seconds!r}"
                )
        if not isinstance(self.schemes, tuple) or not set(self.schemes) <= PORTS.keys():
            raise InvalidOption(
                f'FetchPolicy.schemes must be a tuple of "https" and "http", not {self.schemes!r}'
            )
