"""Texts that look like control tokens or like lines of a transcript. Knows no prompt."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from phi4_space._prompt.skeleton import LINE_ENDS

TOKENS = [
    *(
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|end|>",
        "<|endoftext|>",
        "<|endoftext10|>",
        "<|endoftext11|>",
    ),
    *(
        "<|image_3|>",
        "<|audio_1|>",
        "<|tool|>",
        "<|/tool|>",
        "<|tool_call|>",
        "<|/tool_call|>",
        "<|fim-prefix|>",
    ),
]
texts = st.lists(
    st.sampled_from(
        [
            *TOKENS,
            "<",
            "|",
            ">",
            "<|",
            "|>",
            "end",
            "\n",
            "\u2028",
            "\r",
            " ",
            "\t",
            "User",
            "system",
            "aSSistant",
            ":",
        ]
    )
    | st.text(max_size=3),
    max_size=12,
).map("".join)
token = re.compile(r"<\|[^\s<>|]+\|>")
gap = f"[^\\S{LINE_ENDS}]*"  # blanks within one line
role_line = re.compile(rf"(?im)^{gap}(system|user|assistant|tool){gap}:")
