"""What a Phi4 is told: its fields, checked, and the client that they describe. Knows no endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from llama_index.core.base.llms.types import LLMMetadata
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StrictBool,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from llama_index_phi4._questions import check, refuse_unknown
from llama_index_phi4._structured import StructuredPrediction
from phi4_space import MODEL, InvalidOption, PromptStyle, SpaceClient, Timeouts

T = TypeVar("T")
_OF_THE_CLIENT = ("token", "model", "timeout", "max_retries", "max_files", "prompt_style", "strict")


def _kept_secret(token: T) -> T | SecretStr:
    return SecretStr(token) if isinstance(token, str) else token


def _folder(allowed: T) -> T | Path:
    """A folder at its real place, as the program may move elsewhere."""
    if not isinstance(allowed, str | Path):
        return allowed
    folder = Path(allowed).expanduser()
    if not str(allowed) or not folder.is_dir():
        raise ValueError(f"local_files is True, False or a folder, and {str(allowed)!r} is no folder")
    return folder.resolve()


def _is_foreign(data: Mapping[str, Any]) -> bool:
    """Whether data without a token name a Space other than that of who names none."""
    named = data.get("space")
    if named is None or data.get("token") is not None:
        return False
    return SpaceClient(named, token=False).api_url != SpaceClient(token=False).api_url


class Configured(StructuredPrediction):
    """An LLM that knows its Space, and how to be copied, dumped, pickled and closed."""

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
    local_files: Annotated[StrictBool | Path, BeforeValidator(_folder)] = Field(
        default=False, description="Which local files blocks and nodes may name.", exclude=True
    )
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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], **kwargs: Any) -> Self:
        """An LLM from what `to_dict` wrote; `from_json` from what `to_json` wrote.

        The data may name the Space, and nobody here did: then `HF_TOKEN` does not go along, unless it is the
        Space of who names none (`PHI4_SPACE`, or else the public one). Say `token=` to give it one.

        Args:
            data: What was written.
            **kwargs: Fields that count in the place of the data's.

        Raises:
            InvalidInput: The data name no Space, or would say which local files are read.
            ValidationError: A field makes no sense.
        """
        if "local_files" in data and "local_files" not in kwargs:
            raise InvalidOption("Data do not say which local files are read", advice="Write local_files=.")
        if kwargs.keys().isdisjoint({"space", "client", "token"}) and _is_foreign(data):
            kwargs["token"] = False
        return super().from_dict(dict(data), **kwargs)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other fields if you like.

        Raises:
            InvalidOption: One of them does not exist, which pydantic itself would not tell.
        """
        refuse_unknown(update or {}, type(self).model_fields, what=f"A copy of {type(self).__name__}")
        return super().model_copy(update=update, deep=deep)

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
        """All but the token, since a pickle lies about in files and queues; clients leave theirs out, too."""
        # Of a copy: core takes what cannot be pickled out of the object itself.
        bare = self.model_copy(update={"token": False if self.token is False else None})
        return super(Configured, bare).__getstate__()

    def _usual(self) -> dict[str, Any]:
        """What goes with each call, unless it says otherwise."""
        fields = {"stop": self.stop, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return {**fields, **self.additional_kwargs}
