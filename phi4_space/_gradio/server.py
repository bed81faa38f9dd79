"""A Gradio server: what it says of itself, and the files it holds, for as long as one start of it lasts.

Knows requests and /config; no turns. What it remembers is forgotten when the server restarts.
"""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio

from phi4_space._config import Settings
from phi4_space._errors import (
    FileTooLarge,
    Phi4Error,
    Step,
    UnexpectedAnswer,
    UnsupportedContent,
    UploadRefused,
)
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import Config, to_config
from phi4_space._gradio.connection import Connection
from phi4_space._gradio.queue import file_data
from phi4_space._gradio.reply_file import file_path, missing
from phi4_space._gradio.session import Instance, Session
from phi4_space._media.read import refuse_too_many
from phi4_space._net.deadlines import within_total
from phi4_space._net.form import Form
from phi4_space._net.host import Host
from phi4_space._sync.locks import LoopLock
from phi4_space._turns import File, Progress, ReplyFile

_TRUSTED = 5.0
"""Seconds for which a Space is taken to be the same start as before, without asking.

After as long uvicorn closes idle connections, so that the question costs one round trip where a new
connection is paid for already. A Space that restarts faster shows by the connections it broke.
"""

_PROGRESS_EVERY = 0.25  # seconds
_ANOTHER_SPACE = "Leave it out, or use a Space that takes it; status().takes says what one does."


_NO_FILE = {403, 404}
"""Gradio answers so where a file is not there, or not one of those that may be read."""


class GradioServer:
    """A Space's server, its contract looked up once for each of its starts.

    Args:
        connection: The way to it.
        clock: Seconds, never going back.
    """

    def __init__(self, connection: Connection, *, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._instance: Instance | None = None
        self._seen = -math.inf
        self._failure: Phi4Error | None = None
        self._failed = -math.inf
        self._uploaded: dict[str, str] = {}
        self._looking = LoopLock()
        self._uploading = LoopLock()

    @property
    def settings(self) -> Settings:
        """The client's, with the address at which the Space was found."""
        return self._connection.settings

    @property
    def host(self) -> Host:
        """The Space's server."""
        return self._connection.host

    @property
    def connections(self) -> int:
        """How many connections to the Space were opened so far."""
        return self._connection.opened

    @property
    def is_known(self) -> bool:
        """Whether /config was read, and the Space is not known to have been started again since."""
        return self._instance is not None

    async def instance(self) -> Instance:
        """The Space as it runs now; asks again after a restart.

        Raises:
            ContractNotMet: The Space fulfils no contract.
            Phi4Error: The Space cannot be asked; the class says why.
        """
        arrived = self._clock()
        async with self._looking.here():
            if self._failure is not None and self._failed > arrived:
                raise copy.copy(self._failure)  # what one found while the others waited holds for all
            try:
                with (
                    self.host.translate_errors("connect"),
                    within_total(self.settings.timeouts, "No contract was read"),
                ):
                    self._instance = await self._look()
            except Phi4Error as exc:
                self._failed, self._failure = self._clock(), copy.copy(exc)  # without its frames
                raise
            self._seen = self._clock()
            return self._instance

    def check_files(self, files: Sequence[File], instance: Instance) -> None:
        """Refuses files that one turn may not carry: more than the settings say, or of a kind not taken.

        Raises:
            TooManyFiles: There are more than the settings allow, or else than the contract takes.
            UnsupportedContent: The Space does not take one of them.
        """
        most, takes = self.settings.max_files, instance.contract.takes
        with self.host.translate_errors("upload"):
            if files and takes.max_files == 0:
                raise UnsupportedContent(
                    f"{files[0].name} cannot be sent: the Space takes text alone", advice=_ANOTHER_SPACE
                )
            refuse_too_many(len(files), takes.max_files if most is None else most)
            for file in files:
                if not takes.takes_file(file.name, file.mime_type):
                    what = f"{file.name} is {file.mime_type}, and the Space takes files of"
                    types = ", ".join(takes.file_types or ())
                    raise UnsupportedContent(f"{what} {types} alone", advice=_ANOTHER_SPACE)

    async def upload(self, files: Sequence[File], instance: Instance) -> list[Mapping[str, Any]]:
        """As `uploading`, whose last is returned."""
        async with aclosing(self.uploading(files, instance)) as steps:
            while isinstance(step := await anext(steps), Progress):
                pass
            return step

    async def uploading(
        self, files: Sequence[File], instance: Instance
    ) -> AsyncGenerator[Progress | list[Mapping[str, Any]], None]:
        """Hands files to the Space, in one request, those that it does not hold already.

        Args:
            files: What to upload.
            instance: The Space as it runs now.

        Yields:
            How many bytes were sent, now and then; last the files as handlers take them, in the same order.

        Raises:
            FileTooLarge: A file is larger than the Space takes; nothing was sent.
            MediaNotReadable: A file on disk has changed.
            UploadRefused: The Space did not take them.
            DeadlineExceeded: They were not there in time; `Timeouts` says what counts.
        """
        with self.host.translate_errors("upload"):
            _check_sizes(files, instance.config)
        if self._new(files):
            async with self._uploading.here(), aclosing(self._sending(files, instance.config)) as steps:
                async for step in steps:
                    yield step
        yield [
            file_data(
                self._uploaded[file.digest], name=file.name, mime_type=file.mime_type, size=len(file.data)
            )
            for file in files
        ]

    def _new(self, files: Sequence[File]) -> dict[str, File]:
        """Those that the Space does not hold, by digest, each once."""
        return {file.digest: file for file in files if file.digest not in self._uploaded}

    async def _sending(self, files: Sequence[File], config: Config) -> AsyncGenerator[Progress, None]:
        new = self._new(files)
        if not new:  # another turn sent them meanwhile
            return
        form = Form("files", [*new.values()])
        sending = asyncio.ensure_future(self._send(form, [*new.values()], config))
        try:
            while not (await asyncio.wait({sending}, timeout=_PROGRESS_EVERY))[0]:
                yield Progress(form.sent, form.size, "bytes", description=_uploading(new))
            self._uploaded |= zip(new, await sending, strict=True)
        finally:
            sending.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({sending})

    async def read_file(self, file: ReplyFile) -> bytes:
        """The bytes of a file that an answer holds.

        Raises:
            UrlRefused: It is not on the Space's own server, or not there any more.
            LimitExceeded: It is larger than `Limits.body`.
            Phi4Error: It cannot be loaded otherwise; the class says why.
        """
        instance = await self.instance()
        with (
            self.host.translate_errors("fetch"),
            within_total(self.settings.timeouts, "The file was not read"),
        ):
            path = file_path(file, self.host.origin, instance.config.api_prefix)
            async with self._connection.borrow() as client:
                try:
                    return await self.host.read(client, path)
                except Phi4Error as exc:
                    if exc.status in _NO_FILE:
                        raise missing(file) from exc
                    raise

    @asynccontextmanager
    async def session(self, session_hash: str, instance: Instance) -> AsyncIterator[Session]:
        """A session on the Space as it runs now."""
        async with self._connection.borrow() as client:
            job_host = replace(self.host, credentials=self.settings.job_credentials())
            yield Session(self.host, job_host, client, instance, session_hash=session_hash)

    def recheck(self) -> None:
        """Has the next look ask whether the Space has restarted."""
        self._seen = -math.inf

    def invalidate(self) -> None:
        """Forgets what holds for one start of the Space only."""
        self._instance = None
        self._uploaded = {}

    async def get(self, path: str, *, step: Step = "connect") -> Any:
        """The JSON at a path of the Space's server."""
        return await self._connection.get(path, step=step)

    async def _look(self) -> Instance:
        if self._instance is not None and self._instance.contract.takes.loading is not None:
            self._instance = None  # its /config says how far it is, until it no longer does
        known = self._instance
        if known is not None and self._clock() - self._seen > _TRUSTED:
            answer = await self.get(f"{known.config.api_prefix}/app_id")
            if answer != {"app_id": known.config.app_id}:
                self.invalidate()
        if self._instance is not None:
            return self._instance
        with self.host.translate_errors("connect"):
            # In one expression: a local would show, in tracebacks, what the server said.
            return self._to_instance(self._checked(to_config(await self._connection.config())))

    def _to_instance(self, config: Config) -> Instance:
        contract = choose(
            config,
            space=self.host.name,
            endpoint=self.settings.endpoint,
            extra_inputs=self.settings.extra_inputs,
        )
        return Instance(config, contract)

    def _checked(self, config: Config) -> Config:
        """The config, without credentials in what is shown: the version in replies, the prefix in URLs."""
        clean = self.host.redaction.text
        if clean(config.api_prefix) != config.api_prefix:
            raise UnexpectedAnswer("The api_prefix in the Space's /config repeats a credential")
        return replace(config, gradio_version=clean(config.gradio_version))

    async def _send(self, form: Form, files: Sequence[File], config: Config) -> list[str]:
        with (
            self.host.translate_errors("upload"),
            within_total(self.settings.timeouts, "The files were not taken"),
        ):
            async with self._connection.borrow() as client:
                try:
                    paths = await self.host.ask(client, "POST", f"{config.api_prefix}/upload", form=form)
                except FileTooLarge as exc:
                    raise _refused(files, exc) from exc
                return _paths(paths, len(files))


def _uploading(files: Mapping[str, File]) -> str:
    names = [file.name for file in files.values()]
    return f"Uploading {names[0]}" if len(names) == 1 else f"Uploading {len(names)} files"


def _check_sizes(files: Sequence[File], config: Config) -> None:
    limit = config.max_file_size
    for file in files:
        if limit is not None and len(file.data) > limit:
            raise FileTooLarge(
                f"{file.name} has {len(file.data):,} bytes, and the Space takes {limit:,}",
                size=len(file.data),
                limit=limit,
            )


def _refused(files: Sequence[File], refusal: FileTooLarge) -> FileTooLarge:
    """The error for an upload that the Space itself found too large: with what was in it."""
    size = sum(len(file.data) for file in files)
    names = f"{files[0].name}, {size:,} bytes" if len(files) == 1 else f"{len(files)} files, {size:,} bytes"
    return FileTooLarge(
        f"{refusal.what} ({names})",
        size=size,
        limit=refusal.limit,
        advice=None if len(files) == 1 else f"Send fewer files in a turn. {FileTooLarge.usual_advice}",
        status=refusal.status,
    )


def _paths(body: object, count: int) -> list[str]:
    if not isinstance(body, list) or len(body) != count or not all(isinstance(path, str) for path in body):
        raise UploadRefused(f"The Space did not answer with {count} paths for {count} files")
    return body
