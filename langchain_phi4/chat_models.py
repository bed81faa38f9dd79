"""ChatPhi4: the four doors, as core knocks at them. Knows turns and events; no message's form and no wire.

What is set is kept in `_configuration`; what is said is translated in `_messages`, `_tools` and `_options`;
what is answered in `_answers`, `_chunks` and `_structured`.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from langchain_phi4._answers import Heard
from langchain_phi4._chunks import Chunking
from langchain_phi4._configuration import ConfiguredChatModel
from langchain_phi4._errors import core_kinds
from langchain_phi4._hearing import Audience
from langchain_phi4._messages import to_turns
from langchain_phi4._options import to_options
from langchain_phi4._refusals import telling
from langchain_phi4._structured import Schema, structured
from langchain_phi4._tokens import count, to_ids
from langchain_phi4._tools import ToolLike, to_choice, to_specs
from phi4_space import Event, Options, ToolSpec, Turn


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, ready to be asked.

    Attributes:
        turns: What is said.
        options: What the client is told besides.
        heard: What is heard of the answer.
        audience: Who is told what happens meanwhile.
    """

    turns: Sequence[Turn]
    options: Options
    heard: Heard
    audience: Audience | None


class ChatPhi4(ConfiguredChatModel):
    """Phi-4-multimodal on a Hugging Face Space: text, images and audio in, text and tool calls out.

    ```python
    from langchain_phi4 import ChatPhi4

    model = ChatPhi4(space="microsoft/phi-4-multimodal")
    for chunk in model.stream("What is a haiku?"):
        print(chunk.text, end="", flush=True)
    ```

    It opens nothing before the first call, and may be used from several loops, threads and processes. What
    happens while an answer is made reaches callbacks and `astream_events` as custom events: `phi4_waking`,
    `phi4_queued`, `phi4_started`, `phi4_progress`, `phi4_notice`, `phi4_rewritten`.

    Attributes:
        space: "owner/name" on the Hub or the URL of a running Space; `PHI4_SPACE` or else the public Space
            when left out.
        token: A Hugging Face token, also as `api_key`; `HF_TOKEN` when left out, and then sent to the Hub's
            own hosts only; False for none.
        client: A `phi4_space.SpaceClient` of your own, which brings its own Space, token, timeouts and the
            like, and which is never closed here.
        model: "phi-4-multimodal", or its alias "phi-4".
        temperature: How freely words are chosen. As the two after it, nothing that the public contract
            carries: it warns once, and is ignored.
        max_tokens: How long the answer may be.
        top_p: How many words are chosen from.
        timeout: Seconds that a whole turn may take, or `phi4_space.Timeouts` for each step.
        max_retries: How often a turn is tried again before its first text.
        stop: Strings before which the answer ends; those of a call go before these.
        streaming: True makes `invoke` stream to callbacks, False makes `stream` wait for the whole answer.
        max_files: How many images and recordings a call may carry; when left out, as many as the Space's page
            takes.
        prompt_style: How several messages become one prompt: "transcript" for Spaces that were made for
            people, "template" (Phi-4's own tokens) for Spaces known to pass text through.
        strict: Whether options that the Space cannot honour are errors.

    Raises:
        ValidationError: An argument makes no sense, or there is none of that name: none is ignored, since it
            may be another model's name for who is to read the text, such as `base_url`.
    """

    @property
    def _llm_type(self) -> str:
        return "phi4"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Asks and waits for the whole answer."""
        with core_kinds():
            call = self._call(messages, stop, run_manager, kwargs)
            for _ in self._ask(call):
                pass
            return call.heard.result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """`_generate` for asynchronous callers."""
        with core_kinds():
            call = self._call(messages, stop, run_manager, kwargs)
            async with aclosing(self._aask(call)) as events:
                async for _ in events:
                    pass
            return call.heard.result()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Asks and yields the answer as it grows; leaving early takes the job back on the Space."""
        with core_kinds():
            call = self._call(messages, stop, run_manager, kwargs)
            chunking = Chunking(call.heard, formatted="response_format" in call.options)
            with closing(self._ask(call)) as events:
                for event in events:
                    for chunk in chunking.take(event):
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
        if self._opened is not None:
            self._opened.append(chunks)
        return chunks

    async def _achunks(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | None,
        kwargs: Mapping[str, Any],
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        with core_kinds():
            call = self._call(messages, stop, run_manager, kwargs)
            chunking = Chunking(call.heard, formatted="response_format" in call.options)
            async with aclosing(self._aask(call)) as events:
                async for event in events:
                    for chunk in chunking.take(event):
                        if run_manager is not None:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run: BaseRunManager | None,
        kwargs: Mapping[str, Any],
    ) -> _Call:
        return _Call(
            turns=to_turns(messages),
            options=to_options(
                kwargs,
                stop=self.stop if stop is None else stop,
                sampling={name: getattr(self, name) for name in ("temperature", "max_tokens", "top_p")},
            ),
            heard=Heard(one_call=kwargs.get("parallel_tool_calls") is False),
            audience=self._audience_of(run),
        )

    def _ask(self, call: _Call) -> Generator[Event, None, None]:
        with closing(self._client().stream(call.turns, **call.options)) as events:
            for event in events:
                call.heard.take(event)
                if call.audience is not None:
                    call.audience.tell(event)
                yield event

    async def _aask(self, call: _Call) -> AsyncGenerator[Event, None]:
        async with aclosing(self._client().astream(call.turns, **call.options)) as events:
            async for event in events:
                call.heard.take(event)
                if call.audience is not None:
                    await call.audience.atell(event)
                yield event

    # --- tools and structure ----------------------------------------------------------------------------

    @core_kinds()
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
            strict: Accepted for agents' sake; the model is told the whole schema either way.
            parallel_tool_calls: False keeps the first call of an answer only.
            response_format: What an answer without a call is to be, in OpenAI's forms or as a schema.
            **kwargs: What else is to go along with each call.

        Raises:
            InvalidOption: A tool or the choice makes no sense.
        """
        specs = to_specs(tools)
        told = {
            "tools": [_as_openai_has_it(spec) for spec in specs],
            "tool_choice": to_choice(tool_choice, specs) if tool_choice is not None else None,
            "strict": strict,
            "parallel_tool_calls": parallel_tool_calls,
            "response_format": response_format,
        }
        given = {name: value for name, value in told.items() if value is not None}
        return self.bind(**given, **kwargs)

    @core_kinds()
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
        `stream` gives the object as it grows.

        Args:
            schema: A pydantic class, whose objects come out; or a TypedDict class, JSON schema or function's
                dict, for which dicts do. May be left out with "json_mode".
            include_raw: Whether to return a dict of "raw" (the message), "parsed" and "parsing_error", which
                then holds what would be raised.
            method: "json_schema" tells the model the schema and checks the answer; "function_calling" makes
                it call a tool of that schema; "json_mode" asks for JSON, whose fields the prompt explains.
            strict: Whether an object may have no other fields than the schema's.
            tools: Tools that may be called in place of an answer; "parsed" is then None. Not with
                "function_calling", and only with `include_raw`.
            **kwargs: What else is to go along with each call.

        Raises:
            InvalidOption: The arguments do not go together, or the schema is none.
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
        """How many tokens messages come to, by estimate: words are weighed, media have a flat price.

        Args:
            messages: The messages.
            tools: Tools that are offered with them.

        Raises:
            InvalidInput: They could not be sent.
        """
        turns, specs = to_turns(messages), to_specs(tools or ())
        with telling("The calls or tools"):
            return count(turns, specs, to_ids=self.get_token_ids)


def _as_openai_has_it(spec: ToolSpec) -> builtins.dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}
