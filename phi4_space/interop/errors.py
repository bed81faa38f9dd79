"""Errors that say where in a caller's data something was wrong. Knows errors; no data, no form.

Data come from anywhere: they may be of the wrong types, nested thousands deep, or contain themselves.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager

from phi4_space._errors import InvalidInput, UnsupportedContent

_ADVICE = "Pass text, or content in one of the documented forms."
_LONGEST = 400  # characters of a reason: one place may be within hundreds of others
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@contextmanager
def errors_at(place: str) -> Iterator[None]:
    """Names the place in errors that its body raises, and turns foreign errors into ours.

    Args:
        place: Where, such as "messages[0]"; a place within another comes after it.

    Raises:
        InvalidInput: The body raised one, or any other exception.
    """
    try:
        yield
    except InvalidInput as error:
        error.what = f"{place}: {_end(error.what)}"
        raise
    except Exception as exc:
        deep = isinstance(exc, RecursionError)
        why = "it is nested too deep, or in itself" if deep else f"it cannot be read ({type(exc).__name__})"
        raise UnsupportedContent(f"{place}: {why}", advice=_ADVICE) from exc


def _end(what: str) -> str:
    """The end of a text, which has the reason."""
    return what if len(what) <= _LONGEST else f"…{what[-_LONGEST:]}"


def short_repr(value: object) -> str:
    """A value's repr for an error text, bounded in length and depth."""
    return _SHORT.repr(value)


def error_text(error: Exception) -> str:
    """The text of a library's error, bounded, since it may repeat all that the library was given."""
    return str(error)[:_LONGEST].encode("utf-8", "backslashreplace").decode()
