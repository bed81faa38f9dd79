"""The arguments of a tool call: as models and histories write them, and as JSON. Knows no call, no prompt.

Answers and histories are read alike, so that a call which another library took from a model is the same call
here.
"""

from __future__ import annotations

import base64
import json
import math
import re
import reprlib
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import PurePath
from typing import Any

from phi4_space._errors import InvalidOption, LimitExceeded
from phi4_space._json import parse, write
from phi4_space._limits import Limits

_MOST_ENCODINGS = 3  # JSON in a JSON string, in a JSON string
_LENIENT = re.compile(
    r"""(?P<double> " (?P<doubled> [^"\\]*+ (?: \\. [^"\\]*+ )*+ ) (?: " | \\?+ \Z ) )
    | (?P<single> ' (?P<singled> [^'\\]*+ (?: \\. [^'\\]*+ )*+ ) (?: ' | \\?+ \Z ) )
    | (?P<word> [A-Za-z_]\w*+ )
    | (?P<comma> (?<! [\[{,] ) , (?= \s{0,64}+ [\]}] ) )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_INNER = re.compile(r"""\\(?P<escaped>.)|(?P<quote>")|(?P<control>[\x00-\x1f])""", re.DOTALL)


def parse_lenient(text: str, limits: Limits = Limits()) -> Any:
    """Reads JSON, also with the slips of models that leave no doubt about what is meant.

    These are Python's quotes and words (`'x'`, `True`, `None`), a comma before a closing bracket, and line
    breaks within a string.

    Raises:
        ValueError: It cannot be read; the text is of a `json.JSONDecodeError` about the text as it is.
        LimitExceeded: It exceeds the limits.
    """
    try:
        return parse(text, limits)
    except json.JSONDecodeError:
        strict = _LENIENT.sub(_to_strict, text)
        if strict == text:
            raise
        with suppress(ValueError):
            return parse(strict, limits)
        raise


def read_arguments(arguments: object, name: str = "a call", limits: Limits = Limits()) -> dict[str, Any]:
    """The arguments of a call; none where they are None, or blank.

    Args:
        arguments: A mapping; JSON, as models write it, which may itself be a JSON string; or None.
        name: The tool, for the error.
        limits: How large and how deeply nested JSON may be.

    Raises:
        ValueError: They cannot be read as an object; a short message says why.
    """
    for _ in range(_MOST_ENCODINGS):
        if not isinstance(arguments, str):
            break
        arguments = parse_call_json(
            arguments.strip() or "{}", f"the arguments of {short_name(name)} are invalid JSON", limits
        )
    if arguments is None:
        return {}
    if isinstance(arguments, Mapping):
        return dict(arguments)
    raise ValueError(f"the arguments of {short_name(name)} are not a JSON object")


def parse_call_json(text: str, error: str, limits: Limits) -> Any:
    """Reads JSON as `parse_lenient` does.

    Raises:
        ValueError: It cannot be read, or exceeds the limits: the error, and why.
    """
    try:
        return parse_lenient(text, limits)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{error} at character {exc.pos}: {exc.msg}") from exc
    except ValueError as exc:
        raise ValueError(f"{error}: {exc}") from exc
    except LimitExceeded as exc:
        raise ValueError(f"{error}: {exc.what}") from exc


def to_json_arguments(arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arguments of a call in a history, as JSON has them; what is passed is not changed.

    Args:
        arguments: The arguments.
        name: The tool, for the error.

    Raises:
        InvalidOption: One has no form in JSON; the error names the tool and the argument.
    """
    converted = {}
    for key, value in arguments.items():
        try:
            converted[_to_key(key)] = to_json_value(value)
        except ValueError as exc:
            raise InvalidOption(
                "The tool calls cannot be written as JSON: the argument"
                f" {short_name(key)} of the call of {short_name(name)}: {exc}",
                advice="Pass what JSON has: text, numbers, lists and dicts.",
            ) from exc
    return converted


def to_json_value(value: object) -> Any:
    """A value as JSON has it.

    Dates and times become ISO 8601, UUIDs, paths and numbers of `decimal` strings, enums their values, sets
    sorted lists, dataclasses and pydantic's models objects, and numbers that are not finite null: as pydantic
    writes them. Bytes are text where they are UTF-8, and base64 otherwise.

    Raises:
        ValueError: It has no form in JSON; a short message says why.
    """
    converted = _Converter().convert(value, Limits().depth)
    write(converted, Limits())
    return converted


class _Converter:
    """Makes JSON of one value, of as many parts as JSON may have: it may hold the same part many times."""

    def __init__(self) -> None:
        self._left = Limits().values

    def convert(self, value: object, levels: int) -> Any:
        """The value as JSON has it, with so many levels at most."""
        self._left -= 1
        if levels < 0:
            raise ValueError(f"it is nested deeper than {Limits().depth} levels, or in itself")
        if self._left < 0:
            raise ValueError(f"it holds more than {Limits().values} values")
        if isinstance(value, Enum):
            return self.convert(value.value, levels)
        if value is None or isinstance(value, str | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        return self._convert_other(value, levels - 1)

    def _convert_other(self, value: object, levels: int) -> Any:
        match value:
            case Mapping():
                return {_to_key(key): self.convert(item, levels) for key, item in value.items()}
            case list() | tuple():
                return [self.convert(item, levels) for item in value]
            case set() | frozenset():  # whose own order differs from process to process
                return sorted((self.convert(item, levels) for item in value), key=repr)
            case bytes() | bytearray() | memoryview():
                return _bytes(bytes(value))
            case _:
                return self.convert(_foreign(value), levels)


def _foreign(value: object) -> Any:
    """A value of any other class, in Python's own types."""
    if isinstance(value, PurePath):
        return str(value)
    from pydantic import BaseModel, TypeAdapter  # noqa: PLC0415 - few calls hold what JSON has no type for

    try:
        # numpy's and pandas' arrays and scalars, and pydantic's older models
        for own in ("tolist", "dict"):
            if not isinstance(value, type | BaseModel) and callable(method := getattr(value, own, None)):
                return method()
        return TypeAdapter(Any).dump_python(value, mode="json")
    except Exception as exc:  # of pydantic, or of whatever the value's class does
        raise ValueError(f"{type(value).__name__} is not a JSON type") from exc


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _to_key(key: object) -> str:
    key = key.value if isinstance(key, Enum) else key
    match key:
        case str():
            return key
        case None | bool() | int() | float():
            return json.dumps(key)
        case _ if isinstance(converted := to_json_value(key), str):
            return converted
    raise ValueError(f"a key of it is a {type(key).__name__}")


def short_name(name: object) -> str:
    """A name that may have any length, as an error message shows it."""
    return _SHORT.repr(name)


_SHORT = reprlib.Repr()
_SHORT.maxstring = 80


def _to_strict(found: re.Match[str]) -> str:
    """What JSON has for what is no JSON."""
    match found.lastgroup:
        case "double" | "single":
            text = found["doubled"] if found.lastgroup == "double" else found["singled"]
            closing = '"' if found[0][1 + len(text) :] in {'"', "'"} else ""  # the text may end before
            return f'"{_INNER.sub(_to_strict_character, text)}{closing}'
        case "word":
            return _WORDS.get(found[0], found[0])
        case _:
            return ""


def _to_strict_character(found: re.Match[str]) -> str:
    if found["escaped"] == "'":
        return "'"
    return found[0] if found["escaped"] else json.dumps(found[0])[1:-1]
