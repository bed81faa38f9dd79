"""JSON as text: read under limits, written, and followed to its end as it grows. Knows no Gradio, no Phi-4.

What is read here is fit for all that follows: it is no deeper than Python can walk, its numbers are finite,
and its strings can be written as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from phi4_space._errors import LimitExceeded
from phi4_space._limits import Limits

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A value as `json.loads` makes it."""

_TOKEN = re.compile(
    r"""[\s,:]*+ (?: (?P<opens> [\[{] ) | (?P<closes> [\]}] ) | (?P<ends> \Z )
    | "[^"\\]*+ (?: \\. [^"\\]*+ )*+ "?  # a string, a key or the beginning of one
    | [^\s\[\]{},:"]++ )                 # a number or a word""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(data: bytes | str, limits: Limits) -> JSON:
    """Reads JSON.

    A half of a surrogate pair, which no UTF-8 can hold, becomes U+FFFD. Of equal keys the last counts.

    Args:
        data: The text, in UTF-8 if it is bytes.
        limits: How deep it may be nested, and how many values it may hold; both are known before any value
            is made.

    Raises:
        ValueError: It is not JSON, with a short text that says why. `NaN` and `Infinity` are not, as Gradio
            writes `null` for them; nor are numbers that are infinite as a float.
        LimitExceeded: It goes beyond the limits.
    """
    text = mended(data) if isinstance(data, str) else data.decode()
    _check_size(text, limits)
    try:
        value: JSON = _DECODER.decode(text)
    except RecursionError as exc:  # only where `Limits.depth` was raised beyond what Python can follow
        raise ValueError("it is nested too deep for Python") from exc
    return _mended_value(value) if _ESCAPED_SURROGATE.search(text) else value


def mended(text: str) -> str:
    """The text with the halves of surrogate pairs joined, and lone ones replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def write(value: object, limits: Limits) -> str:
    """Writes a value as JSON, in its own letters; any mapping will do for an object.

    Raises:
        ValueError: It cannot be written, with a short text that says why: it holds what is not JSON, is
            nested too deep or in itself, is too large, or has a string that UTF-8 cannot hold.
    """
    _check_nesting(value, limits)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_to_dict)
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"a string in it holds {text[exc.start]!a}, half of a surrogate pair") from exc
    except (TypeError, RecursionError) as exc:
        raise ValueError(str(exc)) from exc
    return text


@dataclass(slots=True)
class JsonEnd:
    """Finds where a list or an object ends in a text that grows, looking at each character once.

    Attributes:
        seen: Where it begins, or white space before it; then how far it was followed.
    """

    seen: int
    _opener: str = ""
    _depth: int = 0
    _in_string: bool = False
    _escaped: int = -1

    def follow(self, text: str, stop: int) -> int | None:
        """Follows it on, no further than `stop`, and gives the place just behind it, once it has come."""
        if not self._opener and (found := _NOT_BLANK.search(text, self.seen, stop)):
            self._opener, self.seen = found[0], found.start()
        start, self.seen = self.seen, stop
        if self._opener in _BRACKETS:
            for found in _BRACKETS[self._opener].finditer(text, start, stop):
                if self._closes_with(found[0], found.start()):
                    return found.end()
        return None

    def _closes_with(self, character: str, at: int) -> bool:
        if at == self._escaped:
            return False
        if self._in_string:
            self._in_string = character != '"'
            self._escaped = at + 1 if character == "\\" else -1
        elif character == '"':
            self._in_string = True
        elif character != "\\":
            self._depth += 1 if character == self._opener else -1
        return self._depth == 0


_NOT_BLANK = re.compile(r"\S")
_BRACKETS = {"[": re.compile(r'["\\\[\]]'), "{": re.compile(r'["\\{}]')}
"""What matters for where each kind ends: its own brackets alone, outside of strings."""


def _check_size(text: str, limits: Limits) -> None:
    if len(text) > limits.values or text.count("[") + text.count("{") > limits.depth:
        _count(text, limits)  # most messages of a stream are too short to go beyond


def _count(text: str, limits: Limits) -> None:
    depth = values = 0
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "closes":
                depth -= 1
            case "opens":
                depth, values = depth + 1, values + 1
            case None:
                values += 1
        if depth < 0:
            return  # no JSON, which its reader will tell
        if depth > limits.depth:
            raise too_deep("The JSON", limits)
        if values > limits.values:
            raise too_many("The JSON holds", limits)


def too_deep(what: str, limits: Limits) -> LimitExceeded:
    """The error for JSON that is nested too deep."""
    return LimitExceeded(
        f"{what} is nested deeper than {limits.depth} levels", which="depth", limit=limits.depth
    )


def too_many(what: str, limits: Limits) -> LimitExceeded:
    """The error for JSON that holds too many values."""
    return LimitExceeded(f"{what} more than {limits.values} values", which="values", limit=limits.values)


def _check_nesting(value: object, limits: Limits) -> None:
    waiting: list[tuple[object, int]] = [(value, 0)]
    values = 0
    while waiting:
        part, depth = waiting.pop()
        values += 1
        if values > limits.values:
            raise ValueError(f"it holds more than {limits.values} values")
        if isinstance(part, Mapping):
            part = [*part.values()]
        if isinstance(part, list | tuple):
            if depth == limits.depth:
                raise ValueError(f"it is nested deeper than {limits.depth} levels")
            waiting.extend((inner, depth + 1) for inner in part)


def _to_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _to_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]}… is too large")
    return number


def _to_int(digits: str) -> int:
    _to_float(digits)  # so that each can be made a float, and has no more digits than Python converts
    return int(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_to_float, parse_int=_to_int)


def _mended_value(value: JSON) -> JSON:
    text = json.dumps(value, ensure_ascii=False)
    fit = mended(text)
    if fit is text:
        return value  # the halves were pairs
    mended_value: JSON = json.loads(fit)
    return mended_value
