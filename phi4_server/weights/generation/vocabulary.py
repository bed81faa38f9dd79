"""The tokenizer, asked so that words stay words. Knows no template."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from phi4_server.chat_completion.surrogates import encodable


class Vocabulary:
    """A tokenizer's tokens. Safe to use from several threads."""

    def __init__(self, tokenizer: Any) -> None:
        """Reads which control tokens there are.

        Args:
            tokenizer: A `tokenizers.Tokenizer`.
        """
        self._tokenizer = tokenizer
        controls = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        # The longest first: of two that begin alike, the tokenizer takes the longer.
        listed = "|".join(map(re.escape, sorted(controls, key=len, reverse=True)))
        # Behind the first character of each control token, wherever it stands in a text.
        self._inside = re.compile(rf"(?<=(?=(?:{listed})).)" if controls else r"(?!)", re.DOTALL)

    def control(self, text: str) -> list[int]:
        """A control token's id; the ids of its characters where the tokenizer has no such token."""
        found = self._tokenizer.token_to_id(text)
        return self.words(text) if found is None else [found]

    def words(self, text: str, *, most: int = sys.maxsize) -> list[int]:
        """The ids of a text, none of which is a control token's, whatever it holds.

        Args:
            text: The text.
            most: How many ids are of use: once there are more, the rest of the text is left out.
        """
        ids: list[int] = []
        for part in self._broken(encodable(text)):
            ids += self._tokenizer.encode(part, add_special_tokens=False).ids
            if len(ids) > most:
                break
        return ids

    def _broken(self, text: str) -> Iterator[str]:
        """The text, cut within everything that the tokenizer would take for a control token."""
        return filter(None, self._inside.split(text))
