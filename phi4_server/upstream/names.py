"""The names of an engine's models: which to ask for, and how it is shown. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Container

from pydantic import BaseModel, ValidationError

_MAX_LISTED = 20
_MAX_NAME = 200
_FOLDER = re.compile(r"(?:/|[A-Za-z]:[\\/]).*[\\/](?=[^\\/])")


class _Listed(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Listed]


def only_model(body: bytes, adapters: Container[str | None]) -> str:
    """The name of the only model in an engine's list, adapters aside.

    Args:
        body: The list, as the engine sent it.
        adapters: The names in it that are adapters.

    Raises:
        ValueError: There is no list, or another number of models in it; the text says which.
    """
    try:
        listed = _Models.model_validate_json(body).data
    except ValidationError:
        raise ValueError("has no list of models") from None
    names = [model.id for model in listed if model.id not in adapters]
    if len(names) != 1 or not names[0].isprintable():
        found = ", ".join(repr(name[:_MAX_NAME]) for name in names[:_MAX_LISTED])
        raise ValueError(f"has these models: {found or 'none'}")
    return names[0]


def display_name(model: str) -> str:
    """A model's name as strangers are shown it; of a path on the engine's disk, its last part."""
    name = _FOLDER.sub("", model, count=1)
    return "".join(letter for letter in name if letter.isprintable())[:_MAX_NAME].strip()
