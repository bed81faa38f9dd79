"""Prediction from a prompt, as core's engines ask for it; what is refused is refused aloud. Knows no Space.

Core's response synthesizers take a ValueError for an answer that could not be parsed: they log it and say
"Empty Response". Input that the client refuses is a ValueError too, and would be refused unheard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import BasePromptTemplate

from phi4_space import InvalidInput, Phi4Error


class PromptRefused(Phi4Error):
    """What an engine of core's asks cannot be sent, for its prompt or its options; nothing was sent.

    It says what the client's own error says, which is its `__cause__`: `TooManyFiles`, `InvalidOption` and so
    on. Unlike that one it is no ValueError, so that core's engines let it through.
    """


class Prediction(FunctionCallingLLM):
    """An LLM whose predictions fail aloud."""

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The answer to a prompt.

        Raises:
            PromptRefused: What it holds cannot be sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with aloud():
            return super().predict(prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """`predict`, asynchronously."""
        with aloud():
            return await super().apredict(prompt, **prompt_args)


@contextmanager
def aloud() -> Iterator[None]:
    """Refuses in a way that core's engines let through, what the client refuses in its body.

    Raises:
        PromptRefused: The client refused its input.
    """
    try:
        yield
    except InvalidInput as refused:
        told = PromptRefused(refused.what, advice=refused.advice)
        if refused.step and refused.space:
            told.locate(step=refused.step, space=refused.space)
        raise told from refused
