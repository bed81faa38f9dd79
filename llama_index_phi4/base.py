"""Phi4, the LLM: its endpoints and its tools. Knows LlamaIndex's base class; the rest is in its rooms.

Thin on purpose: what it is told stands in `_fields`, what a call asks is put together in `_questions` and
`_messages`, what comes back is read in `_responses`, and the way to the Space and back is the client's.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    MessageRole,
)
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool

from llama_index_phi4._endpoints import chat_endpoint, completion_endpoint
from llama_index_phi4._fields import Configured
from llama_index_phi4._local_files import LocalFiles
from llama_index_phi4._messages import to_turns
from llama_index_phi4._questions import Question, to_chat, to_completion
from llama_index_phi4._responses import to_completion_response, whole
from llama_index_phi4._tools import to_choice, to_selections, to_specs
from llama_index_phi4._unfolding import aunfold, unfold


class Phi4(Configured):
    """Microsoft's Phi-4-multimodal on a Hugging Face Space: text, images and audio in, text out.

    It remembers how to reach the Space and opens nothing before the first call. One instance serves any
    number of calls at a time, from several loops, threads and processes.

    Args:
        space: "owner/name" on the Hub or the URL of a running Space; `PHI4_SPACE` or else the public Space
            when left out.
        token: A Hugging Face token; `HF_TOKEN` when left out; `False` for none. It is in no dump, pickle,
            trace or error.
        client: A `SpaceClient` of your own, in the place of what describes one here. It is never closed by
            this class.
        model: "phi-4-multimodal", or its alias "phi-4".
        timeout: Seconds for a whole turn, or a `Timeouts`; the client's own when left out: 20 minutes.
        max_retries: How often a turn is tried again before its first text.
        max_files: How many pictures and recordings the Space takes in a turn; more are refused before
            anything is sent.
        local_files: Which paths in blocks and nodes are read: those in a folder, all (True), or none (False),
            as a path may stand in data that came from anywhere. It is in no dump.
        prompt_style: How several turns become one prompt: "transcript" or "template".
        strict: Whether an option that the Space cannot honour is an error instead of a warning.
        context_window: Tokens that prompt and answer may have together; by it core packs prompts.
        num_output: Tokens of it that core keeps free for the answer. It is not sent.
        stop: Strings before which an answer ends.
        temperature: As for other models; Spaces of this kind do not take it, and a warning says so, once.
        max_tokens: See `temperature`.
        additional_kwargs: What goes with each call besides, such as `top_p`; a call's own come first.
        is_function_calling_model: Whether tools are called natively; otherwise core prompts for them (ReAct).

    Raises:
        ValidationError: An argument does not exist or makes no sense; the text names the nearest that does.
    """

    @classmethod
    def class_name(cls) -> str:
        """The name in dumps, caches and traces; core looks for "multi" in it."""
        return "phi4_multimodal_llm"

    @chat_endpoint
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Asks, and waits for the whole answer; works inside a running loop, too.

        Args:
            messages: What was said, oldest first, with blocks of any kind that Phi-4 takes.
            **kwargs: tools, tool_choice, tool_required, allow_parallel_tool_calls; response_format; stop;
                temperature and the like, which this kind of Space does not take.

        Raises:
            InvalidInput: What was handed in cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        return self._reply(self._to_chat(messages, kwargs))

    @chat_endpoint
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """`chat`, as it arrives; closing the generator takes the job back on the Space."""
        return unfold(self._to_client(), self._to_chat(messages, kwargs), to=_same)

    @chat_endpoint
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, asynchronously."""
        return await self._areply(await asyncio.to_thread(self._to_chat, messages, kwargs))

    @chat_endpoint
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """`stream_chat`, asynchronously; awaiting it gives the generator."""
        question = await asyncio.to_thread(self._to_chat, messages, kwargs)
        return aunfold(self._to_client(), question, to=_same)

    @completion_endpoint
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002 - core's signature
        """Asks with one turn of the user, and waits for the whole answer.

        Args:
            prompt: The words.
            formatted: Whether the prompt is sent as it is: not through `completion_to_prompt`, and with the
                control tokens that it holds.
            **kwargs: image_documents or images, that go with it; response_format; stop; and as `chat`.

        Raises:
            InvalidInput: What was handed in cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        question = self._to_completion(prompt, kwargs, formatted=formatted)
        return to_completion_response(self._reply(question))

    @completion_endpoint
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: FBT001, FBT002 - core's signature
        """`complete`, as it arrives; closing the generator takes the job back on the Space."""
        question = self._to_completion(prompt, kwargs, formatted=formatted)
        return unfold(self._to_client(), question, to=to_completion_response)

    @completion_endpoint
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002 - core's signature
        """`complete`, asynchronously."""
        question = await asyncio.to_thread(self._to_completion, prompt, kwargs, formatted=formatted)
        return to_completion_response(await self._areply(question))

    @completion_endpoint
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """`stream_complete`, asynchronously; awaiting it gives the generator."""
        question = await asyncio.to_thread(self._to_completion, prompt, kwargs, formatted=formatted)
        return aunfold(self._to_client(), question, to=to_completion_response)

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002, FBT001, FBT002 - core's signature
        allow_parallel_tool_calls: bool = False,  # noqa: FBT001, FBT002 - core's signature
        tool_required: bool = False,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of `chat` for a question with tools; what was handed in stays as it is."""
        specs = to_specs(tools)
        if isinstance(user_msg, str):
            user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
        return {
            **kwargs,
            "messages": [*(chat_history or ()), *([] if user_msg is None else [user_msg])],
            # As OpenAI writes them, so that traces can.
            "tools": [{"type": "function", "function": dataclasses.asdict(spec)} for spec in specs],
            "tool_choice": to_choice(kwargs.get("tool_choice"), specs, required=tool_required),
            "allow_parallel_tool_calls": allow_parallel_tool_calls,
        }

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,  # noqa: ARG002 - core's signature
    ) -> list[ToolSelection]:
        """The calls that an answer asks for.

        Raises:
            ValueError: There are none, and there have to be.
        """
        selections = to_selections(response.message.blocks)
        if error_on_no_tool_call and not selections:
            raise ValueError(f"The model called no tool, and said {response.message.content!r}")
        return selections

    def _to_chat(self, messages: Sequence[ChatMessage], told: Mapping[str, Any]) -> Question:
        turns = to_turns(messages, files=LocalFiles(self.local_files))
        return to_chat(turns, {**self._usual(), **told})

    def _to_completion(self, prompt: str, told: Mapping[str, Any], *, formatted: bool) -> Question:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        told, files = {**self._usual(), **told}, LocalFiles(self.local_files)
        return to_completion(prompt, told, formatted=formatted, files=files)

    def _reply(self, question: Question) -> ChatResponse:
        [*_, last] = unfold(self._to_client(), question, to=_same)
        return whole(last)

    async def _areply(self, question: Question) -> ChatResponse:
        async with aclosing(aunfold(self._to_client(), question, to=_same)) as responses:
            [*_, last] = [response async for response in responses]
        return whole(last)


def _same(response: ChatResponse) -> ChatResponse:
    return response
