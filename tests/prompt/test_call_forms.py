"""The forms in which models write calls: each is a call, a broken one, or text, and never both.

The forms are of public bug reports (FreeToken 203, vllm 47903 and 19419, langchain 27602, llama_index 22821)
and of the templates of other models, which Phi-4 has seen in training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._prompt.call_reader import CallReader
from phi4_space._turns import BrokenCall, ToolCall

TOOLS = ("add", "now", "note")
ADD = '{"name": "add", "arguments": {"x": 1}}'
NOW = '{"name": "now", "arguments": {}}'
WRAPPED = '{"type": "function", "function": {"name": "add", "arguments": {"x": 1}}}'
STRINGED = json.dumps({"name": "add", "arguments": json.dumps({"x": 1})})


def noted(text: str) -> str:
    """A call with a text as its argument."""
    return json.dumps({"name": "note", "arguments": {"text": text}})


CALLED: tuple[str, Mapping[str, Any]] = ("add", {"x": 1})
THEN: tuple[str, Mapping[str, Any]] = ("now", {})


class Read(NamedTuple):
    """What came of an answer: its text, its calls, and the texts of broken ones."""

    text: str
    calls: list[tuple[str, Mapping[str, Any]]]
    broken: list[str]


def read(answer: str, cuts: Sequence[int] = (), tools: Sequence[str] = TOOLS) -> Read:
    """Reads an answer that arrives cut there."""
    reader = CallReader(tools)
    edges = [0, *cuts, len(answer)]
    pieces = [piece for start, end in pairwise(edges) for piece in reader.feed(answer[start:end])]
    pieces += reader.close()
    return Read(
        "".join(piece for piece in pieces if isinstance(piece, str)),
        [(piece.name, piece.arguments) for piece in pieces if isinstance(piece, ToolCall)],
        [piece.text for piece in pieces if isinstance(piece, BrokenCall)],
    )


CALLS: dict[str, tuple[str, str, list[Any]]] = {
    # Phi-4's own
    "marked": (f"<|tool_call|>[{ADD}]<|/tool_call|>", "", [CALLED]),
    "marked, an object": (f"<|tool_call|>{ADD}<|/tool_call|>", "", [CALLED]),
    "marked, plural": (f"<|tool_calls|>[{ADD}]<|/tool_calls|>", "", [CALLED]),
    "marked, several": (f"<|tool_call|>[{ADD}, {NOW}]<|/tool_call|>", "", [CALLED, THEN]),
    "marked, on lines": (f"<|tool_call|>\n{ADD}\n{NOW}\n<|/tool_call|>", "", [CALLED, THEN]),
    "marked, commas": (f"<|tool_call|>{ADD}, {NOW}<|/tool_call|>", "", [CALLED, THEN]),
    "marked, unclosed": (f"<|tool_call|>[{ADD}]", "", [CALLED]),
    "marked, half closed": (f"<|tool_call|>[{ADD}]<|/tool_c", "", [CALLED]),
    "marked, opened twice": (f"<|tool_call|><|tool_call|>[{ADD}]<|/tool_call|>", "", [CALLED]),
    "marked, closed twice": (f"<|tool_call|>[{ADD}]<|/tool_call|><|/tool_call|>", "", [CALLED]),
    "marked, one after the other": (f"<|tool_call|>{ADD}<|/tool_call|>" * 2, "", [CALLED, CALLED]),
    "marked, a bracket too many": (f"<|tool_call|>[{ADD}]]<|/tool_call|>", "", [CALLED]),
    "marked, between words": (f"I add. <|tool_call|>[{ADD}]<|/tool_call|> Done.", "I add.  Done.", [CALLED]),
    "marked, an unknown tool": ('<|tool_call|>[{"name": "sub"}]<|/tool_call|>', "", [("sub", {})]),
    "marked, in a fence": (f"```json\n<|tool_call|>[{ADD}]<|/tool_call|>\n```", "", [CALLED]),
    "marked, in ticks": (f"`<|tool_call|>[{ADD}]<|/tool_call|>`", "", [CALLED]),
    "marked, closed by a tag": (f"<|tool_call|>[{ADD}]</tool_call>", "", [CALLED]),
    "marked, wrapped": (f"<|tool_call|>[{WRAPPED}]<|/tool_call|>", "", [CALLED]),
    "marked, around a fence": (f"<|tool_call|>\n```json\n[{ADD}]\n```\n<|/tool_call|>", "", [CALLED]),
    "marked, around a fence, and words": (
        f"So: <|tool_call|>```\n{ADD}\n{NOW}\n```<|/tool_call|> Done.",
        "So:  Done.",
        [CALLED, THEN],
    ),
    "marked, around ticks": (f"<|tool_call|>`[{ADD}]`<|/tool_call|>", "", [CALLED]),
    "marked, around a fence that stays open": (f"<|tool_call|>```json\n[{ADD}]<|/tool_call|>", "", [CALLED]),
    "marked, labelled": (f"<|tool_call|>json\n[{ADD}]<|/tool_call|>", "", [CALLED]),
    "marked, a colon": (f"<|tool_call|>: [{ADD}]<|/tool_call|>", "", [CALLED]),
    "marked, a byte order mark": (f"<|tool_call|>\ufeff[{ADD}]\ufeff<|/tool_call|>", "", [CALLED]),
    "marked, a space of no width": (f"<|tool_call|>\u200b\n[{ADD}]<|/tool_call|>", "", [CALLED]),
    "tagged, around a fence": (f"<tool_call>\n```json\n{ADD}\n```\n</tool_call>", "", [CALLED]),
    "tagged, a colon": (f"<tool_call>: {ADD}</tool_call>", "", [CALLED]),
    "tagged, labelled": (f"<tool_call>json\n{ADD}</tool_call>", "", [CALLED]),
    "a function around a fence": ('<function=add>\n```json\n{"x": 1}\n```\n</function>', "", [CALLED]),
    "a closing token behind lines": (f"{ADD}\n{NOW}\n<|/tool_call|>", "", [CALLED, THEN]),
    "a closing token behind words": (f"{ADD}\nDone.<|/tool_call|>", "\nDone.", [CALLED]),
    "a token without bars": (f"<tool_call>[{ADD}]</tool_call>", "", [CALLED]),
    "a token with half its bars": (f"<|tool_call>[{ADD}]<|/tool_call>", "", [CALLED]),
    "a token of functions": (f"<|function_call|>{ADD}<|/function_call|>", "", [CALLED]),
    "a token that begins": (f"<|tool_call_begin|>{ADD}<|tool_call_end|>", "", [CALLED]),
    "functools": (f"functools[{ADD}, {NOW}]", "", [CALLED, THEN]),
    "functools, words around": (f"So: functools[{ADD}]. Done.", "So: . Done.", [CALLED]),
    "functools, in a fence": (f"```functools\n[{ADD}]\n```", "", [CALLED]),
    "functools, wrapped": (f"functools[{WRAPPED}]", "", [CALLED]),
    # bare
    "bare": (ADD, "", [CALLED]),
    "bare, a list": (f"[{ADD}, {NOW}]", "", [CALLED, THEN]),
    "bare, on lines": (f"{ADD}\n{NOW}", "", [CALLED, THEN]),
    "bare, behind words": (f"I add.\n\n{ADD}", "I add.\n\n", [CALLED]),
    "bare, arguments first": ('{"arguments": {"x": 1}, "name": "add"}', "", [CALLED]),
    "bare, parameters": ('{"name": "add", "parameters": {"x": 1}}', "", [CALLED]),
    "bare, args": ('{"name": "add", "args": {"x": 1}}', "", [CALLED]),
    "bare, input": ('{"type": "tool_use", "id": "t1", "name": "add", "input": {"x": 1}}', "", [CALLED]),
    "bare, tool and args": ('{"tool": "add", "args": {"x": 1}}', "", [CALLED]),
    "bare, with an id": ('{"id": "c1", "name": "add", "arguments": {"x": 1}}', "", [CALLED]),
    "bare, in ticks": (f"`{ADD}`", "", [CALLED]),
    "fenced": (f"```json\n{ADD}\n```", "", [CALLED]),
    "fenced, on lines": (f"```json\n{ADD}\n{NOW}\n```", "", [CALLED, THEN]),
    "fenced, a list": (f"```\n[{ADD}]\n```\nDone.", "\nDone.", [CALLED]),
    "fenced, and then a fence of text": (f"```json\n{ADD}\n```\n```\nx\n```", "\n```\nx\n```", [CALLED]),
    "fenced as a call": (f"```tool_call\n{ADD}\n```", "", [CALLED]),
    "fenced as a call, unknown": (
        '```tool_call\n{"name": "sub"}\n{"name": "sub"}\n```',
        "",
        [("sub", {})] * 2,
    ),
    # other models'
    "OpenAI's": (WRAPPED, "", [CALLED]),
    "OpenAI's, a list": (f"[{WRAPPED}]", "", [CALLED]),
    "OpenAI's, with an id": (f'[{{"id": "c1", {WRAPPED[1:]}]', "", [CALLED]),
    "OpenAI's, unknown": ('{"type": "function", "function": {"name": "sub"}}', "", [("sub", {})]),
    "OpenAI's tool_calls": (f'{{"tool_calls": [{WRAPPED}]}}', "", [CALLED]),
    "OpenAI's message": (
        f'{{"role": "assistant", "content": null, "tool_calls": [{WRAPPED}]}}',
        "",
        [CALLED],
    ),
    "OpenAI's function_call": (f'{{"function_call": {STRINGED}}}', "", [CALLED]),
    "OpenAI's, flat": ('{"type": "function", "name": "add", "arguments": {"x": 1}}', "", [CALLED]),
    "Hermes'": (f"<tool_call>\n{ADD}\n</tool_call>\n<tool_call>\n{NOW}\n</tool_call>", "", [CALLED, THEN]),
    "Hermes', unclosed": (f"<tool_call>\n{ADD}", "", [CALLED]),
    "Hermes', plural": (f"<tool_calls>[{ADD}]</tool_calls>", "", [CALLED]),
    "Mistral's": (f"[TOOL_CALLS] [{ADD}, {NOW}]", "", [CALLED, THEN]),
    "Mistral's, closed": (f"[TOOL_CALLS][{ADD}][/TOOL_CALLS]", "", [CALLED]),
    "Mistral's, with a name": ('[TOOL_CALLS]add[ARGS]{"x": 1}[TOOL_CALLS]now{}', "", [CALLED, THEN]),
    "Llama's": ('<|python_tag|>{"name": "add", "parameters": {"x": 1}}<|eom_id|>', "", [CALLED]),
    "Llama's function": ('<function=add>{"x": 1}</function>', "", [CALLED]),
    "Llama's function, named": ('<function name="add">{"x": 1}</function>', "", [CALLED]),
    "Llama's function, empty": ("<function=now></function>", "", [THEN]),
    "Qwen's XML": (
        "<tool_call>\n<function=add>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>",
        "",
        [CALLED],
    ),
    "Qwen's XML, several": (
        "<tool_call>\n<function=add>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>\n" * 2,
        "",
        [CALLED, CALLED],
    ),
    "JSON in Qwen's XML": (
        '<tool_call><function=add>{"x": 1}</function></tool_call> Done.',
        " Done.",
        [CALLED],
    ),
    "invoked": ('<invoke name="add"><parameter name="x">1</parameter></invoke>', "", [CALLED]),
    "invoked, in tags": (
        (
            'So:\n<function_calls>\n<invoke name="add">\n<parameter name="x">1</parameter>\n</invoke>\n'
            '<invoke name="note">\n<parameter name="text">a < b\nc</parameter>'
            '<parameter name="more">["d"]</parameter>\n</invoke>\n</function_calls>\nDone.'
        ),
        "So:\n\nDone.",
        [CALLED, ("note", {"text": "a < b\nc", "more": ["d"]})],
    ),
    "invoked, empty": ('<invoke name="now">\n</invoke>', "", [THEN]),
    "invoked, with JSON": ('<invoke name="add">{"x": 1}</invoke>', "", [CALLED]),
    "DeepSeek's": (
        (
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n"
            '{"x": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n'
            "```json\n{}\n```"
            "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        ),
        "",
        [CALLED, THEN],
    ),
    "DeepSeek's newer": (
        (
            'So: <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"x": 1}<｜tool▁call▁end｜>'
            "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜> Done."
        ),
        "So:  Done.",
        [CALLED, THEN],
    ),
    "DeepSeek's, unclosed": ('<｜tool▁call▁begin｜>add<｜tool▁sep｜>{"x": 1}', "", [CALLED]),
    # in tags that belong to no form
    **{
        f"in {before}": (f"{before}{ADD}{after}", "", [CALLED])
        for before, after in [
            ("<TOOLCALL>", "</TOOLCALL>"),
            ("<TOOL_CALL>\n", "\n</TOOL_CALL>"),
            ("<|TOOL_CALL|>", "<|/TOOL_CALL|>"),
            ("<Tool_Call>", "</tool_call>"),
            ("<tools>\n", "\n</tools>"),
            ("<functions>", "</functions>"),
            ("<tool_use>", "</tool_use>"),
            ("<|tool_use|>", "<|/tool_use|>"),
            ("<function>", "</function>"),
            ("<tool>", "</tool>"),
            ("<|tool|>", "<|/tool|>"),
            ("<Action>", "</Action>"),
            ("<json>", "</json>"),
            ("[TOOL_REQUEST]\n", "\n[END_TOOL_REQUEST]"),
            ("[TOOL_CALL]", "[/TOOL_CALL]"),
            ("[tool_call]", ""),
            ("<|action_start|><|plugin|>\n", "<|action_end|>"),
            ("<|action_start|> <|plugin|>", "<|action_end|>\n"),
            ("&lt;|tool_call|&gt;", "&lt;|/tool_call|&gt;"),
            ("&lt;tool_call&gt;\n", "\n&lt;/tool_call&gt;"),
            ("<tools>\n```json\n", "\n```\n</tools>"),
            ("```json\n<tools>\n", "\n</tools>\n```"),
            ("<tools><tool>", "</tool></tools>"),
            ("<tools><tool_call>", "</tool_call></tools>"),
            ("<tools>", ""),
            ("<tools>", "</too"),
        ]
    },
    "in tags, several": (f"<tools>\n{ADD}\n{NOW}\n</tools>", "", [CALLED, THEN]),
    "in a tag each": (f"<tool>{ADD}</tool>\n<tool>{NOW}</tool>", "", [CALLED, THEN]),
    "in tags, between words": (f"So: <p>{ADD}</p> Done. </p>", "So:  Done. </p>", [CALLED]),
    "in other tags' words": (f"<p>So: {ADD} Done.</p>", "<p>So:  Done.</p>", [CALLED]),
    # in JSON that holds calls and nothing else
    "calls": (f'{{"calls": [{ADD}, {NOW}]}}', "", [CALLED, THEN]),
    "calls, on lines": (f'So:\n{{\n  "calls": [\n    {ADD}\n  ]\n}}\nDone.', "So:\n\nDone.", [CALLED]),
    "calls, in a fence": (f'```json\n{{"calls": [{ADD}]}}\n```', "", [CALLED]),
    "calls, in a tag": (f'<tools>{{"calls": [{ADD}]}}</tools>', "", [CALLED]),
    "calls, marked": (f'<|tool_call|>{{"calls": [{ADD}]}}<|/tool_call|>', "", [CALLED]),
    "calls, of Python's quotes": ("{'calls': [{'name': 'add', 'arguments': {'x': 1}}]}", "", [CALLED]),
    "calls, wrapped": (f'{{"calls": [{WRAPPED}]}}', "", [CALLED]),
    "a response": (f'{{"response": {ADD}}}', "", [CALLED]),
    "a response, a list": (f'{{"response": [{ADD}]}}', "", [CALLED]),
    "a response of tool_calls": (f'{{"response": {{"tool_calls": [{ADD}]}}}}', "", [CALLED]),
    "an action": (f'{{"action": {ADD}}}', "", [CALLED]),
    "OpenAI's tool_uses": (
        '{"tool_uses": [{"recipient_name": "functions.add", "parameters": {"x": 1}}]}',
        "",
        [CALLED],
    ),
    "a name in a namespace": ('{"name": "functions.add", "arguments": {"x": 1}}', "", [CALLED]),
    "a name in a namespace, marked": (
        '<|tool_call|>{"name": "functions.sub", "arguments": {}}<|/tool_call|>',
        "",
        [("sub", {})],
    ),
    # how arguments are written
    "a marker in a string": (
        f"<|tool_call|>[{noted('<|/tool_call|>')}, {ADD}]<|/tool_call|> Done.",
        " Done.",
        [("note", {"text": "<|/tool_call|>"}), CALLED],
    ),
    "a call in a string": (
        f"<|tool_call|>[{noted(f'<|tool_call|>[{ADD}]<|/tool_call|>, so')}]<|/tool_call|>",
        "",
        [("note", {"text": f"<|tool_call|>[{ADD}]<|/tool_call|>, so"})],
    ),
    "a marker in a string, bare": (noted("<|/tool_call|>"), "", [("note", {"text": "<|/tool_call|>"})]),
    "a marker in a string, functools": (
        f"functools[{noted('a <|tool_call|> b')}]",
        "",
        [("note", {"text": "a <|tool_call|> b"})],
    ),
    "a tag in a string": (
        f"<tool_call>{noted('</tool_call>')}</tool_call>",
        "",
        [("note", {"text": "</tool_call>"})],
    ),
    "a tag in a string of a function": (
        '<function=note>{"text": "</function>"}</function>',
        "",
        [("note", {"text": "</function>"})],
    ),
    "a marker in a string of lists": (
        f"[TOOL_CALLS][{noted('[TOOL_CALLS]')}]",
        "",
        [("note", {"text": "[TOOL_CALLS]"})],
    ),
    "a fence in a string of a fence": (
        f"```tool_call\n{noted('```x```')}\n```",
        "",
        [("note", {"text": "```x```"})],
    ),
    "a marker as a key": (
        '<|tool_call|>[{"name": "note", "arguments": {"<|tool_call|>": 1}}]<|/tool_call|>',
        "",
        [("note", {"<|tool_call|>": 1})],
    ),
    "markers in a long string": (
        f"<|tool_call|>{noted('<|tool_call|>' * 90)}<|/tool_call|>",
        "",
        [("note", {"text": "<|tool_call|>" * 90})],
    ),
    "a whole call of the function": (f"<function=add>{ADD}</function>", "", [CALLED]),
    "a whole call of the function, wrapped": (f"<function=add>{WRAPPED}</function>", "", [CALLED]),
    "a whole call of another": (
        f"<function=now>{ADD}</function>",
        "",
        [("now", {"name": "add", "arguments": {"x": 1}})],
    ),
    "a whole call of the name": (f"[TOOL_CALLS]add[ARGS]{ADD}", "", [CALLED]),
    "a JSON string": (STRINGED, "", [CALLED]),
    "a JSON string, twice": (
        json.dumps({"name": "add", "arguments": json.dumps(json.dumps({"x": 1}))}),
        "",
        [CALLED],
    ),
    "Python's quotes": ("<|tool_call|>[{'name': 'add', 'arguments': {'x': 1}}]<|/tool_call|>", "", [CALLED]),
    "Python's quotes, bare": ("{'name': 'add', 'arguments': {'x': 1}}", "", [CALLED]),
    "Python's quotes around brackets": (
        "<|tool_call|>[{'name': 'note', 'arguments': {'t': 'a \"]\"', 'u': True, 'v': None}}]<|/tool_call|>",
        "",
        [("note", {"t": 'a "]"', "u": True, "v": None})],
    ),
    "Python's quotes in a string": (
        json.dumps({"name": "add", "arguments": "{'x': 1}"}),
        "",
        [CALLED],
    ),
    "commas too many": (
        '<|tool_call|>[{"name": "add", "arguments": {"x": 1,},},]<|/tool_call|>',
        "",
        [CALLED],
    ),
    "a line break in a string": (
        '<|tool_call|>[{"name": "note", "arguments": {"t": "a\nb"}}]<|/tool_call|>',
        "",
        [("note", {"t": "a\nb"})],
    ),
}

BROKEN: dict[str, tuple[str, str]] = {
    "no function": ('[{"type": "function", "function": }]', ""),
    "no function, tight": ('[{"type":"function","function":}]', ""),
    "no function, marked": ('<|tool_call|>[{"type":"function","function":}]<|/tool_call|>', ""),
    "no function, behind words": ('I add. [{"type":"function","function":}] Done.', "I add.  Done."),
    "marked, no JSON": ("<|tool_call|>add(x=1)<|/tool_call|>", ""),
    "marked, cut off": ('<|tool_call|>[{"name": "add", "arguments": {"x": ', ""),
    "bare, cut off": ('{"name": "add", "arguments": {"x": ', ""),
    "bare, a quote too many": ('{"name": "add", "arguments": {"x": "a"b"}}', ""),
    "functools, cut off": ('functools[{"name": "add", "arg', ""),
    "a tag, cut off": ('<tool_call>\n{"name": "add", "arguments": {"x": 1}\n</tool_call>', ""),
    "a tag around Python": ("<tool_call>add(x=1)</tool_call> Done.", " Done."),
    "GLM's XML": ("<tool_call>add\n<arg_key>x</arg_key>\n<arg_value>1</arg_value>\n</tool_call>", ""),
    "Llama's Python": ("<|python_tag|>add.call(x=1)", ""),
    "a fence of no JSON in a marker": ("<|tool_call|>```python\nadd(x=1)\n```<|/tool_call|> Done.", " Done."),
    "a fence in a marker, cut off": ("<|tool_call|>```js", ""),
    "a fence of no JSON": ("```tool_call\nadd(x=1)\n```\nDone.", "\nDone."),
    "DeepSeek's, cut off": ('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"x": ', ""),
    "DeepSeek's Python": ("<｜tool▁call▁begin｜>add<｜tool▁sep｜>x=1<｜tool▁call▁end｜> Done.", " Done."),
    "invoked, cut off": ('<invoke name="add"><parameter name="x">1</param', ""),
    "invoked, words": (
        '<invoke name="add">one and <parameter name="x">1</parameter></invoke> Done.',
        " Done.",
    ),
    "a string without an end": ('<|tool_call|>[{"name": "add<|/tool_call|>', ""),
    "a string without an end, and words": (
        '<|tool_call|>[{"name": "note", "arguments": {"text": "a<|/tool_call|> He said "yes" twice.',
        ' He said "yes" twice.',
    ),
    "a string without an end, and no quote": (
        f'<|tool_call|>[{{"name": "note<|/tool_call|> {"So it is. " * 300}',
        f" {'So it is. ' * 300}",
    ),
    "calls, cut off": ('{"calls": [{"name": "add", "arguments": {"x": ', ""),
    "a response, cut off": ('So: {"response": {"name": "add", "arguments": {', "So: "),
    "OpenAI's, cut off": ('{"tool_calls": [{"id": "c1", "type": "function", "func', ""),
    "arguments in a list": ('{"name": "add", "arguments": [1]}', ""),
    "a number that is none": ('<|tool_call|>{"name": "add", "arguments": {"x": NaN}}<|/tool_call|>', ""),
    "a tool's description, marked": (
        '<|tool_call|>{"name": "add", "parameters": {"type": "object", "properties": {}}}<|/tool_call|>',
        "",
    ),
}

TEXTS = [
    '{"name": "Ada", "arguments": {"x": 1}}',
    '{"name": "add", "score": 3}',
    '[{"name": "add"}, {"name": "now"}]',
    '[{"name": "add", "description": "adds", "parameters": {"type": "object"}}]',
    '[{"name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}]',
    '{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {}}}',
    '{"type": "function", "function": "linear"}',
    '{"function": "sin", "x": 1}',
    '{"function": {"name": "sin", "period": 6.28}}',
    '{"role": "assistant", "content": "Hello", "tool_calls": []}',
    '{"id": 1, "name": "Ada", "age": 36}',
    '{"type": "object", "properties": {"name": {"type": "string"}}}',
    '{"tool": "hammer", "args": ["nail"]}',
    "Use `functools.partial` and functools[0], <tool_call> and [TOOL_CALLS], <function> and `add(x=1)`.",
    "[add(x=1), now()]",
    "Write <invoke> and <parameter>, or <invoke name=>; <｜tool▁calls▁begin｜> begins calls.",
    '{"calls": []}',
    '{"calls": [{"name": "Ada", "arguments": {}}]}',
    '{"calls": [{"name": "add", "score": 3}]}',
    '{"response": {"name": "add"}}',
    '{"response": "I add.", "next": [{"name": "add"}]}',
    f'{{"calls": [{ADD}], "score": 3}}',
    f'{{"result": {ADD}}}',
    '{"name": "functions.sub", "arguments": {}}',
    '{"name": "functions.", "arguments": {}}',
    "Use <tools>, <tool>, [TOOL_REQUEST] or &lt;|tool_call|&gt;, and </tools> or [END_TOOL_REQUEST] behind.",
    '<tools>{"name": "Ada"}</tools>',
    '<tools>[{"name": "add", "description": "adds", "parameters": {"type": "object"}}]</tools>',
    "<p>One</p> [TOOL] <|plugin|>{}",
    "Action: add\nAction Input: x",
    "```python\nadd(x=1)\n```",
    "  \n",
]


@pytest.mark.parametrize("form", CALLS)
def test_a_form_of_call_is_read(form: str) -> None:
    """What another model or a slip makes of a call is that call, and nothing of it stands in the text."""
    answer, text, calls = CALLS[form]

    assert read(answer) == Read(text, calls, [])


@pytest.mark.parametrize("form", BROKEN)
def test_a_form_of_broken_call_is_told(form: str) -> None:
    """What is a call and says not which is a broken one: with its text, which is not the answer's."""
    answer, text = BROKEN[form]

    found = read(answer)

    assert (found.text, found.calls, len(found.broken)) == (text, [], 1)


@pytest.mark.parametrize("answer", TEXTS)
def test_what_only_looks_like_a_call_is_text(answer: str) -> None:
    """JSON that is an answer, and words about calls, stay as they are."""
    assert read(answer) == Read(answer, [], [])


@pytest.mark.parametrize("answer", [answer for answer, *_ in [*CALLS.values(), *BROKEN.values()]])
def test_no_form_is_a_call_without_tools(answer: str) -> None:
    """Where nobody offered a tool, words are words."""
    assert read(answer, tools=()) == Read(answer, [], [])


@pytest.mark.parametrize("answer", [*(answer for answer, *_ in [*CALLS.values(), *BROKEN.values()]), *TEXTS])
def test_a_form_may_be_cut_anywhere(answer: str) -> None:
    """At each place, at each second one, and at all: what comes out is the same."""
    whole = read(answer)

    assert all(read(answer, [cut]) == whole for cut in range(1, len(answer)))
    assert read(answer, range(1, len(answer))) == whole
    assert read(answer, range(2, len(answer), 2)) == whole


@pytest.mark.parametrize("answer", [answer for answer, *_ in CALLS.values() if '{"arguments"' not in answer])
def test_a_form_that_ends_anywhere_shows_no_markup(answer: str) -> None:
    """An answer that was cut off shows at most what came before its call."""
    for end in range(1, len(answer)):
        text = read(answer[:end]).text
        assert not any(
            mark in text for mark in ("<|tool_call|>", "<|/tool_call|>", "functools[{", '"arguments":')
        )


def test_a_beginning_at_the_end_hides_no_call() -> None:
    """What may have become an opening, had more arrived, is searched for one that is whole."""
    answer = f'{{"role": "assistant", "content": "Hello<|tool_call|>[{ADD}]<|/tool_call|>'

    assert read(answer) == Read('{"role": "assistant", "content": "Hello', [CALLED], [])
    assert read(answer, range(1, len(answer))) == read(answer)


def test_what_stands_behind_decides_nothing() -> None:
    """Broken JSON is text or a broken call by what it says itself."""
    answer = f"{{'name': 'add', <|tool_call|>[{ADD}]<|/tool_call|>"

    assert read(answer) == Read("{'name': 'add', ", [CALLED], [])
    assert read(answer, [20]) == read(answer)


forms = st.sampled_from([answer for answer, *_ in [*CALLS.values(), *BROKEN.values()]] + TEXTS)
glue = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\n\n",
        ", ",
        "Now: ",
        "```\n",
        "`",
        "<|/tool_call|>",
        "</tool_call>",
        "]",
        "}",
        "<tools>",
        "</tools>",
        "[TOOL_CALL]",
        "[/TOOL_CALL]",
        "&lt;",
        "<p>",
        "</",
        "json",
        "\ufeff",
    ]
)


@given(st.lists(st.tuples(forms, glue), min_size=1, max_size=4), st.lists(st.integers(1, 800), max_size=8))
def test_forms_after_each_other_may_be_cut_anywhere(parts: list[tuple[str, str]], cuts: list[int]) -> None:
    """Whatever follows what, streamed and whole are the same."""
    answer = "".join(form + after for form, after in parts)

    assert read(answer, sorted(cut for cut in {*cuts} if cut < len(answer))) == read(answer)
    assert read(answer, range(1, len(answer))) == read(answer)


@pytest.mark.parametrize(
    "arguments", ['""', "null", '"{}"', '"null"', '"  "', '"\\n"', "{}", '"\\"{}\\""', '"\\"\\""']
)
@pytest.mark.parametrize(
    "form",
    [
        '<|tool_call|>[{"name": "now", "arguments": %s}]<|/tool_call|>',
        '{"name": "now", "arguments": %s}',
        '{"type": "function", "function": {"name": "now", "arguments": %s}}',
        'functools[{"name": "now", "parameters": %s}]',
    ],
)
def test_no_arguments_are_an_empty_object(form: str, arguments: str) -> None:
    """However a model leaves them out (langchain 27602, vllm 19419, llama_index 22821)."""
    assert read(form % arguments) == Read("", [THEN], [])
