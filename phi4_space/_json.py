"""JSON as text: read under limits, written, and followed to its end as it arrives. Knows no Gradio, no Phi-4.

Values that were read here are safe to work with: they are not nested too deeply for Python, their numbers are
finite, and their strings can be written as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NoReturn, TypeAlias

from phi4_space._errors import LimitExceeded
from phi4_space._limits import Limits

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A value as `json.loads` returns it."""

_TOKEN = re.compile(
    r"""[\s,:]*+ (?: (?P<opens> [\[{] ) | (?P<closes> [\]}] ) | (?P<ends> \Z )
    | "[^"\\]*+ (?: \\. [^"\\]*+ )*+ "?  # a string, a key or the beginning of one
    | [^\s\[\]{},:"]++ )                 # a number or a word""",
    re.VERBOSE | re.DOTALL,
)
_TO_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_HUGE = (b"0e000", b"0e+000", b"0" * 200)
"""What every number has that no float can hold, once all its digits are zeros."""
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(data: bytes | str, limits: Limits) -> JSON:
    """Reads JSON.

    A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD. Of equal keys the last one counts.

    Args:
        data: The text, in UTF-8 if it is bytes.
        limits: How deeply it may be nested, and how many values it may hold; both are checked before any
            value is made.

    Raises:
        ValueError: It is not JSON; a short message says why. Neither are `NaN` and `Infinity`, for which
            Gradio writes `null`, and numbers that are infinite as a float.
        LimitExceeded: It exceeds the limits.
    """
    raw = _encoded(data) if isinstance(data, str) else data
    _check_size(raw, limits)
    if not _may_have_huge_numbers(raw):
        try:
            value: JSON = _fast_reader()(raw)
        except ValueError:
            pass  # Python's reader mends the text, or says what is wrong
        else:
            return value
    return _read_slowly(raw.decode())


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mended(text).encode()


def _may_have_huge_numbers(raw: bytes) -> bool:
    # A regular expression that tells takes longer than all the rest of the reading.
    shape = raw.translate(_TO_SHAPE)
    return _HUGE[0] in shape or _HUGE[1] in shape or _HUGE[2] in shape


def _read_slowly(text: str) -> JSON:
    try:
        value: JSON = _DECODER.decode(text)
    except RecursionError as exc:  # only where `Limits.depth` was raised beyond what Python can follow
        raise ValueError("it is nested too deeply for Python") from exc
    return _mended_value(value) if _ESCAPED_SURROGATE.search(text) else value


@cache
def _fast_reader() -> Callable[[bytes], Any]:
    """A reader of JSON that takes a third of the time of Python's.

    It refuses halves of surrogate pairs and NaN, and does not look at how large a number is.
    """
    from pydantic_core import from_json  # noqa: PLC0415 - `import phi4_space` loads nothing compiled

    return partial(from_json, allow_inf_nan=False)


def mended(text: str) -> str:
    """The text with surrogate pairs combined, and lone surrogates replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def write(value: object, limits: Limits) -> str:
    """Writes a value as JSON without escaping letters; any mapping is written as an object.

    Raises:
        ValueError: It cannot be written; a short message says why. It contains something that is not JSON, is
            nested too deeply or in itself, is too large, or has a string that UTF-8 cannot hold.
    """
    _check_nesting(value, limits)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_to_dict)
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"a string in it contains {text[exc.start]!a}, a lone surrogate") from exc
    except (TypeError, RecursionError) as exc:
        raise ValueError(str(exc)) from exc
    return text


@dataclass(slots=True)
class JsonEnd:
    """Finds the end of a list or an object in a text that grows, reading each character once.

    Attributes:
        seen: Where it begins, or white space before it; then how far it was read.
        in_string: Whether that is within a string.
    """

    seen: int
    in_string: bool = False
    _opener: str = ""
    _depth: int = 0
    _escaped: int = -1

    def follow(self, text: str, stop: int) -> int | None:
        """Reads on, up to `stop`, and returns the position just behind the end once that has arrived."""
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
        if self.in_string:
            self.in_string = character != '"'
            self._escaped = at + 1 if character == "\\" else -1
        elif character == '"':
            self.in_string = True
        elif character != "\\":
            self._depth += 1 if character == self._opener else -1
        return self._depth == 0


_NOT_BLANK = re.compile(r"\S")
_BRACKETS = {"[": re.compile(r'["\\\[\]]'), "{": re.compile(r'["\\{}]')}
"""What decides where each kind ends: only its own brackets, outside of strings."""


def _check_size(raw: bytes, limits: Limits) -> None:
    if len(raw) > limits.values or raw.count(b"[") + raw.count(b"{") > limits.depth:
        _count(raw.decode(), limits)  # most messages of a stream are too short to exceed them


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
            return  # not JSON, which the decoder will report
        if depth > limits.depth:
            raise too_deep("The JSON", limits)
        if values > limits.values:
            raise too_many("The JSON holds", limits)


def too_deep(what: str, limits: Limits) -> LimitExceeded:
    """The error for JSON that is nested too deeply."""
    return LimitExceeded(
        f"{what} is nested deeper than {limits.depth} levels", which="depth", limit=limits.depth
    )


def too_many(what: str, limits: Limits) -> LimitExceeded:
    """The error for JSON that holds too many values."""
    return LimitExceeded(f"{what} more than {limits.values} values", which="values", limit=limits.values)


def _check_nesting(value: object, limits: Limits) -> None:
    pending: list[tuple[object, int]] = [(value, 0)]
    values = 0
    while pending:
        part, depth = pending.pop()
        values += 1
        if values > limits.values:
            raise ValueError(f"it holds more than {limits.values} values")
        if isinstance(part, Mapping):
            part = [*part.values()]
        if isinstance(part, list | tuple):
            if depth == limits.depth:
                raise ValueError(f"it is nested deeper than {limits.depth} levels")
            pending.extend((inner, depth + 1) for inner in part)


def _to_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _to_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]}… is too large")
    return number


def _to_int(digits: str) -> int:
    _to_float(digits)  # so that it fits a float, and has no more digits than Python converts
    return int(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_to_float, parse_int=_to_int)


def _mended_value(value: JSON) -> JSON:
    text = json.dumps(value, ensure_ascii=False)
    mended_text = mended(text)
    if mended_text is text:
        return value  # they were pairs
    mended_value: JSON = json.loads(mended_text)
    return mended_value
