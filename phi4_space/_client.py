"""A Space, and a conversation with it. Knows what users may ask for; how it is done is below.

Each asynchronous method has a synchronous one beside it, which carries the same work out on the background
loop. Nothing is opened before the first call.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Never, Self

from phi4_space._address import to_address
from phi4_space._ask import AskMethods
from phi4_space._caller import Caller
from phi4_space._config import MODEL, Settings, to_settings, token_for
from phi4_space._environment import Environment
from phi4_space._errors import InvalidConversation, InvalidOption, InvalidSpaceName, Phi4Error
from phi4_space._limits import Limits
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._net.redaction import discreet
from phi4_space._secret import SecretLike
from phi4_space._status import Status
from phi4_space._sync.bridge import call, iterate
from phi4_space._sync.locks import CrossLoopLock
from phi4_space._sync.loop import require_asyncio
from phi4_space._timeouts import Timeouts
from phi4_space._turn.request import LoadedTurn, Message, Options, Request, refuse_unknown, to_request
from phi4_space._turn.state import SessionState
from phi4_space._turns import Event, MediaLike, PromptStyle, Reply, ReplyFile, Turn, Waking

if TYPE_CHECKING:
    from phi4_space._gradio.session import Session
    from phi4_space._runtime import Runtime
    from phi4_space._turn.run import TurnRunner


class SpaceClient(AskMethods):
    """A Phi-4-multimodal Space: your own, or anybody's.

    It remembers how to reach the Space and opens nothing. It may be used from several loops, threads and
    processes; copied, compared and pickled (credentials are left out of pickles, `HF_TOKEN` is read again).

    Args:
        space: "owner/name" on the Hub or the URL of a running Space; `PHI4_SPACE` or else the public Space
            when left out.
        token: A Hugging Face token; `HF_TOKEN` when left out, and then sent to the Hub's own hosts only;
            `False` for none.
        token_on_loopback: Whether a token passed may go to a Space on this machine, unencrypted.
        model: The model's name, "phi-4-multimodal" or its alias "phi-4"; any where the Space is not the
            public one.
        proxy: URL of a proxy for all requests to the Space and the Hub.
        cookies: Cookies for the Space, such as a login's. A browser's are never looked at.
        zerogpu_token: A ZeroGPU session's token, for who has one; sent with the calls that make work.
        zerogpu_uuid: That session's UUID.
        prompt_style: How several turns become one prompt: "transcript" for Spaces that were made for people,
            "template" (Phi-4's own tokens) for Spaces known to pass text through.
        timeouts: What each step may take; a number bounds the whole turn, in seconds.
        max_retries: How often a turn is tried again before its first text.
        fetch: What is allowed for media passed as URLs.
        limits: How much the Space may send; more is an error.
        max_files: How many files one turn may carry; when left out, as many as the Space's page takes.
        strict: Whether options that the Space does not take are refused; otherwise each is ignored, with one
            `OptionIgnored`.
        endpoint: Which contract to ask by, where the Space has several: the api_name of one of its functions,
            such as "process_message"; the best when left out.
        extra_inputs: Values of the additional inputs that the Space's page has, by their exact labels, such
            as `{"Web search": False}`; the others keep what the page begins with.
        prompt_prefix: What stands before each prompt, such as "@phi4 " where a Space serves several models;
            before each user's text, on a Space that takes whole chats.
        temperature: Of calls that name none, as the next six; `Options` says what each is.
        max_tokens: See `temperature`.
        top_p: See `temperature`.
        top_k: See `temperature`.
        seed: See `temperature`.
        repetition_penalty: See `temperature`.
        stop: See `temperature`.
        environment: The clock, the network and the like; for tests.

    Raises:
        InvalidSpaceName: `space` is neither a name nor a URL.
        InvalidOption: An argument makes no sense, or there is none of that name.
    """

    label: ClassVar[str] = "Microsoft Phi-4"

    @discreet
    def __init__(  # noqa: PLR0913 - configuration, all of it by keyword
        self,
        space: str | None = None,
        *,
        token: str | SecretLike | Literal[False] | None = None,
        token_on_loopback: bool = False,
        model: str = MODEL,
        proxy: str | None = None,
        cookies: Mapping[str, str] | None = None,
        zerogpu_token: str | SecretLike | None = None,
        zerogpu_uuid: str | None = None,
        prompt_style: PromptStyle = "transcript",
        timeouts: Timeouts | float | None = Timeouts(),
        max_retries: int = 2,
        fetch: FetchPolicy = FetchPolicy(),
        limits: Limits = Limits(),
        max_files: int | None = None,
        strict: bool = False,
        endpoint: str | None = None,
        extra_inputs: Mapping[str, object] | None = None,
        prompt_prefix: str = "",
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        seed: int | None = None,
        repetition_penalty: float | None = None,
        stop: str | Sequence[str] | None = None,
        environment: Environment = Environment(),
        **unknown: Never,
    ) -> None:
        refuse_unknown(unknown, [*inspect.signature(type(self)).parameters][:-1], what="SpaceClient")
        settings = to_settings(
            space,
            token=token,
            token_on_loopback=token_on_loopback,
            model=model,
            proxy=proxy,
            cookies=cookies,
            zerogpu_token=zerogpu_token,
            zerogpu_uuid=zerogpu_uuid,
            prompt_style=prompt_style,
            timeouts=timeouts,
            max_retries=max_retries,
            fetch=fetch,
            limits=limits,
            max_files=max_files,
            strict=strict,
            endpoint=endpoint,
            extra_inputs=extra_inputs,
            prompt_prefix=prompt_prefix,
            sampling={
                "temperature": temperature,
                "max_tokens": max_tokens,
                "top_p": top_p,
                "top_k": top_k,
                "seed": seed,
                "repetition_penalty": repetition_penalty,
            },
            stop=stop,
        )
        self._runtime = _set_up(settings, environment)

    @property
    def space(self) -> str:
        """The Space, as its name or, failing that, its URL."""
        return str(self._settings.address)

    @property
    def url(self) -> str:
        """The page that a person opens."""
        return self._settings.address.url

    @property
    def api_url(self) -> str:
        """The root of the Space's server; of a long name, what the Hub says once it was asked."""
        return self._runtime.connection.settings.address.api_url

    @property
    def referer(self) -> str:
        """What is sent as Referer, as the Space's own page would."""
        return self._settings.address.referer

    @property
    def model(self) -> str:
        """The model's name."""
        return self._settings.model

    @property
    def options(self) -> Mapping[str, object]:
        """The sampling options and stop strings of each call that sets none itself."""
        stop = {"stop": self._settings.stop} if self._settings.stop else {}
        return {**self._settings.sampling, **stop}

    @property
    def prompt_style(self) -> PromptStyle:
        """How several turns become one prompt."""
        return self._settings.prompt_style

    @property
    def endpoint(self) -> str | None:
        """The function that picks the contract, by its api_name; None for the best contract."""
        return self._settings.endpoint

    @property
    def extra_inputs(self) -> Mapping[str, object]:
        """The values of additional inputs that differ from what the Space's page begins with, by label."""
        return dict(self._settings.extra_inputs)

    @property
    def prompt_prefix(self) -> str:
        """What stands before each prompt."""
        return self._settings.prompt_prefix

    def conversation(self, *, system: str | None = None) -> Conversation:
        """A conversation that remembers its turns, on a session of its own on the Space.

        Args:
            system: What the model is told about its part, before all else.
        """
        return Conversation(self, system=system)

    async def astatus(self, *, wake: float = 0.0) -> Status:
        """How the Space stands; never raises for one that is down.

        Args:
            wake: Seconds to wait for one that sleeps, builds or starts.
        """
        require_asyncio()
        availability = (await self._runtime.load()).availability
        if wake:
            async with aclosing(availability.wait_until_up(wake)) as stages:
                with suppress(Phi4Error):  # the status says what is wrong
                    async for _ in stages:
                        pass
        return await availability.status()

    async def await_ready(self, patience: float | None = None) -> AsyncGenerator[Waking | Status, None]:
        """Wakes a Space that sleeps, and waits for it.

        Args:
            patience: Seconds to wait; `timeouts.wake` when left out.

        Yields:
            A `Waking` each time it is found not yet up, and its `Status` last, up or not.
        """
        require_asyncio()
        availability = (await self._runtime.load()).availability
        patience = self._settings.timeouts.wake if patience is None else patience
        async with aclosing(availability.wait_until_up(patience)) as stages:
            with suppress(Phi4Error):  # the status says what is wrong
                async for stage in stages:
                    if isinstance(stage, Waking):
                        yield stage
        yield await availability.status()

    def status(self, *, wake: float = 0.0) -> Status:
        """`astatus` for synchronous callers."""
        return call(lambda: self.astatus(wake=wake))

    def wait_ready(self, patience: float | None = None) -> Generator[Waking | Status, None, None]:
        """`await_ready` for synchronous callers."""
        return iterate(lambda: self.await_ready(patience))

    @asynccontextmanager
    async def asession(self, session_hash: str | None = None) -> AsyncIterator[Session]:
        """A session on the Space, with the calls of a turn as separate steps: predict, post, get, cancel.

        Args:
            session_hash: An existing session's name; a new one is made when left out.
        """
        require_asyncio()
        name = session_hash or self._runtime.environment.new_session_hash()
        server = (await self._runtime.load()).server
        async with server.session(name, await server.instance()) as session:
            yield session

    async def aupload(self, media: Sequence[MediaLike]) -> list[Mapping[str, Any]]:
        """Uploads media, in one request, and returns them as `Session.predict` takes them."""
        require_asyncio()
        parts = await self._runtime.load()
        files, server = await parts.files.read(media), parts.server
        return await server.upload(files, await server.instance())

    async def aread_file(self, file: ReplyFile) -> bytes:
        """Reads a file of an answer from the Space.

        Args:
            file: One of `Reply.files`.

        Raises:
            UrlRefused: It is not on the Space's own server, or not there any more.
            LimitExceeded: It is larger than `Limits.body`.
            InvalidOption: It is no `ReplyFile`.
            Phi4Error: It cannot be read otherwise; the class says why.
        """
        require_asyncio()
        if not isinstance(file, ReplyFile):
            raise InvalidOption("file is a ReplyFile", advice="Pass one of the reply's files.")
        return await (await self._runtime.load()).server.read_file(file)

    def read_file(self, file: ReplyFile) -> bytes:
        """`aread_file` for synchronous callers."""
        return call(lambda: self.aread_file(file))

    async def aclose(self) -> None:
        """Closes all connections; the next call opens new ones."""
        require_asyncio()
        await self._runtime.aclose()

    def close(self) -> None:
        """`aclose` for synchronous callers."""
        call(self.aclose)

    async def __aenter__(self) -> Self:
        """Nothing is opened; leaving closes what calls opened."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes all connections."""
        await self.aclose()

    def __enter__(self) -> Self:
        """Nothing is opened; leaving closes what calls opened."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes all connections."""
        self.close()

    async def _turn(self, message: Message, options: Options, caller: Caller) -> AsyncGenerator[Event, None]:
        request = self._request(message, options, caller)
        async with self._runtime.head_start() as ahead:
            turns = (await self._runtime.load(ahead)).turns
            new_turns = await turns.read(request)
            run = turns.run(request, SessionState(), history=(), new_turns=new_turns)
            async with aclosing(run) as events:
                async for event in events:
                    yield event

    def _request(self, message: Message, options: Options, caller: Caller) -> Request:
        """What a call was given, checked before the Space is asked anything."""
        try:
            return to_request(message, options, defaults=self._settings, caller=caller)
        except Phi4Error as exc:
            exc.locate(step="prepare", space=str(self._settings.address))
            raise

    @property
    def _settings(self) -> Settings:
        return self._runtime.settings

    def _with(self, settings: Settings, environment: Environment) -> SpaceClient:
        client = object.__new__(type(self))
        client._runtime = _set_up(settings, environment)
        return client

    def __copy__(self) -> SpaceClient:
        """A client with the same settings and connections of its own."""
        return self._with(self._settings, self._runtime.environment)

    def __deepcopy__(self, memo: object) -> SpaceClient:
        """See `__copy__`: settings are values."""
        return self.__copy__()

    def __getstate__(self) -> Settings:
        """The settings without credentials, since a pickle lies about in files and queues."""
        return self._settings.without_credentials()

    def __setstate__(self, settings: Settings) -> None:
        """Makes the client anew, with the token that this process has in its environment."""
        self._runtime = _set_up(settings.with_ambient_token(), Environment())

    def __eq__(self, other: object) -> bool:
        """Two clients are equal when their settings are."""
        return isinstance(other, SpaceClient) and self._settings == other._settings

    def __hash__(self) -> int:
        """The Space's address counts."""
        return hash(self._settings.address)

    def __repr__(self) -> str:
        """The Space's name; never a credential."""
        made = hasattr(self, "_runtime")  # not yet, where a traceback shows what its constructor was given
        return f"SpaceClient({self.space!r})" if made else "<SpaceClient, not made yet>"


class Conversation(AskMethods):
    """A conversation with a Space: it remembers its turns, here and in a session of the Space.

    One turn runs at a time, others wait. After a failed turn, an early leave, or a restart of the Space the
    next turn goes to a new session and says everything again, so that nothing is forgotten silently.
    A turn that fails leaves the conversation as it was; one that was refused before anything was sent leaves
    the session as well.

    Args:
        space: The Space.
        system: What the model is told about its part, before all else.
    """

    def __init__(self, space: SpaceClient, *, system: str | None = None) -> None:
        self._client = space
        self._state = SessionState()
        self._rest((LoadedTurn(Turn(role="system", text=system)),) if system else ())
        self._lock = CrossLoopLock()

    @property
    def client(self) -> SpaceClient:
        """The client of the Space."""
        return self._client

    @property
    def space(self) -> SpaceClient:
        """The Space: its client, as `client` is."""
        return self._client

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns so far, oldest first."""
        return tuple(loaded.turn for loaded in self._history)

    @property
    def session_hash(self) -> str:
        """The session on the Space; empty before the first turn and after a failed one."""
        return self._state.session_hash

    def to_json(self) -> str:
        """The conversation, files included, to be continued anywhere with `from_json`; no credentials.

        While a turn runs it is the conversation before that turn, without its session, which the turn is
        using: whoever continues it says everything again on a new one. The turn is over with its `Reply`.

        Keep it as private as its turns: it holds the key to the Space's session. Continue it in one place
        only: two that go on from the same JSON share that session; `copy.copy` makes twins that do not.
        """
        return _written(self._client.space, *self._saved)

    @classmethod
    def from_json(
        cls,
        text: str | bytes,
        *,
        space: SpaceClient | None = None,
        token: str | SecretLike | Literal[False] | None = None,
    ) -> Self:
        """Continues a conversation, in another process if you like.

        Args:
            text: What `to_json` returned.
            space: The client to use; one for the Space that it was with, when left out. With another Space
                it goes on there, and everything is said again.
            token: A Hugging Face token for the Space that the text names; `False` for none. When left out,
                `HF_TOKEN` goes along only if that is the default Space (`PHI4_SPACE`, or else the
                public one): otherwise whoever wrote the text would decide who gets it.

        Raises:
            InvalidConversation: The text is not what `to_json` returned.
            InvalidOption: The token makes no sense, or `space` is no client, or brings a token of its own.
        """
        from phi4_space._turn.saved import from_json  # noqa: PLC0415 - loaded by who needs it

        saved = from_json(text)
        if space is None:
            space = _named_by_text(saved.space, token)
        elif not isinstance(space, SpaceClient):
            raise InvalidOption("space is a SpaceClient here", advice="Write space=SpaceClient(...).")
        elif token is not None:
            raise InvalidOption("A client brings its own token", advice="Give it to SpaceClient instead.")
        conversation = cls(space)
        if space.space == saved.space:
            conversation._state = saved.state
        conversation._rest(saved.turns)
        return conversation

    async def _turn(self, message: Message, options: Options, caller: Caller) -> AsyncGenerator[Event, None]:
        client = self._client  # whose parts its conversations share
        request = client._request(message, options, caller)  # noqa: SLF001 - see above
        async with client._runtime.head_start() as ahead:  # noqa: SLF001
            turns = (await client._runtime.load(ahead)).turns  # noqa: SLF001
            new_turns = await turns.read(request)
            async with self._lock.acquire(), aclosing(self._run(turns, request, new_turns)) as events:
                async for event in events:
                    yield event

    async def _run(
        self, turns: TurnRunner, request: Request, new_turns: Sequence[LoadedTurn]
    ) -> AsyncGenerator[Event, None]:
        history = self._history
        self._saved = SessionState(), history
        run = turns.run(request, self._state, history=history, new_turns=new_turns)
        try:
            async with aclosing(run) as events:
                async for event in events:
                    if isinstance(event, Reply):
                        history = (*history, *new_turns, LoadedTurn(event.turn))
                        self._rest(history)
                    yield event
        finally:
            self._rest(history)

    def _rest(self, history: tuple[LoadedTurn, ...]) -> None:
        """Notes what there is to save between two turns; as one value, since any thread may save it."""
        self._saved = replace(self._state), history

    @property
    def _history(self) -> tuple[LoadedTurn, ...]:
        return self._saved[1]

    def __reduce__(self) -> tuple[Callable[..., Conversation], tuple[str, SpaceClient]]:
        """Pickles and copies its turns; each copy goes on from there on a session of its own."""
        return _unpickled, (_written(self._client.space, SessionState(), self._history), self._client)

    def __repr__(self) -> str:
        """The Space and the number of turns."""
        if not hasattr(self, "_lock"):  # where a traceback shows one that is half made
            return "<Conversation, not made yet>"
        return f"<Conversation with {self._client.space}, {len(self._history)} turns>"


def _set_up(settings: Settings, environment: Environment) -> Runtime:
    from phi4_space._runtime import Runtime  # noqa: PLC0415 - httpx is loaded with the first client

    return Runtime(settings, environment)


def _written(space: str, state: SessionState, history: Sequence[LoadedTurn]) -> str:
    from phi4_space._turn.saved import to_json  # noqa: PLC0415 - loaded by who needs it

    return to_json(space, state, history)


def _named_by_text(space: str, token: str | SecretLike | Literal[False] | None) -> SpaceClient:
    """A client for a Space that nobody here named."""
    try:
        to_address(space)
    except InvalidSpaceName as exc:
        raise InvalidConversation(f"The saved conversation was with no Space: {exc.what}") from exc
    return SpaceClient(space, token=token_for(space) if token is None else token)


def _unpickled(text: str, space: SpaceClient) -> Conversation:
    return Conversation.from_json(text, space=space)
