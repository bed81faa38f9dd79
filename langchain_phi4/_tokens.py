"""How many tokens a text comes to, estimated. Knows text and turns; no tokenizer, no network."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

from phi4_space import ToolSpec, Turn

# After the rule of thumb for vocabularies of 200,000 pieces: an English word of common length is one piece,
# other alphabets come to less text a piece, and an ideograph is one of its own.
_PIECES = re.compile(
    r" ?[A-Za-z]{1,8}"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|\d{1,3}"
    r"| ?[^\W\d_]{1,4}"
    r"|\s+"
    r"|[^\w\s]{1,2}"
    r"|."
)
_VOCABULARY = 200_000
_OF_A_TURN = 4  # its role and its end
_OF_A_MEDIUM = 1_000  # an image of usual size, or 75 seconds of audio


def to_ids(text: str) -> list[int]:
    """Stand-ins for the ids of a text's tokens: as many as it comes to by estimate."""
    return [
        zlib.crc32(piece.encode("utf-8", "surrogatepass")) % _VOCABULARY for piece in _PIECES.findall(text)
    ]


def count(turns: Iterable[Turn], specs: Iterable[ToolSpec], *, to_ids: Callable[[str], Sequence[int]]) -> int:
    """The tokens of turns and of the tools on offer, by estimate.

    Args:
        turns: The turns; each of their media has a flat price.
        specs: The tools.
        to_ids: Cuts a text into tokens.
    """
    turns = list(turns)
    texts = [*(_text_of(turn) for turn in turns), *(_as_json(asdict(spec)) for spec in specs)]
    media = sum(len(turn.media) for turn in turns)
    return sum(len(to_ids(text)) for text in texts) + _OF_A_TURN * len(turns) + _OF_A_MEDIUM * media


def _text_of(turn: Turn) -> str:
    return turn.text + "".join(_as_json({"name": call.name, **call.arguments}) for call in turn.tool_calls)


def _as_json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
