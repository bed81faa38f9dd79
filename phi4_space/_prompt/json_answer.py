"""JSON as an answer: found in what a model writes, and checked. Knows no turns, and no prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from referencing.exceptions import Unresolvable

from phi4_space._errors import InvalidOption, LimitExceeded, shortened
from phi4_space._json import JsonEnd, parse, write
from phi4_space._limits import Limits
from phi4_space._prompt.json_spans import EMPTY, JsonSpan, find_json, is_cut_off
from phi4_space._prompt.json_wrapper import Unwrapper, is_echo
from phi4_space._prompt.known_properties import known_properties
from phi4_space._prompt.model_objects import known_fields, passed_over
from phi4_space._prompt.schema_text import containers
from phi4_space._prompt.validation import Validation

_MAX_OPENING = 1_000  # characters; at most so many are searched again when an answer grows
_GAP = rf"\s{{0,{_MAX_OPENING - 2}}}"
_OPENINGS = {"object": rf'\{{(?={_GAP}["}}])', "array": rf'\[(?={_GAP}["\[\]{{\-\dtfn])'}
"""How each kind of JSON begins, in a way in which prose with brackets hardly does."""

_MAX_VALUES = 20_000  # in a schema
_MAX_CANDIDATES = 1_000
"""At most so many parts of an answer are judged, the last ones, and so many values within them."""


class Wanted(Protocol):
    """What is asked for: a `ResponseFormat`."""

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema."""

    @property
    def check(self) -> Callable[[Any], object] | None:
        """The further check."""


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """What was found in an answer.

    Attributes:
        text: The JSON; "" where none fits.
        complaint: What is wrong, in at most a paragraph; None where JSON was found.
    """

    text: str
    complaint: str | None = None


def find(wanted: Wanted, text: str, limits: Limits, *, is_cut: bool = False) -> JsonAnswer:
    """The JSON in an answer; see `ResponseFormat.find`."""
    text = _unquoted(text, limits)
    judge = _Judge(wanted, limits)
    found_spans = find_json(text, lists="array" in containers(wanted.schema))
    if is_cut_off(text, found_spans, is_length=is_cut):
        return JsonAnswer("", "it is not JSON: it was cut off before its end")
    spans = _by_rank(text, found_spans)
    for span in spans[:_MAX_CANDIDATES]:
        if span.is_complete and (found := judge.find(text[span.start : span.end])) is not None:
            return JsonAnswer(found)
    best = text[spans[0].start : spans[0].end] if spans else text.strip()
    if not best.startswith(("{", "[")):
        return JsonAnswer("", f"it has no JSON {' or '.join(containers(wanted.schema))}")
    return JsonAnswer("", judge.complaint(best))


def complaint(wanted: Wanted, text: str, limits: Limits) -> str | None:
    """What is wrong with JSON as an answer; see `ResponseFormat.validation_error`."""
    return _Judge(wanted, limits).complaint(text)


class _Judge:
    """Judges what may be the JSON of one answer, in bounded work."""

    def __init__(self, wanted: Wanted, limits: Limits) -> None:
        schema = {} if wanted.schema is None else json.loads(write(wanted.schema, Limits(values=_MAX_VALUES)))
        self._wanted = wanted
        self._limits = limits
        self._validation = Validation(known=True)
        self._known = known_properties(schema) if schema else known_fields(wanted.check)
        self._left = _MAX_CANDIDATES
        self._unwrapper = Unwrapper(self._fits, self._known, limits)

    def find(self, text: str) -> str | None:
        """The JSON that was asked for, in other JSON; None where there is none."""
        try:
            value = parse(text, self._limits)
        except (ValueError, LimitExceeded):
            return None
        found = self._unwrapper.unwrap(value)
        if found is None:
            return None
        return text if found is value else write(found, self._limits)

    def complaint(self, text: str) -> str | None:
        """What is wrong with JSON that stands alone."""
        try:
            value = parse(text, self._limits)
        except ValueError as exc:
            return f"it is not JSON: {exc}"
        except LimitExceeded as exc:
            return f"it is not JSON that can be read: {exc.what}"
        if is_echo(value, self._known):
            return "it is the JSON Schema itself, not JSON that fits it"
        shell = self._unwrapper.shell(value)
        return self._mismatch(value if shell is None else shell)

    def _fits(self, value: Any) -> bool:
        self._left -= 1
        return self._left >= 0 and self._mismatch(value) is None

    def _mismatch(self, value: Any) -> str | None:
        schema, check = self._wanted.schema, self._wanted.check
        try:
            if schema is not None and (mismatch := self._validation.mismatch(schema, value)):
                return mismatch
            made = None if check is None else check(value)
        except Unresolvable as exc:
            raise InvalidOption(f"ResponseFormat.schema refers to something outside itself: {exc}") from exc
        except ValueError as exc:
            return shortened(str(exc))
        if passed := passed_over(made, value):
            return shortened(passed)
        return None if schema is not None or isinstance(value, dict) else "it is not a JSON object"


def _unquoted(text: str, limits: Limits) -> str:
    """The text of an answer that is one JSON string, such as JSON that was written twice."""
    stripped = text.strip()
    if stripped[:1] != '"' or stripped[-1:] != '"':
        return text
    try:
        value = parse(stripped, limits)
    except (ValueError, LimitExceeded):
        return text
    return value if isinstance(value, str) else text


def _by_rank(text: str, spans: list[JsonSpan]) -> list[JsonSpan]:
    """What may be the answer, the likeliest first."""
    spans = [span for span in spans if not span.is_thought] or spans
    # Prose mentions an empty object, and of one all properties would have their defaults.
    spans = [span for span in spans if not EMPTY.match(text, span.start)] or spans
    return sorted(spans, key=lambda span: (span.is_fenced, span.start), reverse=True)


def correct_json(error: str) -> str:
    """What to reply, once, to a model whose answer was not the JSON that was asked for."""
    return f"Your last answer was not valid: {error}. Answer again, with the JSON only."


class JsonReader:
    """Finds the JSON in an answer that arrives in chunks, and leaves out fences and prose around it.

    What it returns as the answer grows is the first that looks like JSON; `settle` decides, at the end,
    which of all it is. The result never depends on how the answer was cut.

    Args:
        response_format: The format that was asked for.
    """

    def __init__(self, response_format: Wanted) -> None:
        self._format = response_format
        self._opening = re.compile("|".join(_OPENINGS[kind] for kind in containers(response_format.schema)))
        self._start: int | None = None
        self._end: int | None = None
        self._json: JsonEnd | None = None
        self._searched = 0
        self._settled: str | None = None
        self.full_text = ""
        """The whole answer, including prose."""

    @property
    def text(self) -> str:
        """The JSON so far, or the one that was settled on."""
        if self._settled is not None:
            return self._settled
        return "" if self._start is None else self.full_text[self._start : self._end]

    def settle(self, limits: Limits = Limits(), *, is_cut: bool = False) -> str | None:
        """Decides on the JSON of the whole answer; returns what is wrong, where none fits.

        Args:
            limits: How large and how deeply nested JSON may be.
            is_cut: Whether the answer was cut off somewhere.

        Raises:
            InvalidOption: The schema refers to something outside itself.
        """
        found = find(self._format, self.full_text, limits, is_cut=is_cut)
        if found.complaint is None:
            self._settled = found.text
        return found.complaint

    def feed(self, text: str) -> str:
        """Takes the next chunk of the answer, and returns what it adds to the JSON."""
        new = len(self.full_text)
        # Python extends a string in place only where nothing else refers to it.
        full_text, self.full_text = self.full_text, ""
        full_text += text
        self.full_text = full_text
        if self._end is not None:
            return ""
        if self._json is None:
            opening = self._opening.search(full_text, self._searched)
            if opening is None:
                self._searched = max(0, len(full_text) - _MAX_OPENING)
                return ""
            new = self._start = opening.start()
            self._json = JsonEnd(new)
        self._end = self._json.follow(full_text, len(full_text))
        return full_text[new : self._end]
