"""JSON Schema as a prompt shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from phi4_space._prompt.schema_text import normalize_schema


class Colour(BaseModel):
    """A colour."""

    title: str = Field(description="Its name.")
    shades: list[Shade]


class Shade(BaseModel):
    """A shade of one."""

    lightness: float = Field(0.5, title="Lightness", examples=[{"title": "half"}])


def test_titles_are_left_out() -> None:
    """Those that pydantic makes, however deep; a field of that name stays, and what is no schema."""
    schema = normalize_schema(Colour.model_json_schema(), titled=True)

    assert schema["title"] == "Colour"
    assert schema["properties"]["title"] == {"description": "Its name.", "type": "string"}
    shade = schema["$defs"]["Shade"]
    assert "title" not in shade
    assert shade["properties"]["lightness"] == {
        "type": "number",
        "default": 0.5,
        "examples": [{"title": "half"}],
    }
    assert "title" not in normalize_schema(Colour.model_json_schema())


@pytest.mark.parametrize(
    ("schema", "same"),
    [
        ({"type": "object", "description": "x"}, {"description": "x", "type": "object"}),
        (
            {"type": "object", "properties": {"b": {"type": "null", "title": "B"}, "a": True}},
            {"properties": {"b": {"type": "null"}, "a": True}, "type": "object"},
        ),
        ({"anyOf": [{"title": "A", "type": "null"}]}, {"anyOf": [{"type": "null"}]}),
        ({"enum": [{"title": "A"}], "items": {"title": "A"}}, {"enum": [{"title": "A"}], "items": {}}),
        ({"title": ["no", "title"]}, {"title": ["no", "title"]}),
        ({"description": "A.\n\n    B.\n    "}, {"description": "A.\n\nB."}),
        ({"description": {"title": "A", "type": "null"}}, {"description": {"type": "null"}}),
    ],
)
def test_who_wrote_it_does_not_matter(schema: dict[str, Any], same: dict[str, Any]) -> None:
    """The same schema in another order reads the same, and what was passed is left as it was."""
    before = json.dumps(schema)

    assert json.dumps(normalize_schema(schema)) == json.dumps(normalize_schema(same))
    assert json.dumps(schema) == before
