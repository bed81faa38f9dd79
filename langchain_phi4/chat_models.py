"""ChatPhi4: the methods by which core calls a model. Knows turns and events; no message's form and no wire.

Settings are in `_config`. Requests are translated in `_messages`, `_tools` and `_options`, answers in
`_output` and `_structured`, and `_callbacks` passes events to handlers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import PrivateAttr

from langchain_phi4._callbacks import EventSink, PublicCall, config_of_run
from langchain_phi4._config import ConfiguredChatModel
from langchain_phi4._errors import as_langchain_errors
from langchain_phi4._messages import to_turns
from langchain_phi4._options import Call, to_options
from langchain_phi4._output import ReplyCollector, to_chunk
from langchain_phi4._structured import Schema, structured
from langchain_phi4._tokens import count, to_ids
from langchain_phi4._tools import ToolLike, to_choice, to_openai_tool, to_specs
from phi4_space.interop import calling_line, errors_at, on_asyncio


@on_asyncio("astream_events")
class ChatPhi4(ConfiguredChatModel):
    """Phi-4-multimodal on a Hugging Face Space: text, images and audio in, text and tool calls out.

    ```python
    from langchain_phi4 import ChatPhi4

    model = ChatPhi4(space="microsoft/phi-4-multimodal")
    for chunk in model.stream("What is a haiku?"):
        print(chunk.text, end="", flush=True)
    ```

    It opens nothing before the first call, and may be used from several loops, threads and processes.
    While it waits for an answer, callbacks and `astream_events` get custom events: `phi4_waking`,
    `phi4_queued`, `phi4_started`, `phi4_progress`, `phi4_notice`, `phi4_rewritten`.

    Attributes:
        space: "owner/name" on the Hub or the URL of a running Space; `PHI4_SPACE` or else the public Space
            when left out.
        token: A Hugging Face token; `HF_TOKEN` when left out, and then sent to the Hub's own hosts only;
            False for none.
        client: A `phi4_space.SpaceClient` of your own, which brings its own Space, token, timeouts and the
            like, and which is never closed here.
        model: "phi-4-multimodal", or its alias "phi-4".
        temperature: How random the answer is. Spaces of one's own take this option and the five after it, and
            others those that they have an input for; each other one warns once, and is ignored.
        max_tokens: How long the answer may be.
        top_p: How much of the probability tokens are chosen from.
        top_k: How many of the likeliest tokens they are chosen from.
        seed: The seed for sampling.
        repetition_penalty: Above 1 it makes tokens less likely that were there before.
        timeout: Seconds that a whole turn may take, or `phi4_space.Timeouts` for each step.
        max_retries: How often a turn is tried again before its first text.
        stop: The string or strings before which the answer ends; those of a call replace them.
        streaming: True makes `invoke` stream to callbacks, False makes `stream` wait for the whole answer.
        max_files: How many images and audio files a call may carry; when left out, as many as the page of
            the Space takes.
        prompt_style: How several messages become one prompt: "transcript" for Spaces that were made for
            people, "template" (Phi-4's own tokens) for Spaces known to pass text through.
        strict: Whether options that the Space cannot honour are errors.
        endpoint: Which contract to ask by, where the Space has several: the api_name of one of its functions,
            such as "process_message"; the best when left out.

    Raises:
        ValidationError: An argument makes no sense or does not exist. None is ignored, since it may be
            another model's name for the server to ask; some of those are understood
            (`phi4_space.interop.ALIASES`).
    """

    _public_call: PublicCall | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "phi4"

    # --- public methods ---------------------------------------------------------------------------------

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Asks and waits for the whole answer."""
        model, config = self._for_run(config)
        return super(ChatPhi4, model).invoke(input, config, stop=stop, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """`invoke` for asynchronous callers."""
        model, config = self._for_run(config)
        return await super(ChatPhi4, model).ainvoke(input, config, stop=stop, **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Asks and yields the answer as it grows; leaving early cancels the job on the Space."""
        model, config = self._for_run(config)
        for message in super(ChatPhi4, model).stream(input, config, stop=stop, **kwargs):
            yield to_chunk(message)

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream` for asynchronous callers."""
        model, config = self._for_run(config)
        messages = super(ChatPhi4, model).astream(input, config, stop=stop, **kwargs)
        try:
            async with aclosing(cast("AsyncGenerator[AIMessageChunk, None]", messages)):
                async for message in messages:
                    yield to_chunk(message)
        finally:
            # Core leaves the generator that it reads from to the garbage collector.
            for chunks in cast("PublicCall", model._public_call).opened:  # noqa: SLF001 - a copy for this call
                await chunks.aclose()

    def _for_run(self, config: RunnableConfig | None) -> tuple[Self, RunnableConfig]:
        """A copy of the model for one run, which knows of the call, and the run's config."""
        config = config_of_run(config)
        model = self._copy_for_call()
        model._public_call = PublicCall(config, calling_line())  # noqa: SLF001 - a copy for this call
        return model, config

    # --- what core calls --------------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Asks and waits for the whole answer."""
        with as_langchain_errors():
            call = self._call(messages, stop, run_manager, kwargs)
            for _ in call.ask(self._client()):
                pass
            return call.collector.result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """`_generate` for asynchronous callers."""
        with as_langchain_errors():
            call = self._call(messages, stop, run_manager, kwargs)
            async with aclosing(call.aask(self._client())) as events:
                async for _ in events:
                    pass
            return call.collector.result()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Asks and yields the answer as it grows; leaving early cancels the job on the Space."""
        with as_langchain_errors():
            call = self._call(messages, stop, run_manager, kwargs)
            chunks = call.chunks()
            with closing(call.ask(self._client())) as events:
                for event in events:
                    for chunk in chunks.add(event):
                        if run_manager is not None:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """`_stream` for asynchronous callers."""
        chunks = self._achunks(messages, stop, run_manager, kwargs)
        if (public_call := self._public_call) is not None:
            public_call.opened.append(chunks)
        return chunks

    async def _achunks(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | None,
        kwargs: Mapping[str, Any],
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        with as_langchain_errors():
            call = self._call(messages, stop, run_manager, kwargs)
            chunks = call.chunks()
            async with aclosing(call.aask(self._client())) as events:
                async for event in events:
                    for chunk in chunks.add(event):
                        if run_manager is not None:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run: BaseRunManager | None,
        kwargs: Mapping[str, Any],
    ) -> Call:
        public_call, sink = self._public_call, None
        if run is not None:
            sink = EventSink.of_run(run)
        elif public_call is not None:
            sink = EventSink.of_config(public_call.config, self)
        return Call(
            turns=to_turns(messages),
            options=to_options(
                kwargs,
                stop=stop,
                defaults={**self._sampling_defaults(), "stop": self.stop},
                model=self.model,
            ),
            collector=ReplyCollector(one_call=kwargs.get("parallel_tool_calls") is False),
            sink=sink,
            caller=None if public_call is None else public_call.caller,
        )

    # --- tools and structure ----------------------------------------------------------------------------

    @as_langchain_errors()
    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: object = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offers tools to the model.

        Args:
            tools: Functions, pydantic classes, TypedDicts, JSON schemas, `BaseTool`s, or the dicts of OpenAI
                and Anthropic.
            tool_choice: "auto" or None lets the model choose, "none" forbids calls; "any", "required" or
                True asks for a call, a tool's name or OpenAI's dict for that one's. A call that is asked for
                comes, or `phi4_space.ToolChoiceNotMet` is raised.
            strict: Accepted for agents' sake; the model gets the whole schema either way.
            parallel_tool_calls: False keeps the first call of an answer only.
            response_format: What an answer without a call is to be, in OpenAI's forms or as a schema.
            **kwargs: Further arguments of each call.

        Raises:
            InvalidOption: A tool or the choice makes no sense.
        """
        specs = to_specs(tools)
        options = {
            "tools": [to_openai_tool(spec) for spec in specs],
            "tool_choice": to_choice(tool_choice, specs) if tool_choice is not None else None,
            "strict": strict,
            "parallel_tool_calls": parallel_tool_calls,
            "response_format": response_format,
        }
        bound = {name: value for name, value in options.items() if value is not None}
        return self.bind(**bound, **kwargs)

    @as_langchain_errors()
    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        strict: bool | None = None,
        tools: Sequence[ToolLike] = (),
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A model whose answers are objects.

        An answer that does not fit is asked for once more, with what is wrong; then an exception is raised.
        `stream` yields the object once it was checked.

        Args:
            schema: A pydantic class, whose objects come out; or a TypedDict class, JSON schema or function's
                dict, for which dicts do. May be left out with "json_mode".
            include_raw: Whether to return a dict of "raw" (the message), "parsed" and "parsing_error", which
                then holds what would be raised.
            method: "json_schema" gives the model the schema and checks the answer; "function_calling" makes
                it call a tool of that schema; "json_mode" asks for JSON, whose fields your prompt describes.
            strict: Whether an object may have no other fields than the schema's.
            tools: Tools that may be called in place of an answer; "parsed" is then None. Not with
                "function_calling", and only with `include_raw`.
            **kwargs: Further arguments of each call.

        Raises:
            InvalidOption: The arguments do not go together, or the schema is not one.
        """
        return structured(
            self, schema, include_raw=include_raw, method=method, strict=strict, tools=tools, options=kwargs
        )

    # --- tokens -----------------------------------------------------------------------------------------

    def get_token_ids(self, text: str) -> list[int]:
        """Stand-ins for the ids of a text's tokens, as many as it comes to by estimate.

        No tokenizer is loaded. With `custom_get_token_ids` the ids are that function's.
        """
        return to_ids(text) if self.custom_get_token_ids is None else self.custom_get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text comes to, by estimate."""
        return len(self.get_token_ids(text))

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """How many tokens messages come to, by estimate; each of the media has a flat price.

        Args:
            messages: The messages.
            tools: Tools that are offered along with them.

        Raises:
            InvalidInput: They could not be sent.
        """
        turns, specs = to_turns(messages), to_specs(tools or ())
        with errors_at("The calls or tools"):
            return count(turns, specs, to_ids=self.get_token_ids)
