"""How a tool call begins, in each of its forms. Knows no JSON but its beginning.

A call is an opening, a JSON list or object and, in some forms, a closing::

    <|tool_call|>[{"name": ..., "arguments": ...}]<|/tool_call|>     marked, by Phi-4's tokens
    <tool_call>{"name": ..., "arguments": ...}</tool_call>           tagged, or a token that lost its bars
    <function=NAME>{...}</function>                                  function: the JSON is the arguments
    <invoke name="NAME"><parameter name="KEY">...</parameter></invoke>    also function
    <｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>            also function
    [TOOL_CALLS][{"name": ..., "arguments": ...}]                    listed; also [TOOL_CALLS]NAME[ARGS]{...}
    functools[{"name": ..., "arguments": ...}]                       functools
    ```tool_call ...                                                 block, fenced in Markdown as a call
    [{"name": ..., "arguments": ...}]                                bare

All but the last are calls by their opening, whatever follows. Each may stand in a Markdown fence of its own.
A marker within a string of the JSON is a part of it. Tags that stand directly around a call go with it.
In thoughts, such as `<think>...</think>`, nothing is a call; bare JSON is none as a part of other JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from phi4_space._prompt.call_block import CallBlock
from phi4_space._prompt.call_json import NAMESPACE, SHELLS
from phi4_space._prompt.call_patterns import (
    BLANK,
    BOXES,
    GAP,
    KINDS,
    LESS,
    MORE,
    QUOTE,
    arriving,
    key,
    word,
)
from phi4_space._prompt.thought_tags import NAMES as THOUGHTS

_FENCES = ("tool_call", "tool_calls", "function_call", "function_calls", "tool_use", "functools")
_CALL = f"(?i:{word(*(f'{kind}{end}' for kind in KINDS for end in ('', '_start', '_begin')))})"

# The last step of each form is a group: only a complete opening matches it.
_MARKED = arriving("<", r"\|", f"(?:{_CALL}|{word('python_tag')})", r"\|", "(?P<marked>>)")
_THOUGHT = f"(?i:{arriving('<', word(*THOUGHTS), '(?P<thought>>)')})"
_STRAY = arriving("<", r"\|", "/", f"(?i:{word(*KINDS)})", r"\|", "(?P<stray>>)")
_TAGGED_NAME = arriving(r"[\w.-]{1,64}+", r"\s{0,8}+", "(?P<tagged_name>[({<])")
_TAGGED = arriving(
    "<",
    r"\|?+",
    _CALL,
    r"\|?+",
    "(?P<tag>>)",
    rf"[{BLANK}:]{{0,64}}+",
    rf"(?:(?P<tagged>[\[{{<`])|{_TAGGED_NAME})",
)
_NAME_IS = arriving(r"\s{1,8}+", word("name"), "=")
_FUNCTION = arriving(
    rf"(?:{arriving('<', word('function_calls', 'tool_call', 'tool_calls'), '>', GAP)})?+",
    word("<function", "<invoke"),
    f"(?:=|{_NAME_IS})",
    f"{QUOTE}?+",
    r"(?P<function_name>[\w.:-]{1,128}+)",
    f"{QUOTE}?+",
    "(?P<function>>)",
)
_SEPARATED = arriving(
    rf"(?:{word('<｜tool▁calls▁begin｜>')}{GAP})?+",
    word("<｜tool▁call▁begin｜>"),
    f"(?:{arriving(word('function'), word('<｜tool▁sep｜>'))})?+",
    r"(?P<separated_name>[\w.:-]{1,128}+)",
    rf"(?:(?P<separated>\s|<｜tool▁sep｜>)|{word('<｜tool▁sep｜>')})",
)
_LISTED_NAME = arriving(
    r"(?P<listed_name>[\w.:-]{1,128}+)", f"(?:{word('[ARGS]')})?+", r"\s{0,8}+", r"(?P<listed_call>\{)"
)
_LISTED = arriving(word("[TOOL_CALLS]"), GAP, rf"(?:(?P<listed>[\[{{])|{_LISTED_NAME})")
_FUNCTOOLS = arriving(word("functools"), GAP, "[:=]?+", GAP, r"\[", GAP, r"(?P<functools>\{)")
_BLOCK = arriving(word("```"), word(*_FENCES), r"(?P<block>[\s\[{])")

_SHORT_STRING = "(?:" + "|".join(arriving(mark, f"[^{mark}]{{0,200}}+", mark) for mark in "\"'") + ")"
_SHORT_VALUE = rf"(?:{_SHORT_STRING}|{word('null', 'None')}|[0-9]{{1,20}}+)"
_TYPE = arriving(QUOTE, word("function", "tool_use", "tool_call", "function_call"), QUOTE)
_BESIDE = (  # what may stand in front of the keys that make a call
    rf"(?:{key('id', 'index', 'role', 'content', 'call_id', 'tool_call_id')}(?:\Z|{_SHORT_VALUE})"
    rf"|{key('type')}(?:\Z|{_TYPE}))(?:\Z|{arriving(GAP, ',', GAP)})"
)
_STRING = r"""(?P<name>"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z)|'[^'\\]*+(?:\\(?:.|\Z)[^'\\]*+)*+(?:'|\Z))"""
_NAME = rf"{key('name', 'tool_name', 'function_name', 'tool', 'recipient_name')}(?:\Z|{_STRING})"
_ARGUMENTS = arriving(QUOTE, word("arguments", "parameters", "args"), QUOTE)
_WRAPPED = key("function", "tool_call", "tool_calls", "function_call", "function_calls")
_SHELL = arriving(r"\{", GAP, key(*SHELLS))
_BARE = arriving(
    f"(?:{_SHELL})?+",
    r"\[?+",
    GAP,
    r"\{",
    GAP,
    f"(?:{_BESIDE}){{0,4}}+",
    rf"(?:(?:{_NAME}|{_ARGUMENTS})(?:\Z|(?P<bare>[\s:,}}]))|{_WRAPPED}(?:\Z|(?P<wrapped>\S)))",
)
_FENCE = arriving(r"(?:```\w{0,16}+|`{1,2})", GAP)
_OWN_TAG = (  # of which more is known than that it is one
    rf"<\|?+(?i:(?:{'|'.join(KINDS)})(?:_start|_begin)?\|?+>|python_tag\|?+>|think|thought|reason|reflect|scratch)"
)
_SHEATH = f"(?!{_OWN_TAG})" + arriving(LESS, r"\|?+", r"[A-Za-z](?:\Z|[\w.:-]{0,40}+)", r"\|?+", MORE, GAP)
_BOX = arriving(r"\[", f"(?i:{word(*BOXES)})", r"\]", GAP)
_OPENING = re.compile(
    rf"(?=[<&f`\[{{])(?:{_BLOCK}|{_STRAY}|{_THOUGHT}|(?P<around>(?:{_FENCE}|{_SHEATH}|{_BOX}){{1,4}}+)?"
    rf"(?:\Z|{_MARKED}|{_FUNCTION}|{_TAGGED}|{_SEPARATED}|{_LISTED}|{_FUNCTOOLS}|{_BARE}))",
    re.DOTALL,
)
_FORMS = {
    "marked": "marked",
    "stray": "stray",
    "thought": "thought",
    "tagged": "tagged",
    "tagged_name": "tagged",
    "function": "function",
    "separated": "function",
    "listed": "listed",
    "listed_call": "listed",
    "functools": "functools",
    "block": "block",
    "bare": "bare",
    "wrapped": "bare",
}
_BRACKET = re.compile(r"[\[{]")
_TICKS = re.compile("`+")
_ENDS_OF_TAGS = re.compile("[]>]|&gt;")


def find_opening(text: str, is_offered: Callable[[str], bool]) -> tuple[int, CallBlock | None]:
    """Where the next call may begin, and its block once its opening is complete.

    Args:
        text: The text to search.
        is_offered: Whether the name of an available tool, as JSON spells it with its closing quote, begins
            so.

    Returns:
        The position, which is the text's end if there is none; and the block, for a text that starts there.
    """
    match = _OPENING.search(text)
    while match and not (match["name"] is None or _may_be_offered(_spelled(match["name"]), is_offered)):
        match = _OPENING.search(text, match.start("name") + 1)
    if not match:
        return len(text), None
    form = _FORMS.get(match.lastgroup or "")
    if form is None:
        return match.start(), None
    tool = match["function_name"] or match["listed_name"] or match["separated_name"] or ""
    around = match["around"] or ""
    ticks = _TICKS.search("```" if form == "block" else around)
    tags = len(_ENDS_OF_TAGS.findall(around))
    return match.start(), CallBlock(
        form, _body(match) - match.start(), tool, len(ticks[0]) if ticks else 0, tags=tags
    )


def _body(match: re.Match[str]) -> int:
    """Where the JSON behind an opening begins, or white space before it."""
    match match.lastgroup:
        case "marked" | "stray" | "function" | "separated" | "thought":
            return match.end()
        case "tagged" | "tagged_name":
            return match.end("tag")
        case "listed" | "listed_call" | "block":
            return match.start(match.lastgroup)
        case _:
            return next(_BRACKET.finditer(match.string, max(match.start(), match.end("around")))).start()


def _spelled(name: str) -> str:
    """A name as JSON spells it, without the opening quote; it may be in Python's quotes."""
    if name.startswith("'"):
        name = f'{name[:-1]}"' if len(name) > 1 and name.endswith("'") else name
    return name[1:]


def _may_be_offered(spelled: str, is_offered: Callable[[str], bool]) -> bool:
    return NAMESPACE.startswith(spelled) or is_offered(spelled.removeprefix(NAMESPACE))
