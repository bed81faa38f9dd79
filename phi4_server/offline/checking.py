"""Checking: whether a schema allows a JSON value, and the plainest value that it allows. Knows no text.

What it does not understand (if, not, contains, dependent schemas, patternProperties) it lets pass.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from phi4_server.offline import effort, patterns
from phi4_server.offline.schema import KINDS, Schema, listed

_TYPES: dict[str, type | tuple[type, ...]] = dict(
    zip(KINDS, (type(None), bool, int, (int, float), str, list, dict), strict=True)
)
_SAMPLES = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "hostname": "example.com",
    "ipv4": "0.0.0.0",  # noqa: S104 - an example, nothing is bound to it
    "ipv6": "::",
}
_FORMATS = {
    "time": re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"),
    "duration": re.compile(r"P(?=.)(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "uri": re.compile(r"[a-zA-Z][\w+.-]*:\S+"),
    "uuid": re.compile(r"[\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}"),
    "hostname": re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}"),
    "ipv4": re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}"),
    "ipv6": re.compile(r"[\da-fA-F.]*+:[\da-fA-F:.]*"),
}
_ROOM = 1000
"""How many values, or characters, a plainest one holds at most; more is asked for by mistake only."""
_FINEST = 1e-100


def allows(schema: Schema, value: Any) -> bool:
    """Whether the schema allows the value."""
    chosen = schema.chosen
    effort.spend(5 + len(chosen or ()) // 10 + (len(value) // 4 if isinstance(value, str) else 0))
    return (
        (not schema.kinds or any(_is(kind, value) for kind in schema.kinds))
        and (chosen is None or any(same(value, other) for other in chosen))
        and _is_bounded(schema, value)
        and _is_written(schema, value)
        and _is_listed(schema, value)
        and _is_membered(schema, value)
        and _is_one_of(schema, value)
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _is_bounded(schema: Schema, value: Any) -> bool:
    if not _is("number", value):
        return True
    low, high = schema.number("minimum"), schema.number("maximum")
    above, below = schema.number("exclusiveMinimum"), schema.number("exclusiveMaximum")
    step = schema.number("multipleOf")
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
        and (not step or _is_multiple(value, step))
    )


def _is_multiple(value: float, step: float) -> bool:
    try:
        return (value / step).is_integer()
    except OverflowError:  # no float holds it
        return False


def _is_written(schema: Schema, value: Any) -> bool:
    if not isinstance(value, str):
        return True
    low, high = schema.number("minLength"), schema.number("maxLength")
    pattern = schema.text("pattern")
    return (
        (low is None or len(value) >= low)
        and (high is None or len(value) <= high)
        and _is_formatted(schema.text("format"), value)
        and (not pattern or patterns.matches(pattern, value))
    )


def _is_formatted(form: str, value: str) -> bool:
    try:
        if form == "date":
            return date.fromisoformat(value).isoformat() == value
        if form == "date-time":
            return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    return form not in _FORMATS or bool(_FORMATS[form].fullmatch(value))


def _is_listed(schema: Schema, value: Any) -> bool:
    if not isinstance(value, list):
        return True
    low, high, fresh = schema.number("minItems"), schema.number("maxItems"), schema.afresh()
    unique = (
        {json.dumps(item, sort_keys=True) for item in value}
        if schema.node.get("uniqueItems") is True
        else value
    )
    return (
        (low is None or len(value) >= low)
        and (high is None or len(value) <= high)
        and len(unique) == len(value)
        and all(allows(fresh.item(index), item) for index, item in enumerate(value))
        and (
            schema.node.get("items") is not False or len(value) <= len(listed(schema.node.get("prefixItems")))
        )
    )


def _is_membered(schema: Schema, value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    fresh = schema.afresh()
    properties, others = fresh.properties, fresh.others
    low, high = schema.number("minProperties"), schema.number("maxProperties")
    return (
        all(name in value for name in schema.required)
        and (low is None or len(value) >= low)
        and (high is None or len(value) <= high)
        and all(
            allows(properties[name], item)
            if name in properties
            else others is not None and allows(others, item)
            for name, item in value.items()
        )
    )


def _is_one_of(schema: Schema, value: Any) -> bool:
    either = [branch for branch in schema.branches("anyOf") if not branch.again]
    only = [branch for branch in schema.branches("oneOf") if not branch.again]
    return (not either or any(allows(branch, value) for branch in either)) and (
        not only or sum(allows(branch, value) for branch in only) == 1
    )


def plainest(schema: Schema, *, nth: int = 0, room: int = _ROOM) -> Any:
    """A value that the schema allows, saying as little as it can; None where no simple one is allowed.

    Args:
        schema: The schema.
        nth: Which of them, from 0: different ones make the items of an array differ.
        room: How many values it may hold.
    """
    effort.spend(1)
    tried = []
    for value in _candidates(schema, nth, room) if room else ():
        if allows(schema, value):
            return value
        tried.append(value)
    if nth:
        return plainest(schema, room=room)
    return tried[0] if tried else None


def _candidates(schema: Schema, nth: int, room: int) -> Iterator[Any]:
    if "default" in schema.node and not nth:
        yield schema.node["default"]
    # where it may be left open, null says least
    for way in sorted(schema.alternatives, key=lambda way: way.kind != "null"):
        chosen = way.chosen
        yield from _of_kind(way, nth, room) if chosen is None else chosen[nth:] + chosen[:nth]


def _of_kind(way: Schema, nth: int, room: int) -> Iterable[Any]:
    match way.kind:
        case "boolean":
            return (bool(nth % 2), not nth % 2)
        case "integer" | "number":
            return _numbers(way, nth)
        case "string":
            return _texts(way, nth)
        case "array":
            return (_list(way, room),)
        case "object":
            return (_dict(way, room),)
        case _:
            return (None,)


def _numbers(schema: Schema, nth: int) -> Iterator[int | float]:
    lows = [bound for key in ("minimum", "exclusiveMinimum") if (bound := schema.number(key)) is not None]
    highs = [bound for key in ("maximum", "exclusiveMaximum") if (bound := schema.number(key)) is not None]
    step = schema.number("multipleOf") or 1
    step = step if abs(step) > _FINEST else 1
    nearest = min([max([0.0, *lows]), *highs])
    for count in (math.ceil(nearest / step), math.floor(nearest / step)):
        for more in (nth, nth + 1, -nth, -nth - 1):
            number = (count + more) * step
            yield int(number) if number == int(number) else number
    if schema.kind == "number" and lows and highs:
        yield max(lows) + (min(highs) - max(lows)) / (nth + 2)


def _texts(schema: Schema, nth: int) -> Iterator[str]:
    sample = _SAMPLES.get(schema.text("format"))
    if sample is not None:
        yield sample
    if pattern := schema.text("pattern"):
        yield patterns.sample(pattern) or ""
    least = min(int(schema.number("minLength") or 0), _ROOM)
    yield (str(nth) if nth else "").ljust(least, "-")


def _list(schema: Schema, room: int) -> list[Any]:
    count = max(min(int(schema.number("minItems") or 0), room), 0)
    return [plainest(schema.item(index), nth=index, room=room // count) for index in range(count)]


def _dict(schema: Schema, room: int) -> dict[str, Any]:
    properties, others = schema.properties, schema.others or schema
    names = list(dict.fromkeys(schema.required))
    spare = [*(name for name in properties if name not in names), *(f"property{n}" for n in range(room))]
    names += spare[: max(min(int(schema.number("minProperties") or 0), room) - len(names), 0)]
    return {name: plainest(properties.get(name, others), room=room // len(names)) for name in names[:room]}
