"""What a structured answer is to look like, for the client and for traces. Knows pydantic; no message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, Field

from phi4_space import InvalidOption, ResponseFormat


class OutputFormat(BaseModel):
    """An answer that is an object of a class, in a form that traces can be written with.

    Attributes:
        output_cls: The class.
        json_schema: What its objects look like as JSON.
    """

    output_cls: type[BaseModel] = Field(exclude=True)
    json_schema: dict[str, Any]

    @classmethod
    def of(cls, output_cls: type[BaseModel]) -> OutputFormat:
        """The format of a class's objects.

        Raises:
            InvalidOption: JSON Schema cannot say what they look like.
        """
        try:
            schema = output_cls.model_json_schema()
        except Exception as exc:  # pydantic's are RuntimeErrors, for which core would blame nested loops
            raise InvalidOption(f"{output_cls.__name__} is what JSON Schema cannot say: {exc}") from exc
        return cls(output_cls=output_cls, json_schema=schema)


def to_format(told: object) -> ResponseFormat | None:
    """What `response_format` asks for, as the client takes it.

    Args:
        told: None; a pydantic class; OpenAI's `{"type": "json_object"}`, `{"type": "json_schema", ...}` or
            `{"type": "text"}`; or the client's own `ResponseFormat`.

    Raises:
        InvalidOption: It is none of these.
    """
    match told:
        case None | {"type": "text"}:
            return None
        case ResponseFormat():
            return told
        case OutputFormat():
            return ResponseFormat(told.json_schema, check=_reader(told.output_cls))
        case type() if issubclass(told, BaseModel):
            return to_format(OutputFormat.of(told))
        case {"type": "json_object"}:
            return ResponseFormat()
        case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema}}:
            return ResponseFormat(schema)
    raise InvalidOption(
        f"response_format is of type {type(told).__name__}, and says no format",
        advice='Hand in a pydantic class, {"type": "json_object"} or a phi4_space.ResponseFormat.',
    )


def _reader(output_cls: type[BaseModel]) -> Callable[[object], BaseModel]:
    return partial(_read, output_cls)


def _read(output_cls: type[BaseModel], parsed: object) -> BaseModel:
    # As JSON, since pydantic takes more from JSON than from Python's values, in strict models above all.
    return output_cls.model_validate_json(json.dumps(parsed))
