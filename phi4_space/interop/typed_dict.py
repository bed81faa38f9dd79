"""TypedDict classes as JSON Schema. Knows annotations and pydantic; no framework, no turn.

Pydantic reads the TypedDicts of `typing` only from Python 3.12 on, and a description only in its own `Field`.
So it is given a copy of the class, in which all stands where pydantic reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, TypeGuard, Union, get_args, get_origin

from pydantic import Field, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import Doc, ReadOnly, TypedDict, get_type_hints, is_typeddict

from phi4_space._errors import InvalidOption
from phi4_space.interop.errors import error_text
from phi4_space.interop.json_schema import close_schema, inline_root

_QUALIFIERS = {Required: True, NotRequired: False, ReadOnly: None}
_SETTINGS = {"__closed__", "__extra_items__", "__pydantic_config__"}
_VALUES = (str, int, float, list, dict, type(None), type(...))


def is_typed_dict(cls: object) -> TypeGuard[type[Any]]:
    """Whether it is a TypedDict class."""
    return is_typeddict(cls)


def typed_dict_schema(cls: type[Any], *, closed: bool = False) -> dict[str, Any]:
    """The JSON Schema of a TypedDict class.

    Keys are required as the class says: by `total`, `Required` and `NotRequired`. `Annotated` may have a
    key's description, a string or `Doc`; pydantic's `Field` and constraints; or, as LangChain writes it, a
    default value (`...` for none) and then a description. A key with a default is not required.

    Args:
        cls: The class.
        closed: Whether objects may have no keys but those of the class.

    Raises:
        InvalidOption: JSON Schema cannot describe its objects.
    """
    try:
        schema = inline_root(TypeAdapter(_Copies().copy(cls)).json_schema(schema_generator=_Untitled))
    except Exception as exc:  # annotations may be anything, and raise anything
        raise InvalidOption(f"{cls.__name__} has no JSON Schema: {error_text(exc)}") from exc
    return close_schema(schema) if closed else schema


class _Untitled(GenerateJsonSchema):
    """Pydantic's schemas, without titles that repeat the names of keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """Never."""
        return False


class _Copies:
    """Copies of TypedDict classes, each made once, as a class may hold itself."""

    def __init__(self) -> None:
        self._copies: dict[Any, Any] = {}

    def copy(self, cls: Any) -> Any:
        """The copy of a class, with copies of those in its annotations."""
        if cls not in self._copies:
            copied: Any = TypedDict(cls.__name__, {})  # type: ignore[misc] # its keys come below
            self._copies[cls] = copied
            hints = get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
            keys = {
                name: self._key(hint, is_required=name in cls.__required_keys__)
                for name, hint in hints.items()
            }
            copied.__annotations__ = {name: annotation for name, (annotation, _) in keys.items()}
            copied.__required_keys__ = frozenset(name for name, (_, required) in keys.items() if required)
            copied.__doc__ = cls.__doc__
            for name in _SETTINGS & vars(cls).keys():
                setattr(copied, name, getattr(cls, name))
        return self._copies[cls]

    def _key(self, hint: Any, *, is_required: bool) -> tuple[Any, bool]:
        """A key's annotation for pydantic, and whether the key is required."""
        # `Required` and the like may stand around `Annotated` or in it. They are read here, since a class has
        # not seen its own in a module with `from __future__ import annotations`.
        qualifier: bool | None = None
        metadata: list[Any] = []
        while (origin := get_origin(hint)) in _QUALIFIERS or origin is Annotated:
            if origin is Annotated:
                metadata = [*hint.__metadata__, *metadata]
            elif qualifier is None:
                qualifier = _QUALIFIERS[origin]
            hint = hint.__origin__ if origin is Annotated else get_args(hint)[0]
        fields, others = _split(metadata)
        if qualifier is None:
            is_required = is_required and all(field.is_required() for field in fields)
        else:
            is_required = qualifier
        return Annotated[self._type(hint), *fields, *others], is_required

    def _type(self, hint: Any) -> Any:
        """The type, with copies in place of classes."""
        if is_typeddict(hint):
            return self.copy(hint)
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return Annotated[self._type(hint.__origin__), *hint.__metadata__]
        types = args if origin is Literal else tuple(self._type(arg) for arg in args)
        if types == args:
            return hint
        return Union[types] if origin in (Union, UnionType) else origin[types]  # noqa: UP007 - of a tuple


def _split(metadata: Sequence[Any]) -> tuple[list[FieldInfo], list[Any]]:
    """What `Annotated` says of a key: descriptions and defaults, as pydantic has them; and all else."""
    field: Any
    match metadata:
        case [value, str(description), *others] if isinstance(value, _VALUES):
            field = Field(value, description=description)
        case [str(description), *others]:
            field = Field(description=description)
        case [value, *others] if isinstance(value, _VALUES):
            field = Field(value)
        case _:
            field, others = Field(), [*metadata]
    fields = [Field(description=one.documentation) if isinstance(one, Doc) else one for one in others]
    return (
        [field, *(one for one in fields if isinstance(one, FieldInfo))],
        [one for one in fields if not isinstance(one, FieldInfo)],
    )
