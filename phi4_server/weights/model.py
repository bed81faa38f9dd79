"""Phi-4's own weights as the Space takes them. Knows the order: load, files, question, answer."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from phi4_server.media.normal_form import Normalizer
from phi4_server.media.scope import CURRENT, CancelScope
from phi4_server.model import ChatRequest, End, ModelBusy, ModelFailed, Progress
from phi4_server.weights.generation.audio import AudioForm
from phi4_server.weights.generation.question import Form, Question, to_question
from phi4_server.weights.generation.sampling import OPTIONS
from phi4_server.weights.generation.vocabulary import Vocabulary
from phi4_server.weights.load import loader, plan
from phi4_server.weights.load.settings import LONGEST_SIDE, WeightsSettings

if TYPE_CHECKING:  # they need torch
    from phi4_server.weights.generation.engine import Engine
    from phi4_server.weights.generation.loaded import Weights
    from phi4_server.weights.generation.row import Row

T = TypeVar("T")
Load = Callable[[Callable[[Progress], None]], "Weights"]
_NATURE = "{}, run by this Space itself."
_PULSE_S = 0.5
_THREADS = 16


class Preparer:
    """What a loaded model is asked, for what the Space is asked. Safe to use from several threads."""

    def __init__(self, weights: Weights) -> None:
        """Starts nothing yet.

        Args:
            weights: The model that will be asked.
        """
        self._form = Form(
            vocabulary=Vocabulary(weights.tokenizer),
            image_token=weights.image_token,
            audio_token=weights.audio_token,
            images=weights.images,
            audio=AudioForm.of(weights.audio),
            context=weights.context,
        )
        self._normalizer = Normalizer(side=weights.images.most_side or LONGEST_SIDE)

    def question(self, request: ChatRequest) -> Question:
        """What the model is asked; files are decoded in the time that the turn has.

        Raises:
            ValueError: A file or an option cannot be taken, or all of it is too long; the text says which.
        """
        paths = dict.fromkeys(path for message in request.messages for path in message.files)
        return to_question(request, {path: self._normalizer.normalize(path) for path in paths}, self._form)

    def close(self) -> None:
        """Ends the processes that decode files."""
        self._normalizer.close()


class WeightsModel:
    """A model in this process.

    Attributes:
        name: The model's name.
        nature: One sentence for the page.
        options: The options that it honours.
    """

    options = OPTIONS

    def __init__(
        self,
        settings: WeightsSettings,
        *,
        at_once: int = 8,
        report: Callable[[Progress], None] = lambda _: None,
        on_failure: Callable[[ModelFailed], None] = lambda _: None,
        load: Load | None = None,
    ) -> None:
        """Checks what can be checked at once, and begins to load the model, in a thread of its own.

        Args:
            settings: Which weights.
            at_once: How many chats are answered together at most.
            report: Is called as loading goes on.
            on_failure: Is called if it cannot be loaded after all.
            load: Loads other weights than the settings say, for tests.

        Raises:
            ModelFailed: They cannot be loaded, which is known at once; the text says what to do.
        """
        self.name = settings.model.rpartition("/")[2]
        if load is None:
            planned = plan.make(settings)
            self.name = planned.name
            load = partial(loader.load_planned, planned)
        self.nature = _NATURE.format(self.name)
        self._at_once = at_once
        self._report = report
        self._on_failure = on_failure
        self._progress: Progress | None = Progress("Starting")
        self._failure: ModelFailed | None = None
        self._ready = threading.Event()
        self._is_closed = False
        self._engine: Engine | None = None
        self._preparer: Preparer | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="phi4-prepare")
        self._loading = threading.Thread(target=self._load, args=[load], name="phi4-load", daemon=True)
        self._loading.start()

    @classmethod
    def of(cls, weights: Weights, *, at_once: int = 8) -> WeightsModel:
        """The model with weights that are loaded already."""
        model = cls(WeightsSettings(model=weights.name), at_once=at_once, load=lambda *_: weights)
        model._loading.join()
        return model

    def progress(self) -> Progress | None:
        """How far loading is; None once the model can be asked.

        Raises:
            ModelFailed: It cannot be loaded.
        """
        if self._failure is not None:
            raise self._failure
        return self._progress

    def complete(self, request: ChatRequest) -> Generator[str | End]:
        """Yields the answer as it comes, its end last, and "" every half second in which nothing comes.

        Raises:
            ModelBusy: The model is being closed.
            ModelFailed: It cannot be loaded, or failed.
            ValueError: A file or an option cannot be taken, or the chat needs more than the model has; the
                text says which, with the numbers.
        """
        while not self._ready.wait(_PULSE_S):
            yield ""
        self.progress()
        engine, preparer = self._engine, self._preparer
        if engine is None or preparer is None:
            raise ModelBusy("The model is being closed.")
        row = yield from self._prepared(request, engine, preparer)
        yield from engine.stream(row)

    def close(self) -> None:
        """Ends what is under way, threads and processes; nothing can be asked any more."""
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._engine is not None:
            self._engine.close()
        if self._preparer is not None:
            self._preparer.close()

    def _prepared(
        self, request: ChatRequest, engine: Engine, preparer: Preparer
    ) -> Generator[str, None, Row]:
        """The answer, ready to be begun; leaving gives the decoding of files up."""
        if not any(message.files for message in request.messages):
            return engine.prepare(preparer.question(request))
        scope = CancelScope()

        def prepare() -> Row:
            CURRENT.set(scope)
            return engine.prepare(preparer.question(request))

        try:
            work = self._threads.submit(contextvars.copy_context().run, prepare)
        except RuntimeError:
            raise ModelBusy("The model is being closed.") from None
        try:
            return (yield from _pulses(work))
        finally:
            scope.cancel()
            work.cancel()  # where it has not begun

    def _load(self, load: Load) -> None:
        try:
            weights = load(self._note)
            from phi4_server.weights.generation.engine import Engine  # noqa: PLC0415  it needs torch

            self.name, self.nature = weights.name, _NATURE.format(weights.name)
            self._preparer = Preparer(weights)
            self._engine = Engine(weights, at_once=self._at_once, on_failure=self._fail)
        except ModelFailed as failure:
            self._fail(failure)
        except Exception as error:
            self._fail(ModelFailed(f"The model cannot be loaded: {type(error).__name__}: {error}"))
            raise
        finally:
            self._progress = None
            self._ready.set()
            if self._is_closed:
                self.close()

    def _fail(self, failure: ModelFailed) -> None:
        self._failure = failure
        self._on_failure(failure)

    def _note(self, progress: Progress) -> None:
        self._progress = progress
        self._report(progress)


def _pulses(work: Future[T]) -> Generator[str, None, T]:
    """Yields "" every half second until the work is done, and returns what it returns."""
    while not wait([work], _PULSE_S).done:
        yield ""
    return work.result()
