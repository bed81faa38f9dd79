"""The one thread that owns the model: it takes what waits, and has the model go on with it. Needs torch."""

from __future__ import annotations

import atexit
import gc
import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

import torch
from transformers import GenerationConfig

from phi4_server.model import End, ModelBusy, ModelFailed
from phi4_server.weights.generation.adapters import Adapters
from phi4_server.weights.generation.answer import read
from phi4_server.weights.generation.batch import Batch, embed, to_batch, to_row
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Question
from phi4_server.weights.generation.row import Row
from phi4_server.weights.generation.row_queue import RowQueue
from phi4_server.weights.generation.stopping import Steps
from phi4_server.weights.generation.token_choice import TokenChoice

_GATHER_S = 0.02
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_CLOSED = "The server is being stopped."
_GPU_LOST = (
    "The GPU failed, and this process cannot use it any more: start the server again; its log has more."
)

_log = logging.getLogger(__name__)


class Engine:
    """Answers questions, several at once. Safe to use from several threads.

    Which adapter a model has on, and for which length of context its positions are, belongs to the model, not
    to a call: so one thread alone ever calls it.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        at_once: int = 8,
        on_failure: Callable[[ModelFailed], None] = lambda _: None,
    ) -> None:
        """Starts no thread yet: it may be made before a process forks, and be asked after that.

        Args:
            weights: The model.
            at_once: How many questions are answered together at most.
            on_failure: Is called if it will never answer again, in its thread.
        """
        self._weights = weights
        self._adapters = Adapters(weights.model)
        self._ends = frozenset(weights.ends)
        self._queue = RowQueue(
            at_once=at_once, edge=weights.edge, tokens=max(weights.context, weights.edge), gather=_GATHER_S
        )
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running: Sequence[Row] = ()
        self._on_failure = on_failure
        self._failure: ModelFailed | None = None

    def answer(self, question: Question) -> Generator[str | End]:
        """Yields the answer as it comes, its end last, and "" every half second in which nothing comes.

        Closing it ends the model's work on it before the next token.

        Raises:
            ModelBusy: The engine is being closed.
            ModelFailed: The model failed.
            ValueError: It ran out of memory.
        """
        return self.stream(self.prepare(question))

    def prepare(self, question: Question) -> Row:
        """The answer to a question, ready to be begun."""
        return to_row(question, self._weights)

    def stream(self, row: Row) -> Generator[str | End]:
        """The same as `answer`, from what `prepare` returned."""
        self._start()
        try:
            self._queue.put(row)
        except RuntimeError:
            if self._failure is not None:
                raise ModelFailed(str(self._failure)) from None
            raise ModelBusy(_CLOSED) from None
        try:
            yield from read(row, self._weights.tokenizer)
        finally:
            row.has_left = True

    def close(self) -> None:
        """Ends what is under way, and the thread; nothing can be asked any more."""
        for row in (*self._queue.close(), *self._running):  # in this order: see `_run`
            row.fail(ModelBusy(_CLOSED))
        atexit.unregister(self.close)
        with self._lock:
            if self._thread is not None:
                self._thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="phi4-model", daemon=True)
                self._thread.start()
                # Python does not wait for it, and torch aborts a process that ends while it computes.
                atexit.register(self.close)

    def _work(self) -> None:
        rows: list[Row] = []
        error: ValueError = ModelBusy(_CLOSED)
        try:
            while rows := self._queue.take():
                self._run(rows)
        except BaseException as stopped:
            error = self._failure = _to_failure(stopped)
            self._on_failure(self._failure)
            raise
        finally:  # whatever happens, nobody waits for ever
            for row in (*rows, *self._queue.close()):
                row.fail(error)

    def _run(self, rows: Sequence[Row]) -> None:
        """Has the model go on with rows until all are over, or have to go on in another batch."""
        self._running = rows
        if self._queue.is_closed:  # asked last, so that who closes it sees these rows or they see that
            for row in rows:
                row.fail(ModelBusy(_CLOSED))
            return
        problem = self._attempt(rows)
        unfinished = [row for row in rows if not row.is_over]
        if problem is None:
            self._queue.put_back(unfinished)
        elif len(rows) > 1:
            # Too much for the memory together, or one of them is at fault: each goes on where it is, alone.
            for row in unfinished:
                self._run([row])
        else:
            rows[0].fail(problem)

    def _attempt(self, rows: Sequence[Row]) -> ValueError | None:
        """What went wrong, if something did; what the attempt held in memory is free again."""
        try:
            with torch.inference_mode():  # on the tiny model, a tenth faster than `generate` by itself
                self._generate(rows)
        except Exception as error:  # noqa: BLE001  whatever the model raises, others shall be answered
            problem = _to_problem(error, rows[0])
            if isinstance(problem, ModelFailed):
                _log.exception("the model failed")
        else:
            return None
        finally:
            for row in rows:
                if row.is_over:
                    row.embedded = None
        _free()
        return problem

    def _generate(self, rows: Sequence[Row]) -> None:
        weights = self._weights
        for row in rows:
            row.together = len(rows)
            embed(row, weights)
        if any(row.embedded is None for row in rows):  # its reader left meanwhile
            return
        batch = to_batch(rows, weights)
        length = batch.ids.shape[1]
        most = max(row.rest for row in rows)
        if length <= weights.edge:
            # Beyond it the positions of all tokens change, and all of them must be read again: by a row that
            # goes on after it, in a batch in which all rows are beyond it.
            most = min(most, weights.edge - length + 1)
        steps = Steps(rows, self._ends, weights.device, pause=lambda: self._queue.has_one_for(rows))
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=most,
            eos_token_id=[*weights.ends],
            pad_token_id=weights.pad,
            repetition_penalty=1.0,
        )
        with self._adapters.on([row.adapter for row in rows]) as (generate, options):
            generate(
                input_ids=batch.ids,
                inputs_embeds=batch.embeddings,
                attention_mask=batch.mask,
                generation_config=config,
                logits_processor=self._choices(rows, batch),
                stopping_criteria=[steps],
                streamer=steps,
                **options,
            )

    def _choices(self, rows: Sequence[Row], batch: Batch) -> list[TokenChoice]:
        samplings = [row.question.sampling for row in rows]
        if all(sampling.is_plain for sampling in samplings):
            return []
        size = self._weights.model.config.vocab_size
        return [TokenChoice(samplings, [row.chance for row in rows], batch.ids, batch.mask, size)]


def _to_failure(stopped: BaseException) -> ModelFailed:
    if isinstance(stopped, ModelFailed):
        return stopped
    return ModelFailed(f"The model stopped working: {type(stopped).__name__}.")


def _free() -> None:
    """Frees what a failed attempt held in memory.

    Raises:
        ModelFailed: The GPU does not do even that: after some errors, all calls fail until a process ends.
    """
    gc.collect()  # tracebacks hold tensors
    if torch.cuda.is_available():
        try:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except Exception as error:
            raise ModelFailed(_GPU_LOST) from error


def _to_problem(error: Exception, row: Row) -> ValueError:
    """The error for who waits for a row, when it was alone."""
    text = str(error).casefold()
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(part in text for part in _NO_MEMORY):
        return ValueError(_memory_text(row))
    return ModelFailed(f"The model failed: {type(error).__name__}. The server's log has more about it.")


def _memory_text(row: Row) -> str:
    prompt = row.question.prompt
    files = [f"{file.name} {file.tokens:,}" for file in (*prompt.images, *prompt.audio)]
    listed = f" ({', '.join(files)})" if files else ""
    free = ""
    if torch.cuda.is_available():
        with suppress(RuntimeError):
            left, all_of_it = torch.cuda.mem_get_info()
            free = f" {left / 2**30:.1f} of {all_of_it / 2**30:.1f} GiB of the GPU's memory are free now."
    return (
        f"The model ran out of memory with this chat: {len(prompt.ids):,} tokens{listed}, and"
        f" {len(row.tokens):,} of the answer.{free} Send less, or ask for a shorter answer; the server's"
        " --max-context and --max-image-side hold chats to what its memory is enough for."
    )
