"""Phi4, the LLM: the methods by which core calls it. Knows LlamaIndex's base class; no block and no wire.

Thin on purpose: fields are in `_config`, requests are put together in `_options` and `_messages`, answers
are read in `_output` and `_structured`, and the way to the Space and back is the client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Any, cast

from llama_index.core import instrumentation
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
from llama_index.core.llms.llm import ToolSelection, default_completion_to_prompt
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.tools import BaseTool
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import BaseModel

from llama_index_phi4._callbacks import chat_endpoint, completion_endpoint
from llama_index_phi4._calls import no_call
from llama_index_phi4._config import ConfiguredLLM
from llama_index_phi4._errors import raise_prompt_refused
from llama_index_phi4._media import LocalFiles
from llama_index_phi4._messages import has_words_alone, to_turns
from llama_index_phi4._options import IMAGES, Call, to_chat, to_completion
from llama_index_phi4._output import aask, areply, ask, reply, to_completion_response
from llama_index_phi4._structured import (
    Partial,
    apartial_objects,
    check_class,
    partial_objects,
    refusing,
    report_end,
    report_start,
    to_object,
    with_format,
)
from llama_index_phi4._tools import to_choice, to_openai_tool, to_selections, to_specs
from phi4_space.interop import on_asyncio

_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports


@on_asyncio()
class Phi4(ConfiguredLLM):
    """Microsoft's Phi-4-multimodal on a Hugging Face Space: text, images and audio in, text out.

    It remembers how to reach the Space and opens nothing before the first call. One instance serves any
    number of calls at a time, from several loops, threads and processes.

    Args:
        space: "owner/name" on the Hub or the URL of a running Space; `PHI4_SPACE` or else the public Space
            when left out.
        token: A Hugging Face token; `HF_TOKEN` when left out; `False` for none. It is in no dump, pickle,
            trace or error.
        client: A `SpaceClient` of your own, which replaces the arguments that describe one. This class never
            closes it.
        model: "phi-4-multimodal", or its alias "phi-4".
        timeout: Seconds for a whole turn, or a `Timeouts`; the client's own when left out: 20 minutes.
        max_retries: How often a turn is tried again before its first text.
        max_files: How many images and audio files the Space takes in a turn; more are refused before
            anything is sent.
        local_files: Which paths in blocks and nodes are read: those in a folder, all (True), or none (False),
            as a path may come from any data. It is in no dump.
        prompt_style: How several turns become one prompt: "transcript" or "template".
        strict: Whether an option that the Space cannot honour is an error instead of a warning.
        endpoint: Which contract to ask by, where the Space has several: the api_name of one of its functions,
            such as "process_message"; the best when left out.
        context_window: Tokens that prompt and answer may have together; by it core packs prompts.
        num_output: Tokens of it that core keeps free for the answer. It is not sent.
        stop: The string or strings before which an answer ends.
        temperature: As for other models. Spaces of one's own take it; on others it is ignored and warned of.
        max_tokens: See `temperature`.
        additional_kwargs: Further arguments of each call, such as `top_p`; a call's own override them.
        is_function_calling_model: Whether tools are called natively; otherwise core prompts for them (ReAct).

    Raises:
        ValidationError: An argument does not exist or makes no sense; the text has the nearest that does.
            Other models' names for these are understood (`phi4_space.interop.ALIASES`).
    """

    @classmethod
    def class_name(cls) -> str:
        """The name in dumps, caches and traces; core looks for "multi" in it."""
        return "phi4_multimodal_llm"

    @chat_endpoint
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Asks, and waits for the whole answer; works inside a running loop, too.

        Args:
            messages: The messages, oldest first, with blocks of any kind that Phi-4 takes.
            **kwargs: tools, tool_choice, tool_required, allow_parallel_tool_calls; response_format; stop;
                temperature and the like, where the Space takes them.

        Raises:
            InvalidInput: The input cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        return reply(self._to_client(), self._to_chat(messages, kwargs))

    @chat_endpoint
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """`chat`, as it arrives; closing the generator cancels the job on the Space."""
        return ask(self._to_client(), self._to_chat(messages, kwargs), to=_same)

    @chat_endpoint
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, asynchronously."""
        call = await self._ato_chat(messages, kwargs)
        return await areply(self._to_client(), call)

    @chat_endpoint
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """`stream_chat`, asynchronously; awaiting it returns the generator."""
        call = await self._ato_chat(messages, kwargs)
        return aask(self._to_client(), call, to=_same)

    @completion_endpoint
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002 - core's signature
        """Asks with one turn of the user, and waits for the whole answer.

        Args:
            prompt: The text.
            formatted: Whether the prompt is sent as it is: not through `completion_to_prompt`, and with the
                control tokens that it holds.
            **kwargs: image_documents or images, that go with it; response_format; stop; and as `chat`.

        Raises:
            InvalidInput: The input cannot be sent; nothing was sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        call = self._to_completion(prompt, kwargs, formatted=formatted)
        return to_completion_response(reply(self._to_client(), call))

    @completion_endpoint
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: FBT001, FBT002 - core's signature
        """`complete`, as it arrives; closing the generator cancels the job on the Space."""
        call = self._to_completion(prompt, kwargs, formatted=formatted)
        return ask(self._to_client(), call, to=to_completion_response)

    @completion_endpoint
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002 - core's signature
        """`complete`, asynchronously."""
        call = await self._ato_completion(prompt, kwargs, formatted=formatted)
        return to_completion_response(await areply(self._to_client(), call))

    @completion_endpoint
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """`stream_complete`, asynchronously; awaiting it returns the generator."""
        call = await self._ato_completion(prompt, kwargs, formatted=formatted)
        return aask(self._to_client(), call, to=to_completion_response)

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
        """The arguments of `chat` for a message with tools; the input is not changed."""
        specs = to_specs(tools)
        if isinstance(user_msg, str):
            user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
        return {
            **kwargs,
            "messages": [*(chat_history or ()), *([] if user_msg is None else [user_msg])],
            "tools": [to_openai_tool(spec) for spec in specs],
            "tool_choice": to_choice(kwargs.get("tool_choice"), specs, required=tool_required),
            "allow_parallel_tool_calls": allow_parallel_tool_calls,
        }

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,  # noqa: ARG002 - core's signature
    ) -> list[ToolSelection]:
        """The calls in an answer.

        Raises:
            ValueError: There are none, and there have to be.
        """
        selections = to_selections(response.message.blocks)
        if error_on_no_tool_call and not selections:
            raise ValueError(no_call(response.message))
        return selections

    # --- prediction -------------------------------------------------------------------------------------

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The answer to a prompt.

        Raises:
            PromptRefused: The prompt cannot be sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with raise_prompt_refused():
            return super().predict(prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """`predict`, asynchronously."""
        with raise_prompt_refused():
            return await super().apredict(prompt, **prompt_args)

    @_dispatcher.span
    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Asks for an object as JSON, checked by pydantic, and waits for it.

        Args:
            output_cls: The object's class.
            prompt: The prompt; its media go along.
            llm_kwargs: Arguments for the chat endpoint, such as `stop`.
            **prompt_args: The values of the prompt's variables.

        Raises:
            PromptRefused: The prompt cannot be sent.
            ResponseFormatNotMet: The model answered twice without one.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with raise_prompt_refused():
            check_class(output_cls)
            if self._uses_program:
                made = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
                return cast("Model", made)
            report_start(output_cls, prompt, prompt_args)
            messages = self._prompt_messages(prompt, prompt_args)
            response = self.chat(messages, **with_format(output_cls, llm_kwargs))
            return report_end(to_object(output_cls, response))

    @_dispatcher.span
    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """`structured_predict`, asynchronously."""
        with raise_prompt_refused():
            check_class(output_cls)
            if self._uses_program:
                made = await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
                return cast("Model", made)
            report_start(output_cls, prompt, prompt_args)
            messages = self._prompt_messages(prompt, prompt_args)
            response = await self.achat(messages, **with_format(output_cls, llm_kwargs))
            return report_end(to_object(output_cls, response))

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Partial[Model], None, None]:
        """What core's `stream_structured_predict` yields: the object as it grows, and whole at last."""
        with raise_prompt_refused():
            check_class(output_cls)
            if self._uses_program:
                yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
                return
            messages = self._prompt_messages(prompt, prompt_args)
            responses = self.stream_chat(messages, **with_format(output_cls, llm_kwargs))
            yield from partial_objects(output_cls, responses)

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Partial[Model], None]:
        """`_structured_stream_call`, asynchronously."""
        with raise_prompt_refused():
            check_class(output_cls)
            if self._uses_program:
                partials = await super()._structured_astream_call(
                    output_cls, prompt, llm_kwargs, **prompt_args
                )
                return refusing(partials)
            messages = self._prompt_messages(prompt, prompt_args)
            responses = await self.astream_chat(messages, **with_format(output_cls, llm_kwargs))
            return refusing(apartial_objects(output_cls, responses))

    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> StructuredLLM:
        """An LLM whose answers are objects.

        Args:
            output_cls: The objects' class.
            **kwargs: Further fields of the LLM.

        Raises:
            InvalidOption: It is no pydantic class.
        """
        check_class(output_cls)
        return super().as_structured_llm(output_cls, **kwargs)

    @property
    def _uses_program(self) -> bool:
        """Whether the user chose one of core's programs for structured prediction."""
        return self.pydantic_program_mode is not PydanticProgramMode.DEFAULT

    def _prompt_messages(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    # --- one call ---------------------------------------------------------------------------------------

    def _to_chat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Call:
        turns = to_turns(messages, files=LocalFiles(self.local_files))
        return to_chat(turns, self._with_defaults(kwargs))

    async def _ato_chat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Call:
        """`_to_chat`, in a thread where files may be read."""
        if has_words_alone(messages):
            return self._to_chat(messages, kwargs)
        return await asyncio.to_thread(self._to_chat, messages, kwargs)

    def _to_completion(self, prompt: str, kwargs: Mapping[str, Any], *, formatted: bool) -> Call:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        kwargs, files = self._with_defaults(kwargs), LocalFiles(self.local_files)
        return to_completion(prompt, kwargs, formatted=formatted, files=files)

    async def _ato_completion(self, prompt: str, kwargs: Mapping[str, Any], *, formatted: bool) -> Call:
        """`_to_completion`, in a thread where files may be read, or the user's own function called."""
        if kwargs.keys().isdisjoint(IMAGES) and self.completion_to_prompt is default_completion_to_prompt:
            return self._to_completion(prompt, kwargs, formatted=formatted)
        return await asyncio.to_thread(self._to_completion, prompt, kwargs, formatted=formatted)


def _same(response: ChatResponse) -> ChatResponse:
    return response
