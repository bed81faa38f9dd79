"""What an answer is to be, from classes and OpenAI's dicts. Knows JSON Schema; no turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from pydantic import BaseModel

from phi4_space._errors import InvalidOption
from phi4_space._prompt.response_format import ResponseFormat
from phi4_space._prompt.schema_text import is_schema
from phi4_space.interop.errors import error_text, short_repr
from phi4_space.interop.json_schema import close_schema, inline_root, without_odd_defaults
from phi4_space.interop.typed_dict import is_typed_dict, typed_dict_schema


@dataclass(frozen=True, slots=True)
class PydanticCheck:
    """A check that JSON makes an object of a pydantic class.

    Its repr is the same in every process, so that caches can have it in their keys.

    Attributes:
        model: The class, of pydantic 2 or 1.
    """

    model: type[Any]

    def __call__(self, parsed: object) -> object:
        """The object.

        Raises:
            ValueError: It makes none: the class's own `ValidationError`.
        """
        if is_pydantic(self.model):
            # As JSON, since a strict model takes more from JSON than from Python's values, such as dates.
            return self.model.model_validate_json(json.dumps(parsed))
        return self.model.parse_obj(parsed)


def is_pydantic(model: object) -> TypeGuard[type[BaseModel]]:
    """Whether it is a class of pydantic 2."""
    return isinstance(model, type) and issubclass(model, BaseModel)


def pydantic_schema(model: type[BaseModel], *, closed: bool = False) -> dict[str, Any]:
    """The JSON Schema of a pydantic class.

    Args:
        model: The class.
        closed: Whether objects may have no fields but those of the class, as OpenAI's `strict` has it.

    Raises:
        InvalidOption: JSON Schema cannot describe its objects.
    """
    try:
        schema = inline_root(without_odd_defaults(model.model_json_schema()))
    except Exception as exc:  # pydantic has errors of several kinds for this, and fields may raise their own
        raise InvalidOption(f"{model.__name__} has no JSON Schema: {error_text(exc)}") from exc
    return close_schema(schema) if closed else schema


def to_response_format(spec: object) -> ResponseFormat | None:
    """What `response_format` asks for.

    Args:
        spec: None; a `ResponseFormat`; a pydantic or TypedDict class; a JSON Schema; or OpenAI's dicts of
            type "text", "json_object" and "json_schema" (of both of its APIs).

    Raises:
        InvalidOption: It is none of these, or has no JSON Schema.
    """
    match spec:
        case None | {"type": "text"}:
            return None
        case ResponseFormat():
            return spec
        case {"type": "json_object"}:
            return ResponseFormat()
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}} | {
            "type": "json_schema",
            "schema": Mapping() as schema,
        }:
            return ResponseFormat(inline_root(schema))
        case Mapping() if is_schema(spec):
            return ResponseFormat(inline_root(spec))
        case type():
            return _class_format(spec)
    raise _no_format(spec)


def _class_format(cls: type) -> ResponseFormat:
    if is_pydantic(cls):
        return ResponseFormat(pydantic_schema(cls), check=PydanticCheck(cls))
    if is_typed_dict(cls):
        return ResponseFormat(typed_dict_schema(cls))
    raise _no_format(cls)


def _no_format(spec: object) -> InvalidOption:
    return InvalidOption(
        f"response_format is {short_repr(spec)}",
        advice='Give {"type": "json_object"}, {"type": "json_schema", ...}, a schema, or a pydantic or '
        "TypedDict class.",
    )
