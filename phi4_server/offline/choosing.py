"""Choosing: which tool a text wants, by term weights. Knows tools and words, no prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi4_server.offline import effort, lexicon, words
from phi4_server.offline.tools import Tool

_NAMED = 5.0
_NAME, _DESCRIPTION, _PARAMETER = 3.0, 1.0, 0.5
_ENOUGH = 2.0
_TIMES = re.compile(r"(?<=[\d)])\s+times\s+(?=[\d(])")


class Choice:
    """Tools to choose from."""

    def __init__(self, offered: Sequence[Tool]) -> None:
        """Weighs the terms of the tools."""
        self._known = [_Known.of(tool) for tool in offered]

    def fits(self, text: str) -> list[tuple[float, Tool]]:
        """How well each tool fits a text, in the order of the tools; 0 where it speaks of something else."""
        effort.spend(5 * len(self._known))
        text = _TIMES.sub(" * ", text)
        said, implied = frozenset(words.terms(text)), _implied(text)
        spoken = _spoken(text)
        return [
            (known.fit(said, implied) + _NAMED * (known.spoken in spoken), known.tool)
            for known in self._known
        ]

    def wanted(self, text: str) -> list[Tool]:
        """The tools that a text wants, the one that fits best first."""
        fitting = [(fit, tool) for fit, tool in self.fits(text) if fit]
        return [tool for _, tool in sorted(fitting, key=lambda item: -item[0])]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a tool.

    Attributes:
        tool: The tool.
        weights: What each of its terms weighs.
        called: The stems of its name.
        spoken: Its name in words.
    """

    tool: Tool
    weights: Mapping[str, float]
    called: frozenset[str]
    spoken: str

    @classmethod
    def of(cls, tool: Tool) -> _Known:
        """A tool, weighed."""
        return cls(tool, _weights(tool), named(tool), _spoken(tool.name))

    def fit(self, said: frozenset[str], implied: frozenset[str]) -> float:
        """What its terms in a text weigh; a little more, the more of its name is said. 0 for too few.

        What a sum implies counts as much as the tool's name: it can be meant for nothing else.
        """
        terms = self.weights.keys() & (said | implied)
        fit = sum(_NAME if term in implied else self.weights[term] for term in terms)
        heard = len(self.called & (said | implied))
        return fit + heard / (len(self.called) or 1) if fit >= _ENOUGH else 0.0


def _spoken(name: str) -> str:
    return f" {' '.join(words.tokens(words.spelled(name)))} "


def named(tool: Tool) -> frozenset[str]:
    """The stems of a tool's name that say what it is for; "get" and the like do not, if there are others."""
    spelled = [word for word in words.tokens(words.spelled(tool.name)) if word not in lexicon.STOP_WORDS]
    telling = [word for word in spelled if word not in lexicon.COMMANDS] or spelled
    return frozenset(map(words.stem, telling))


def _weights(tool: Tool) -> Mapping[str, float]:
    described = set(words.terms(tool.description)) - {words.stem(word) for word in lexicon.COMMANDS}
    weights = dict.fromkeys(words.terms(" ".join(_parameters(tool.parameters))), _PARAMETER)
    weights |= dict.fromkeys(described, _DESCRIPTION)
    return weights | dict.fromkeys(named(tool), _NAME)


def _parameters(schema: Mapping[str, Any]) -> Iterator[str]:
    properties = schema.get("properties")
    for name, spec in properties.items() if isinstance(properties, dict) else ():
        yield words.spelled(str(name))
        if isinstance(spec, dict):
            yield str(spec.get("description") or "")
            chosen = spec.get("enum")
            yield " ".join(map(str, chosen)) if isinstance(chosen, list) else ""


def _implied(text: str) -> frozenset[str]:
    """What a sum in the text is called otherwise: "3 + 4" adds."""
    return frozenset(
        stem
        for said, named in lexicon.ARITHMETIC
        if said.search(text)
        for stem in map(words.stem, named.split())
    )
