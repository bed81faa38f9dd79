"""What our server costs, and what answering several at once buys, against plain `generate`; needs torch.

    python benchmarks/weights.py [--tokens 1000] [--rounds 15]
    python benchmarks/weights.py --full [--device cuda]     the full-size architecture, with random weights

What stands in one line was measured in one run, by turns, so that what else the machine does touches each
alike, and the mean of all rounds counts. What can be compared between machines are the ratios. On a machine
that is busy with other things, take --cpu: it counts this process's CPU time, and so leaves the whole server
out.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
warnings.simplefilter("ignore")

import torch  # noqa: E402  the path comes first
import transformers  # noqa: E402  see above

from phi4_server.model import ChatRequest, Message  # noqa: E402  see above
from phi4_server.weights.generation.engine import Engine  # noqa: E402  see above
from phi4_server.weights.generation.loaded import ImageForm, Weights  # noqa: E402  see above
from phi4_server.weights.generation.question import Form, Question, to_question  # noqa: E402  see above

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
    if out.shape[1] != ids.shape[1] + asked.most:
        raise RuntimeError("the answer ended early")


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


CLOCKS = [time.perf_counter]
"""What tells the time, last."""


def mean(rounds: int, *works: Callable[[], None]) -> list[float]:
    """The mean of the times of each of some works, in seconds, which take turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for own, work in zip(times, works, strict=True):
            began = CLOCKS[-1]()
            work()
            own.append(CLOCKS[-1]() - began)
    return [statistics.fmean(own) for own in times]


def tiny(tokens: int, rounds: int) -> None:
    """All figures of the tiny model, on one core of the CPU."""
    import tiny_answers  # noqa: PLC0415  the path comes first
    import tiny_phi4  # noqa: PLC0415  see above

    from phi4_space import Reply, SpaceClient  # noqa: PLC0415  see above

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = tiny_phi4.make(Path(temporary) / "tiny")
        weights = tiny_answers.endless(tiny_answers.loaded(folder))
        engine = Engine(weights)
        asked = question(weights, tokens)
        with served(folder) as url, SpaceClient(url, endpoint="chat_completion") as client:

            def over_http() -> None:
                *_, reply = client.stream(f"0: {TEXT}", max_tokens=tokens)
                if not isinstance(reply, Reply) or reply.usage is None or reply.usage.output_tokens != tokens:
                    raise RuntimeError("the answer ended early")

            over_http()
            plain, ours, whole = mean(
                rounds, lambda: by_generate(weights, asked), lambda: by_engine(engine, [asked]), over_http
            )
        print(f"plain generate    {tokens / plain:7.1f} tokens a second")
        print(f"our engine        {tokens / ours:7.1f}   {plain / ours:.3f} of it")
        if CLOCKS[-1] is time.perf_counter:
            print(f"our whole server  {tokens / whole:7.1f}   {plain / whole:.3f} of it, over HTTP")
        print_batches(engine, weights, ROWS, tokens, rounds)
        engine.close()


def print_batches(engine: Engine, weights: Weights, rows: Sequence[int], tokens: int, rounds: int) -> None:
    """What answering several at once buys."""
    first = None
    for count in rows:
        batch = [question(weights, tokens, number) for number in range(count)]
        (seconds,) = mean(rounds, lambda batch=batch: by_engine(engine, batch))  # type: ignore[misc]
        rate = count * tokens / seconds
        first = first or rate
        print(f"{count:3} at once       {rate:7.1f} tokens a second together, {rate / first:5.2f} times one")


def full_size(device: str) -> Weights:
    """The architecture of the real model with random weights, in bfloat16."""
    import peft  # noqa: PLC0415  not for the tiny one
    import tiny_phi4  # noqa: PLC0415  the path comes first
    from tokenizers import Tokenizer  # noqa: PLC0415  see above

    config = transformers.Phi4MultimodalConfig(
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=32,
        num_attention_heads=24,
        num_key_value_heads=8,
        vocab_size=200_064,
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 0.75,
            "short_factor": [1.0] * 48,
            "long_factor": [2.0] * 48,
            "original_max_position_embeddings": 4096,
        },
        original_max_position_embeddings=4096,
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = transformers.Phi4MultimodalForCausalLM(config).eval()
        for name, rank in (("vision", 256), ("speech", 320)):
            lora = peft.LoraConfig(
                r=rank,
                lora_alpha=2 * rank,
                task_type="CAUSAL_LM",
                inference_mode=True,
                target_modules=r"model\.layers\.\d+\..*(qkv_proj|o_proj|gate_up_proj|down_proj)",
            )
            if isinstance(model, peft.PeftModel):
                model.add_adapter(name, lora)
            else:
                model = peft.get_peft_model(model, lora, adapter_name=name, autocast_adapter_dtype=False)
    torch.set_default_dtype(torch.float32)
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = Tokenizer.from_file(str(tiny_phi4.make(Path(temporary) / "tiny") / "tokenizer.json"))
    return Weights(
        model=model.eval(),
        tokenizer=tokenizer,
        image_token=config.vision_config.image_token_id,
        audio_token=config.audio_config.audio_token_id,
        ends=(10**9,),
        pad=199_999,
        images=ImageForm(),
        audio=transformers.Phi4MultimodalFeatureExtractor(),
        context=131_072,
        edge=4096,
        device=device,
        name="random",
    )


def full(device: str, tokens: int, rounds: int) -> None:
    """The figures of the full-size model, on one device."""
    began = time.perf_counter()
    weights = full_size(device)
    loading = time.perf_counter() - began
    engine = Engine(weights, at_once=max(FULL_ROWS))
    asked = question(weights, tokens)
    by_generate(weights, asked)
    by_engine(engine, [asked])
    (first,) = mean(rounds, lambda: by_engine(engine, [question(weights, 1)]))
    plain, ours = mean(rounds, lambda: by_generate(weights, asked), lambda: by_engine(engine, [asked]))
    print(f"made in           {loading:7.1f} s; first token after {first:.3f} s")
    print(f"plain generate    {tokens / plain:7.1f} tokens a second")
    print(f"our engine        {tokens / ours:7.1f}   {plain / ours:.3f} of it")
    print_batches(engine, weights, FULL_ROWS, tokens, rounds)
    if device == "cuda":
        name, peak = torch.cuda.get_device_name(), torch.cuda.max_memory_allocated()
    else:
        name, peak = device, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"at most           {peak / 2**30:7.1f} GiB of memory, on {name}")
    engine.close()


def main() -> None:
    """Measures and prints."""
    if "--serve" in sys.argv[1:2]:
        sys.exit(serve(sys.argv[2:]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    if options.cpu:
        CLOCKS.append(time.process_time)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if options.full:
        full(options.device, options.tokens, options.rounds)
    else:
        tiny(options.tokens, options.rounds)


if __name__ == "__main__":
    main()
