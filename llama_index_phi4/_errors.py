"""Input that is refused, as core's engines let it through. Knows errors; no prompt, no Space.

Core's response synthesizers take a ValueError for an answer that could not be parsed: they log it and say
"Empty Response". Input that the client refuses is a ValueError too, and would be lost like that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from phi4_space import InvalidInput, Phi4Error


class PromptRefused(Phi4Error):
    """The prompt or the options that an engine of core's asks with cannot be sent; nothing was sent.

    Its text is that of the client's own error, which is its `__cause__`: `TooManyFiles`, `InvalidOption` and
    so on. Unlike that one it is not a ValueError, so that core's engines let it through.
    """


@contextmanager
def raise_prompt_refused() -> Iterator[None]:
    """Raises `PromptRefused` where its body raises an `InvalidInput`.

    Raises:
        PromptRefused: The client refused its input.
    """
    try:
        yield
    except InvalidInput as exc:
        error = PromptRefused(exc.what, advice=exc.advice)
        if exc.step and exc.space:
            error.locate(step=exc.step, space=exc.space)
        raise error from exc
