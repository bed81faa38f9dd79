"""A Phi4's fields, and the client that they describe. Knows settings; no endpoint, no message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
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
from pydantic.json_schema import SkipJsonSchema

from llama_index_phi4._options import check_defaults
from phi4_space import MODEL, InvalidOption, PromptStyle, SpaceClient, Timeouts
from phi4_space.interop import (
    check_options,
    merge_options,
    own_names,
    refuse_unknown,
    sampling_options,
    to_stop,
)

T = TypeVar("T")
_OF_EACH_CALL = ("top_p", "top_k", "seed", "repetition_penalty")
_OF_THE_CLIENT = (
    *("token", "model", "timeout", "max_retries", "max_files", "prompt_style", "strict", "endpoint"),
    *("extra_inputs", "prompt_prefix"),
)
_client_fields = itemgetter(*_OF_THE_CLIENT)


def _secret(token: T) -> T | SecretStr:
    return SecretStr(token) if isinstance(token, str) else token


def _folder(allowed: T) -> T | Path:
    """A folder's real path, since the program may change its directory."""
    if not isinstance(allowed, str | Path):
        return allowed
    folder = Path(allowed).expanduser()
    if not str(allowed) or not folder.is_dir():
        raise ValueError(f"local_files is True, False or a folder, and {str(allowed)!r} is not a folder")
    return folder.resolve()


def _gathered(data: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """The fields, with the options that have none of their own among `additional_kwargs`.

    Raises:
        InvalidOption: One is there already, with another value.
    """
    moved = [name for name in _OF_EACH_CALL if name not in fields]
    options = {name: data[name] for name in moved if data.get(name) is not None}
    rest = {name: value for name, value in data.items() if name not in moved}
    further = rest.get("additional_kwargs") or {}
    if not options or not isinstance(further, Mapping):
        return rest
    own: Mapping[str, object] = {**sampling_options(further)}
    if twice := [name for name, value in options.items() if own.get(name, value) != value]:
        raise InvalidOption(
            f"{twice[0]} is in additional_kwargs too, and differs", advice="Give one of them."
        )
    return {**rest, "additional_kwargs": {**further, **options}}


def _is_foreign(data: Mapping[str, Any]) -> bool:
    """Whether data without a token name a Space other than the default one."""
    named = data.get("space")
    if named is None or data.get("token") is not None:
        return False
    return SpaceClient(named, token=False).api_url != SpaceClient(token=False).api_url


class ConfiguredLLM(FunctionCallingLLM):
    """An LLM that knows its Space, and how to be copied, dumped, pickled and closed."""

    model_config = ConfigDict(hide_input_in_errors=True)  # an input may be a token

    space: str | None = Field(default=None, description="The Space: its name on the Hub, or its URL.")
    token: Annotated[str | SecretStr | Literal[False] | None, AfterValidator(_secret)] = Field(
        default=None, description="A Hugging Face token.", exclude=True, repr=False
    )
    client: SkipJsonSchema[SpaceClient] | None = Field(
        default=None, description="A client of the user's own.", exclude=True, repr=False
    )
    model: str = Field(default=MODEL, description="The model's name.")
    timeout: StrictFloat | Timeouts | None = Field(default=None, description="Seconds that a turn may take.")
    max_retries: StrictInt | None = Field(default=None, description="How often a turn is tried again.")
    max_files: StrictInt | None = Field(default=None, description="How many media the Space takes in a turn.")
    local_files: Annotated[StrictBool | Path, BeforeValidator(_folder)] = Field(
        default=False, description="Which local files blocks and nodes may name.", exclude=True
    )
    prompt_style: PromptStyle = Field(default="transcript", description="How turns become one prompt.")
    strict: StrictBool = Field(default=False, description="Whether options of no effect are errors.")
    endpoint: str | None = Field(default=None, description="Which of the Space's contracts to ask by.")
    extra_inputs: dict[str, Any] | None = Field(
        default=None, description="Values of the Space's additional inputs, by their labels."
    )
    prompt_prefix: str = Field(default="", description="What stands before each prompt.")
    context_window: StrictInt = Field(
        default=131072, gt=0, description="Tokens of prompt and answer together."
    )
    num_output: StrictInt = Field(default=1024, gt=0, description="Tokens kept free for the answer.")
    stop: Annotated[list[str] | None, BeforeValidator(to_stop)] = Field(
        default=None, description="Strings before which an answer ends."
    )
    temperature: float | None = Field(default=None, description="Sent where the Space takes it.")
    max_tokens: int | None = Field(default=None, description="Sent where the Space takes it.")
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Further arguments of each call."
    )
    is_function_calling_model: StrictBool = Field(
        default=True, description="Whether tools are called natively."
    )

    _own: tuple[tuple[object, ...], SpaceClient] | None = PrivateAttr(default=None)

    @field_validator("temperature", "max_tokens", "stop", mode="before")
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
            data = _gathered(own_names(data, [*cls.model_fields, *_OF_EACH_CALL]), cls.model_fields)
            refuse_unknown(data, cls.model_fields, what=cls.__name__)
        return data

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        """Refuses now what the client and the metadata would refuse later, and fills in the Space."""
        check_defaults(self.additional_kwargs)
        self._refuse_client_settings()
        client = self._to_client()
        self.space, self.model = client.space, client.model
        _ = self.metadata
        return self

    def _refuse_client_settings(self) -> None:
        if self.client is None:
            return
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        settings = [name for name in _OF_THE_CLIENT if getattr(self, name) != defaults[name]]
        if settings or self.space not in {None, self.client.space}:
            raise ValueError(
                f"The client brings its own {', '.join(settings or ['space'])}: leave one of them out"
            )

    @property
    def metadata(self) -> LLMMetadata:
        """What core needs to pack prompts and to choose agents; nothing is requested for it.

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

    def _to_client(self) -> SpaceClient:
        """The client that the fields describe: the one of the last call, unless they were changed."""
        if self.client is not None:
            return self.client
        own, settings = self._own, (self.space, self.token, repr(_client_fields(vars(self))))
        if own is None or own[0] != settings:
            own = self._own = settings, self._make_client()
        return own[1]

    def _make_client(self) -> SpaceClient:
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        settings = {
            name: getattr(self, name) for name in _OF_THE_CLIENT if getattr(self, name) != defaults[name]
        }
        if "timeout" in settings:
            settings["timeouts"] = settings.pop("timeout")
        return SpaceClient(self.space, **settings)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], **kwargs: Any) -> Self:
        """An LLM from what `to_dict` wrote; `from_json` from what `to_json` wrote.

        The data may name the Space where the program does not: then `HF_TOKEN` is not sent, unless it is the
        default Space (`PHI4_SPACE`, or else the public one). Write `token=` to send one.

        Args:
            data: The dict.
            **kwargs: Fields that replace those of the data.

        Raises:
            InvalidInput: The data do not name a Space, or say which local files are read.
            ValidationError: A field makes no sense.
        """
        data, kwargs = own_names(data, cls.model_fields), own_names(kwargs, cls.model_fields)
        if "local_files" in data and "local_files" not in kwargs:
            raise InvalidOption("Data do not say which local files are read", advice="Write local_files=.")
        if kwargs.keys().isdisjoint({"space", "client", "token"}) and _is_foreign(data):
            kwargs["token"] = False
        return super().from_dict(data, **kwargs)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other fields if you like.

        Raises:
            InvalidOption: One of them does not exist, which pydantic itself does not check.
        """
        refuse_unknown(update or {}, type(self).model_fields, what=f"A copy of {type(self).__name__}")
        return super().model_copy(update=update, deep=deep)

    def close(self) -> None:
        """Closes the connections of the client made here; the next call opens new ones."""
        if self._own is not None:
            self._own[1].close()

    async def aclose(self) -> None:
        """`close`, asynchronously."""
        if self._own is not None:
            await self._own[1].aclose()

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
        """All but the token, since pickles end up in files and queues; clients leave theirs out, too."""
        # Of a copy: core takes what cannot be pickled out of the object itself.
        stripped = self.model_copy(update={"token": False if self.token is False else None})
        stripped._own = None  # noqa: SLF001 - a copy
        return super(ConfiguredLLM, stripped).__getstate__()

    def _with_defaults(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """A call's arguments, and those of each call that it does not set itself."""
        fields = {"stop": self.stop, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return merge_options(fields, self.additional_kwargs, kwargs)
