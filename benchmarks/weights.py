"""What our server costs, and what answering several at once buys, against plain `model.generate`; needs torch.

    python benchmarks/weights.py [--tokens 400] [--rounds 3]
    python benchmarks/weights.py --full [--device cuda]     the full-size architecture, with random weights

All figures of a line are from one run of this program, in turn, so that what else the machine does touches
each alike; the best of some rounds counts. Ratios are what can be compared between machines.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
warnings.simplefilter("ignore")

import torch  # noqa: E402  the path comes first
import transformers  # noqa: E402  see above

from phi4_server.model import ChatRequest, Message  # noqa: E402  see above
from phi4_server.weights.batch import to_batch  # noqa: E402  see above
from phi4_server.weights.engine import Engine  # noqa: E402  see above
from phi4_server.weights.loaded import Weights  # noqa: E402  see above
from phi4_server.weights.question import Form, Question, to_question  # noqa: E402  see above

TEXT = "What is in this picture? A cat sits on a mat, and the recording says hello."
ROWS = (1, 4, 8)
FULL_ROWS = (1, 8, 32)


def question(weights: Weights, tokens: int, number: int = 0) -> Question:
    """One whose answer has so many tokens."""
    import tiny_answers  # noqa: PLC0415  the path comes first

    form: Form = tiny_answers.form(weights)
    message = Message(role="user", text=f"{number}: {TEXT}", is_prompt=False)
    return to_question(ChatRequest(messages=(message,), options={"max_tokens": tokens}), {}, form)


def by_generate(weights: Weights, asked: Question) -> None:
    """Plain `generate`, as its documentation has it."""
    ids = torch.tensor([asked.prompt.ids], device=weights.device)
    with weights.model.disable_adapter():
        out = weights.model.generate(
            input_ids=ids, do_sample=False, max_new_tokens=asked.most, eos_token_id=[*weights.ends]
        )
    assert out.shape[1] == ids.shape[1] + asked.most


def by_engine(engine: Engine, asked: list[Question]) -> None:
    """Ours, each question read in a thread of its own."""
    threads = [threading.Thread(target=lambda each=each: [*engine.answer(each)]) for each in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A Space in front of the tiny model, in a process of its own."""
    from phi4_server.embedded import running_space  # noqa: PLC0415  the path comes first

    command = [sys.executable, __file__, "--serve", str(folder)]
    with running_space(command) as url:
        yield url


def serve(arguments: list[str]) -> int:
    """Is that process."""
    import tiny_answers  # noqa: PLC0415  the path comes first

    from phi4_server.__main__ import main as program  # noqa: PLC0415  see above
    from phi4_server.weights.model import WeightsModel  # noqa: PLC0415  see above

    torch.set_num_threads(1)
    weights = tiny_answers.endless(tiny_answers.loaded(Path(arguments[0])))
    return program(arguments[1:], models={"weights": lambda: WeightsModel.of(weights)})


def best(rounds: int, *works: Callable[[], None]) -> list[float]:
    """The shortest time of each of some works, in seconds, which take turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for own, work in zip(times, works, strict=True):
            began = time.perf_counter()
            work()
            own.append(time.perf_counter() - began)
    return [min(own) for own in times]


def tiny(tokens: int, rounds: int) -> None:
    """All figures of the tiny model, on one core of the CPU."""
    import tiny_answers  # noqa: PLC0415  the path comes first
    import tiny_phi4  # noqa: PLC0415  see above

    from phi4_space import SpaceClient  # noqa: PLC0415  see above

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = tiny_phi4.make(Path(temporary) / "tiny")
        weights = tiny_answers.endless(tiny_answers.loaded(folder))
        engine = Engine(weights)
        asked = question(weights, tokens)
        with served(folder) as url, SpaceClient(url, endpoint="chat_completion") as client:

            def over_http() -> None:
                *_, reply = client.stream(f"0: {TEXT}", max_tokens=tokens)
                assert reply.usage.output_tokens == tokens, reply

            over_http()
            plain, ours, whole = best(
                rounds, lambda: by_generate(weights, asked), lambda: by_engine(engine, [asked]), over_http
            )
        print(f"plain generate    {tokens / plain:7.1f} tokens a second")
        print(f"our engine        {tokens / ours:7.1f}   {plain / ours:.3f} of it")
        print(
            f"our whole server  {tokens / whole:7.1f}   {plain / whole:.3f} of it, over HTTP to another process"
        )
        print_batches(engine, weights, ROWS, tokens, rounds)
        engine.close()


def print_batches(engine: Engine, weights: Weights, rows: tuple[int, ...], tokens: int, rounds: int) -> None:
    """What answering several at once buys."""
    first = None
    for count in rows:
        batch = [question(weights, tokens, number) for number in range(count)]
        (seconds,) = best(rounds, lambda batch=batch: by_engine(engine, batch))  # type: ignore[misc]
        rate = count * tokens / seconds
        first = first or rate
        print(f"{count:3} at once       {rate:7.1f} tokens a second together, {rate / first:5.2f} times one")


def main() -> None:
    """Measures and prints."""
    if "--serve" in sys.argv[1:2]:
        sys.exit(serve(sys.argv[2:]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    tiny(options.tokens, options.rounds)


if __name__ == "__main__":
    main()
