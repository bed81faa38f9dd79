"""Objects of pydantic classes, and JSON that they passed over. Knows pydantic; no schema, no answer.

A class whose fields are all optional makes an object of defaults of any JSON, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.v1 import BaseModel as BaseModelV1

from phi4_space._prompt.known_properties import Known, none_known

_ROOTS = {"root", "__root__"}


def passed_over(made: object, value: Any) -> str | None:
    """Why an object is not what its JSON says: it has fields, and none of them was there.

    Objects in its fields, and in lists and dicts there, count as well. A class that takes other fields, too,
    has what was there.

    Args:
        made: What was made of the JSON; anything but an object of a pydantic class has nothing to be judged.
        value: The JSON.

    Returns:
        The reason, in a line; None where nothing was passed over.
    """
    match made, value:
        case BaseModel() | BaseModelV1(), _:
            return _of_object(made, value)
        case (list() | tuple(), list()) if len(made) == len(value):
            return _first(passed_over(*pair) for pair in zip(made, value, strict=True))
        case dict(), dict():
            return _first(passed_over(part, value.get(key)) for key, part in made.items())
    return None


def known_fields(check: object) -> Known:
    """What a check knows of the properties of objects.

    Args:
        check: A pydantic class, a method of one, or what has one as its `model`; of anything else, and of a
            class of other values than objects, nothing is known.
    """
    for model in (check, getattr(check, "__self__", None), getattr(check, "model", None)):
        if isinstance(model, type) and issubclass(model, BaseModel | BaseModelV1):
            names = _names_by_field(model)
            if names and not names.keys() & _ROOTS:
                is_open = _extra(model) == "allow"
                return Known(frozenset(name for each in names.values() for name in each), is_open=is_open)
    return Known(is_any=True)


def _extra(model: type[BaseModel | BaseModelV1]) -> str | None:
    return model.model_config.get("extra") if issubclass(model, BaseModel) else model.Config.extra.value


def _of_object(made: BaseModel | BaseModelV1, value: Any) -> str | None:
    names = _names_by_field(type(made))
    if root := names.keys() & _ROOTS:
        return passed_over(made.__dict__[root.pop()], value)
    if not isinstance(value, dict):
        return None  # a validator of the class reads it
    was_set = _was_set(made)
    if value and names and not was_set:
        return none_known(value, names)
    return _first(
        passed_over(getattr(made, field, None), _value(value, names.get(field, [field]))) for field in was_set
    )


def _was_set(made: BaseModel | BaseModelV1) -> set[str]:
    return made.model_fields_set if isinstance(made, BaseModel) else made.__fields_set__


def _names_by_field(model: type[BaseModel | BaseModelV1]) -> dict[str, list[str]]:
    if issubclass(model, BaseModel):
        return {
            name: [name, *_aliases(field.validation_alias), *_aliases(field.alias)]
            for name, field in model.model_fields.items()
        }
    return {name: [name, field.alias] for name, field in model.__fields__.items()}


def _aliases(alias: str | AliasPath | AliasChoices | None) -> list[str]:
    """The properties that an alias names, at the top of an object."""
    match alias:
        case str():
            return [alias]
        case AliasPath(path=[str(first), *_]):
            return [first]
        case AliasChoices():
            return [name for choice in alias.choices for name in _aliases(choice)]
    return []


def _value(value: dict[str, Any], names: list[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _first(reasons: Iterator[str | None]) -> str | None:
    return next((reason for reason in reasons if reason is not None), None)
