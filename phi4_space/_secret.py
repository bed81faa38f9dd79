"""A credential as a value that nothing shows by mistake. Knows no HTTP and no settings.

It is pydantic's `SecretStr` in the one respect that counts here, without pydantic, which takes longer to
import than all else that a client needs before its first call.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class SecretLike(Protocol):
    """A credential of any kind: ours, or pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        """The credential."""


class Secret:
    """A credential; reprs, logs and tracebacks show asterisks.

    Args:
        value: The credential.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """The credential."""
        return self._value

    def __eq__(self, other: object) -> bool:
        """Two credentials are equal when their values are, whichever kind they are of."""
        return isinstance(other, SecretLike) and self._value == other.get_secret_value()

    def __hash__(self) -> int:
        """The value counts."""
        return hash(self._value)

    def __repr__(self) -> str:
        """Asterisks."""
        return f"Secret('{self}')"

    def __str__(self) -> str:
        """Asterisks."""
        return "**********" if self._value else ""
