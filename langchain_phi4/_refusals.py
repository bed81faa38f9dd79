"""What reading a caller's data may raise, made errors of ours that say where. Knows errors; no data, no form.

Data come from anywhere: they may be of the wrong types, nested thousands deep, or in themselves.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager

from phi4_space import InvalidInput, UnsupportedContent

_ADVICE = "Hand in words, or content in one of the documented forms."
_LONGEST = 400  # characters of what happened in a place: one may stand within hundreds of others
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Says in an error where it happened, and makes one of ours of any other.

    Args:
        place: Where, such as "messages[0]"; a place within another is told after that.

    Raises:
        InvalidInput: Its body raised that, or anything else.
    """
    try:
        yield
    except InvalidInput as refused:
        refused.what = f"{place}: {_end(refused.what)}"
        raise
    except Exception as exc:
        deep = isinstance(exc, RecursionError)
        why = "it is nested too deep, or in itself" if deep else f"it cannot be read ({type(exc).__name__})"
        raise UnsupportedContent(f"{place}: {why}", advice=_ADVICE) from exc


def _end(what: str) -> str:
    """The end of a text, where the reason stands."""
    return what if len(what) <= _LONGEST else f"…{what[-_LONGEST:]}"


def shown(value: object) -> str:
    """A value as an error shows it: not endless, and not without end where it is nested in itself."""
    return _SHORT.repr(value)


def words(failed: Exception) -> str:
    """What a library's error says, which may repeat all that it was given."""
    return str(failed)[:_LONGEST].encode("utf-8", "backslashreplace").decode()
