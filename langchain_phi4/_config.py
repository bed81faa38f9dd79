"""A ChatPhi4's settings, and its identity for caches and dumps. Knows core's ways to write it; no messages.

The client that is made from the settings opens nothing. It is shared by the copies that core makes, and left
behind by pickles.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from operator import itemgetter
from typing import Annotated, Any, Literal, Self, cast

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable, configurable
from langchain_core.runnables.utils import AnyConfigurableField
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from phi4_space import MODEL, InvalidOption, PromptStyle, SpaceClient, Timeouts, __version__
from phi4_space.interop import check_options, own_names, refuse_unknown, to_stop

_PROFILE = ModelProfile(
    name="Phi-4-multimodal-instruct",
    open_weights=True,
    max_input_tokens=131_072,
    text_inputs=True,
    image_inputs=True,
    image_url_inputs=True,
    audio_inputs=True,
    pdf_inputs=False,
    video_inputs=False,
    image_tool_message=True,
    pdf_tool_message=False,
    text_outputs=True,
    image_outputs=False,
    audio_outputs=False,
    video_outputs=False,
    reasoning_output=False,
    tool_calling=True,
    tool_choice=True,
    tool_call_streaming=True,
)

_SAMPLING = ("temperature", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty")
_OF_THE_CONTRACT = ("prompt_style", "endpoint", "extra_inputs", "prompt_prefix")
_OF_THE_CLIENT = ("space", "model", "timeout", "max_retries", "max_files", "strict", *_OF_THE_CONTRACT)


def _secret(token: str | SecretStr | Literal[False] | None) -> SecretStr | Literal[False] | None:
    return SecretStr(token) if isinstance(token, str) else token


_client_fields = itemgetter(*_OF_THE_CLIENT)


@cache
def _dumped_fields(model: type[BaseChatModel]) -> Callable[[Mapping[str, Any]], tuple[object, ...]]:
    """Picks the fields that a dump has, and the token, of which it says that there is one."""
    return itemgetter("token", *(name for name, field in model.model_fields.items() if not field.exclude))


@dataclass(slots=True)
class _Made:
    """What was made of a model's settings, each with those settings.

    Attributes:
        client: The client to ask: one of our own, or the user's, which fits the settings.
        dump: What core's callbacks and caches are given.
    """

    client: tuple[tuple[object, ...], SpaceClient] | None = None
    dump: tuple[str, builtins.dict[str, Any]] | None = None


class ConfiguredChatModel(BaseChatModel):
    """A chat model with a Space's settings, which are ChatPhi4's own."""

    space: str | None = None
    token: Annotated[str | SecretStr | Literal[False] | None, AfterValidator(_secret)] = Field(
        default=None, exclude=True, repr=False
    )
    client: SpaceClient | None = Field(default=None, exclude=True, repr=False)
    model: str = MODEL
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    repetition_penalty: float | None = None
    timeout: Timeouts | StrictFloat | None = None
    max_retries: StrictInt = 2
    stop: Annotated[list[str] | None, BeforeValidator(to_stop)] = None
    streaming: bool | None = None
    max_files: StrictInt | None = None
    prompt_style: PromptStyle = "transcript"
    strict: StrictBool = False
    endpoint: str | None = None
    extra_inputs: dict[str, Any] | None = None
    prompt_prefix: str = ""

    _made: _Made = PrivateAttr(default_factory=_Made)

    model_config = ConfigDict(hide_input_in_errors=True)  # the input may hold a token

    @field_validator(*_SAMPLING, "stop", mode="before")
    @classmethod
    def _check_option(cls, value: object, info: ValidationInfo) -> object:
        """Refuses now what calls would refuse, since pydantic would make a number of True and of "0.5"."""
        check_options({str(info.field_name): value})
        return value

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, data: Any) -> Any:
        """Reads other models' names for the fields, and refuses what is no field."""
        if isinstance(data, Mapping):
            data = own_names(data, cls.model_fields)
            refuse_unknown(data, cls.model_fields, what=cls.__name__)
        return data

    @model_validator(mode="after")
    def _resolve_space(self) -> Self:
        client = self._client()
        self.space, self.model = client.space, client.model
        self.prompt_style, self.endpoint = client.prompt_style, client.endpoint
        self.extra_inputs, self.prompt_prefix = {**client.extra_inputs} or None, client.prompt_prefix
        self._made.client = self._client_settings(), client  # these settings were intended from the start
        return self

    @model_validator(mode="after")
    def _set_phi4_space_version(self) -> Self:
        self._add_version("phi4-space", __version__)
        return self

    def _refuse_client_settings(self, client: SpaceClient) -> None:
        fields = type(self).model_fields
        of_client = {name: getattr(client, name) for name in ("space", "model", *_OF_THE_CONTRACT)}
        repeated = [
            name
            for name in (*of_client, "token", "timeout", "max_retries", "max_files")
            if getattr(self, name) not in (fields[name].default, of_client.get(name))
        ]
        if repeated:
            raise InvalidOption(
                f"A client brings its own {', '.join(repeated)}",
                advice="Give that to SpaceClient(...) instead.",
            )

    def _client(self) -> SpaceClient:
        """The client to ask: the user's, or one of our own that fits the current settings.

        Raises:
            InvalidInput: A setting makes no sense, or contradicts the user's client.
        """
        made, settings = self._made, self._client_settings()
        if made.client is None or made.client[0] != settings:
            made.client = settings, self._make_client()
        return made.client[1]

    def _client_settings(self) -> tuple[object, ...]:
        """What decides on the client; as text, since a dict may be changed in place."""
        return id(self.client), self.token, repr(_client_fields(vars(self)))

    def _make_client(self) -> SpaceClient:
        if self.client is not None:
            self._refuse_client_settings(self.client)
            return self.client
        settings = {name: getattr(self, name) for name in _OF_THE_CLIENT if name != "timeout"}
        timeouts = Timeouts() if self.timeout is None else self.timeout
        return SpaceClient(**settings, token=self.token, timeouts=timeouts)

    def _sampling_defaults(self) -> Mapping[str, object]:
        return {name: getattr(self, name) for name in _SAMPLING}

    def close(self) -> None:
        """Closes the connections, unless the client is the user's; the next call opens new ones."""
        if self.client is None and self._made.client is not None:
            self._made.client[1].close()

    async def aclose(self) -> None:
        """`close` for asynchronous callers."""
        if self.client is None and self._made.client is not None:
            await self._made.client[1].aclose()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other settings if you like.

        Raises:
            InvalidOption: One of them does not exist, which pydantic itself does not check.
        """
        refuse_unknown(update or {}, type(self).model_fields, what="A copy of ChatPhi4")
        return super().model_copy(update=update, deep=deep)

    def _copy_for_call(self) -> Self:
        """A copy for one call, which leaves to the model what it makes of the settings."""
        return super().__copy__()

    def __copy__(self) -> Self:
        """A copy; what it makes of its settings, which may be changed, is its own."""
        twin = self._copy_for_call()
        twin._made = replace(self._made)  # noqa: SLF001 - its own class
        return twin

    def configurable_fields(
        self, **kwargs: AnyConfigurableField
    ) -> RunnableSerializable[LanguageModelInput, AIMessage]:
        """A model whose fields a call's config can set; the calls share connections where they can."""
        super().configurable_fields(**kwargs)  # it refuses names that are not fields
        return RunnableConfigurableFields(default=self, fields=kwargs)

    # --- identity --------------------------------------------------------------------------------------

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        of_space = ("space", "model", *_OF_THE_CONTRACT, "max_files")
        own = {name: getattr(self, name) for name in (*of_space, "stop", *_SAMPLING)}
        return own if self.client is None else {**own, "client_options": self.client.options}

    @property
    def _serialized(self) -> builtins.dict[str, Any]:
        # Core keeps the first one for good; here it follows the fields, so that a copy that goes to another
        # Space has a cache key of its own. Fields are compared as text, since lists and dicts may be changed.
        fields = repr(_dumped_fields(type(self))(vars(self)))
        made = self._made
        if made.dump is None or made.dump[0] != fields:
            made.dump = fields, dict(dumpd(self))
        own = made.dump[1]
        return own if self.client is None else {**own, "client_options": self.client.options}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """It can be written by `langchain_core.load.dumps`; `load` reads it back where callers allow it."""
        return True

    @property
    def lc_secrets(self) -> builtins.dict[str, str]:
        """The token is written as the name of its environment variable."""
        return {"token": "HF_TOKEN"}  # nosec B105 - the name of a variable

    @property
    def lc_attributes(self) -> builtins.dict[str, Any]:
        """Timeouts are written as their fields."""
        return {"timeout": asdict(self.timeout)} if isinstance(self.timeout, Timeouts) else {}

    def __getstate__(self) -> builtins.dict[Any, Any]:
        """All but the token and the connections, since pickles end up in files and queues."""
        state = super().__getstate__()
        fields = {**state["__dict__"], "token": self.token and None}
        return {
            **state,
            "__dict__": fields,
            "__pydantic_private__": {**dict.fromkeys(self.__private_attributes__), "_made": _Made()},
        }

    def _resolve_model_profile(self) -> ModelProfile:
        return ModelProfile(**_PROFILE)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return super()._get_ls_params(stop=self.stop if stop is None else stop, **kwargs)


class RunnableConfigurableFields(configurable.RunnableConfigurableFields):  # type: ignore[type-arg] # pydantic would check those
    """Core's own, and with its name, by which it is serialized and drawn.

    Core makes a new model for each call that sets a field; this one lets it keep the connections.
    """

    def _prepare(
        self, config: RunnableConfig | None = None
    ) -> tuple[Runnable[LanguageModelInput, AIMessage], RunnableConfig]:
        model, config = super()._prepare(config)
        made = cast("ConfiguredChatModel", self.default)._made  # noqa: SLF001 - both are ours
        cast("ConfiguredChatModel", model)._made = replace(made)  # noqa: SLF001 - as above
        return model, config
