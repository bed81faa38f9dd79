"""Phi4, the LLM: its fields, its endpoints, its tools. Knows LlamaIndex's base class and the client's doors.

Thin on purpose: what a call asks is put together in `_questions` and `_messages`, what comes back is read in
`_responses`, and the way to the Space and back is the client's.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeVar

from llama_index.core import instrumentation
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.instrumentation.span import active_span_id
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool
from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
from pydantic.json_schema import SkipJsonSchema

from llama_index_phi4._endpoints import chat_endpoint, completion_endpoint
from llama_index_phi4._events import to_instrumentation
from llama_index_phi4._messages import to_turns
from llama_index_phi4._questions import Question, check, refuse_unknown, to_chat, to_completion
from llama_index_phi4._responses import Answer, to_completion_response, whole
from llama_index_phi4._structured import StructuredPrediction
from llama_index_phi4._tools import to_choice, to_selections, to_specs
from phi4_space import MODEL, Event, PromptStyle, SpaceClient, Timeouts

T = TypeVar("T")
_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports
_OF_THE_CLIENT = ("token", "model", "timeout", "max_retries", "max_files", "prompt_style", "strict")


def _kept_secret(token: T) -> T | SecretStr:
    return SecretStr(token) if isinstance(token, str) else token


class Phi4(StructuredPrediction):
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

    model_config = ConfigDict(hide_input_in_errors=True)  # an input may be a token

    space: str | None = Field(default=None, description="The Space: its name on the Hub, or its URL.")
    token: Annotated[str | SecretStr | Literal[False] | None, AfterValidator(_kept_secret)] = Field(
        default=None, description="A Hugging Face token.", exclude=True, repr=False
    )
    client: SkipJsonSchema[SpaceClient] | None = Field(
        default=None, description="A client of the user's own.", exclude=True, repr=False
    )
    model: str = Field(default=MODEL, description="The model's name.")
    timeout: float | Timeouts | None = Field(default=None, description="Seconds that a turn may take.")
    max_retries: int | None = Field(default=None, description="How often a turn is tried again.")
    max_files: int | None = Field(default=None, description="How many media the Space takes in a turn.")
    prompt_style: PromptStyle = Field(default="transcript", description="How turns become one prompt.")
    strict: bool = Field(default=False, description="Whether options of no effect are errors.")
    context_window: int = Field(default=131072, gt=0, description="Tokens of prompt and answer together.")
    num_output: int = Field(default=1024, gt=0, description="Tokens kept free for the answer.")
    stop: list[str] | None = Field(default=None, description="Strings before which an answer ends.")
    temperature: float | None = Field(default=None, description="Not honoured by this kind of Space.")
    max_tokens: int | None = Field(default=None, description="Not honoured by this kind of Space.")
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="What goes with each call besides."
    )
    is_function_calling_model: bool = Field(default=True, description="Whether tools are called natively.")

    _made: SpaceClient | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, told: Any) -> Any:
        if isinstance(told, Mapping):
            refuse_unknown(told, cls.model_fields, what=cls.__name__)
        return told

    @model_validator(mode="after")
    def _settle(self) -> Self:
        """Has the client and the metadata refuse now what they would refuse later, and names the Space."""
        check(self.additional_kwargs)
        self._refuse_both()
        told = self._to_client()
        self.space, self.model = told.space, told.model
        _ = self.metadata
        return self

    def _refuse_both(self) -> None:
        if self.client is None:
            return
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        told = [name for name in _OF_THE_CLIENT if getattr(self, name) != usual[name]]
        if told or self.space not in {None, self.client.space}:
            raise ValueError(
                f"The client brings its own {', '.join(told or ['space'])}: leave one of them out"
            )

    @classmethod
    def class_name(cls) -> str:
        """The name in dumps, caches and traces; core looks for "multi" in it."""
        return "phi4_multimodal_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """What core needs to know to pack prompts and to choose agents; nothing is asked for it.

        Raises:
            ValueError: The context window leaves no room for a prompt.
        """
        if self.num_output >= self.context_window:
            raise ValueError(
                f"num_output ({self.num_output}) must be less than context_window ({self.context_window})"
            )
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.num_output,
            is_chat_model=True,
            is_function_calling_model=self.is_function_calling_model,
            model_name=self.model,
        )

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
        return self._stream(self._to_chat(messages, kwargs), to=_same)

    @chat_endpoint
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, asynchronously."""
        return await self._areply(await asyncio.to_thread(self._to_chat, messages, kwargs))

    @chat_endpoint
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """`stream_chat`, asynchronously; awaiting it gives the generator."""
        return self._astream(await asyncio.to_thread(self._to_chat, messages, kwargs), to=_same)

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
        return self._stream(
            self._to_completion(prompt, kwargs, formatted=formatted), to=to_completion_response
        )

    @completion_endpoint
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: FBT001, FBT002 - core's signature
        """`complete`, asynchronously."""
        return to_completion_response(
            await self._areply(self._to_completion(prompt, kwargs, formatted=formatted))
        )

    @completion_endpoint
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: FBT001, FBT002 - core's signature
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """`stream_complete`, asynchronously; awaiting it gives the generator."""
        return self._astream(
            self._to_completion(prompt, kwargs, formatted=formatted), to=to_completion_response
        )

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

    def close(self) -> None:
        """Closes the connections of the client made here; the next call opens new ones."""
        if self._made is not None:
            self._made.close()

    async def aclose(self) -> None:
        """`close`, asynchronously."""
        if self._made is not None:
            await self._made.aclose()

    def __enter__(self) -> Self:
        """Nothing is opened; leaving closes what calls opened."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `close`."""
        self.close()

    async def __aenter__(self) -> Self:
        """Nothing is opened; leaving closes what calls opened."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `aclose`."""
        await self.aclose()

    def __getstate__(self) -> dict[str, Any]:
        """All but the token and the connections, since a pickle lies about in files and queues."""
        # Of a copy: core takes what cannot be pickled out of the object itself.
        bare = self.model_copy(update={"token": False if self.token is False else None})
        return {**super(Phi4, bare).__getstate__(), "__pydantic_private__": {"_made": None}}

    def _to_client(self) -> SpaceClient:
        """The client that the fields describe: the one of the last call, unless they were changed."""
        if self.client is not None:
            return self.client
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        told = {name: getattr(self, name) for name in _OF_THE_CLIENT if getattr(self, name) != usual[name]}
        if "timeout" in told:
            told["timeouts"] = told.pop("timeout")
        client = SpaceClient(self.space, **told)
        if self._made != client:
            self._made = client
        return self._made

    def _to_chat(self, messages: Sequence[ChatMessage], told: Mapping[str, Any]) -> Question:
        return to_chat(to_turns(messages), {**self._usual(), **told})

    def _to_completion(self, prompt: str, told: Mapping[str, Any], *, formatted: bool) -> Question:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        return to_completion(prompt, {**self._usual(), **told}, formatted=formatted)

    def _usual(self) -> dict[str, Any]:
        """What goes with each call, unless it says otherwise."""
        fields = {"stop": self.stop, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return {**fields, **self.additional_kwargs}

    def _reply(self, question: Question) -> ChatResponse:
        [*_, last] = self._stream(question, to=_same)
        return whole(last)

    async def _areply(self, question: Question) -> ChatResponse:
        async with aclosing(self._astream(question, to=_same)) as responses:
            [*_, last] = [response async for response in responses]
        return whole(last)

    def _stream(self, question: Question, *, to: Callable[[ChatResponse], T]) -> Generator[T, None, None]:
        client, tell = self._to_client(), self._teller()
        answer = Answer(client.url, parallel=question.parallel)
        return _unfold(client.stream(question.message, **question.options), answer, tell, to)

    def _astream(self, question: Question, *, to: Callable[[ChatResponse], T]) -> AsyncGenerator[T, None]:
        client, tell = self._to_client(), self._teller()
        answer = Answer(client.url, parallel=question.parallel)
        return _aunfold(client.astream(question.message, **question.options), answer, tell, to)

    def _teller(self) -> Callable[[Event], None]:
        """Tells core's handlers of queue, progress and notices, as part of the endpoint's span."""
        return partial(_tell, space=self._to_client().url, span_id=active_span_id.get())


def _tell(event: Event, *, space: str, span_id: str | None) -> None:
    told = to_instrumentation(event, space=space)
    if told is not None:
        told.span_id = span_id
        _dispatcher.event(told)


def _unfold(
    events: Generator[Event, None, None],
    answer: Answer,
    tell: Callable[[Event], None],
    to: Callable[[ChatResponse], T],
) -> Generator[T, None, None]:
    with closing(events):
        for event in events:
            tell(event)
            if (response := answer.read(event)) is not None:
                yield to(response)


async def _aunfold(
    events: AsyncGenerator[Event, None],
    answer: Answer,
    tell: Callable[[Event], None],
    to: Callable[[ChatResponse], T],
) -> AsyncGenerator[T, None]:
    async with aclosing(events):
        async for event in events:
            tell(event)
            if (response := answer.read(event)) is not None:
                yield to(response)


def _same(response: ChatResponse) -> ChatResponse:
    return response
