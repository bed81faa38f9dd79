"""JSON as the answer, as a caller asks for it. Knows what the prompt says of it; no answer.

What judges answers is loaded once there is something to judge: a schema, or an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phi4_space._errors import InvalidOption
from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.schema_text import containers, normalize_schema

if TYPE_CHECKING:
    from phi4_space._prompt.json_answer import JsonAnswer


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """Asks for an answer in JSON.

    Attributes:
        schema: The JSON Schema of an object or an array that the answer has to match; None for any object.
        check: A further check of the parsed JSON, which raises a `ValueError` (such as pydantic's
            `ValidationError`) whose text tells the model what is wrong. Where it returns an object of a
            pydantic class that has none of the JSON in it, that is wrong as well.

    Raises:
        InvalidOption: The schema is not a valid JSON Schema, or not that of an object or an array.
    """

    schema: Mapping[str, Any] | None = None
    check: Callable[[Any], object] | None = None

    def __post_init__(self) -> None:
        """Refuses a schema that no answer could be checked against."""
        if self.check is not None and not callable(self.check):
            raise InvalidOption(f"ResponseFormat.check must be a function, not {self.check!r}")
        if self.schema is None:
            return
        if not isinstance(self.schema, Mapping):
            raise InvalidOption(f"ResponseFormat.schema must be a mapping, not {type(self.schema).__name__}")
        from phi4_space._prompt.validation import check_schema  # noqa: PLC0415 - see above

        try:
            check_schema(self.schema)
        except ValueError as exc:
            raise InvalidOption(f"ResponseFormat.schema is not a valid JSON Schema: {exc}") from exc
        if not containers(self.schema):
            raise InvalidOption(
                f"ResponseFormat.schema must be of an object or an array, not of {self.schema['type']!r}",
                advice="Make it a property of an object.",
            )

    @property
    def instruction(self) -> str:
        """What the prompt tells the model."""
        if self.schema is None:
            return "Reply with JSON only, no other text: one JSON object."
        schema_copy = json.loads(write(self.schema, Limits()))
        schema = json.dumps(normalize_schema(schema_copy, titled=True), ensure_ascii=False)
        return f"Reply with JSON only, no other text, that fits this JSON Schema:\n{schema}"

    def find(self, text: str, limits: Limits = Limits(), *, is_cut: bool = False) -> JsonAnswer:
        """The JSON in an answer: of all that fits, the last one; in a fence, if any that fits stands in one.

        What only a part of is the JSON that was asked for is unwrapped, where just one part can be meant.
        JSON in a block of thoughts, such as `<think>`, counts where there is no other, and so does `{}`.
        Where the last JSON was cut off, none counts, since all before it are drafts.

        Args:
            text: The answer, which may have prose, fences and several drafts.
            limits: How large and how deeply nested JSON may be.
            is_cut: Whether the answer was cut off somewhere.

        Raises:
            InvalidOption: The schema refers to something outside itself.
        """
        from phi4_space._prompt import json_answer  # noqa: PLC0415 - see above

        return json_answer.find(self, text, limits, is_cut=is_cut)

    def validation_error(self, text: str, limits: Limits = Limits()) -> str | None:
        """What is wrong with JSON as an answer, in at most a paragraph; None if it is valid as it stands.

        Args:
            text: The JSON.
            limits: How large and how deeply nested JSON may be.

        Raises:
            InvalidOption: The schema refers to something outside itself.
        """
        from phi4_space._prompt import json_answer  # noqa: PLC0415 - see above

        return json_answer.complaint(self, text, limits)
