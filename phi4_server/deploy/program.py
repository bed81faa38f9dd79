"""What answers on a Space, its `app.py`, and what that has to be installed with. Knows no Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phi4_server.deploy.failure import invalid

GRADIO = "6.31.0"
PYTHON = "3.12.12"
"""What the Space gets by its README. Gradio comes with the Space, so requirements.txt leaves it out."""

_SERVER = (
    "av==18.1.0",
    "jsonschema==4.26.0",
    "numpy==2.4.6",
    "pillow==12.3.0",
    "python-multipart==0.0.34",
    "snowballstemmer==3.1.1",
    "spaces>=0.51.3,<1",  # the Hub installs its own, and asks for a recent one
)
_UPSTREAM = ("httpx==0.28.1", "httpx-sse==0.4.3", "stamina==26.1.0")
_WEIGHTS = (
    "accelerate==1.15.0",
    "huggingface_hub==2.4.0",
    "peft==0.21.2",
    "psutil==7.2.2",
    "safetensors==0.8.0",
    "tokenizers==0.23.3",
    "torch==2.13.0",
    "transformers==5.24.0",
)

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_HEAD = '"""{}. `phi4 deploy` wrote this file, and writes it again."""\n\n'
_SPACES = "import spaces  # first of all: on ZeroGPU it has to be there before anything touches CUDA\n"
_LAUNCH = "demo.launch(**ON_THE_HUB)  # Gradio's own launch, which ZeroGPU waits for\n"
_UNUSED = """
@spaces.GPU
def unused() -> None:
    \"\"\"ZeroGPU starts no Space without such a function. Nothing here needs a GPU.\"\"\"

"""


@dataclass(frozen=True, slots=True)
class OfflineProgram:
    """The offline model answers: no weights, no cost, not Phi-4."""


@dataclass(frozen=True, slots=True)
class WeightsProgram:
    """Phi-4's weights answer, on the Space's own GPU.

    Attributes:
        model: Their repository on the Hub.
    """

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamProgram:
    """An engine elsewhere answers.

    Attributes:
        url: Its address.
        model: Its model's name; None means the only one that it has.
        key: The name of the secret that holds its key.
        adapters: Names of the model with an adapter, as `phi4 serve --upstream-adapters` takes them.
    """

    url: str
    model: str | None = None
    key: str | None = None
    adapters: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of `phi4 serve` that mean the same."""
        pairs = {
            "--upstream": self.url,
            "--upstream-model": self.model,
            "--upstream-key-env": self.key,
            "--upstream-adapters": self.adapters,
        }
        return tuple(f"{name}={value}" for name, value in pairs.items() if value is not None)


Program = OfflineProgram | WeightsProgram | UpstreamProgram


def to_model(text: str) -> OfflineProgram | WeightsProgram:
    """The program that `--model` names.

    Raises:
        DeployFailed: It names no model that a Space can have.
    """
    if text == "offline":
        return OfflineProgram()
    if _REPO.fullmatch(text) and not Path(text).exists():
        return WeightsProgram(text)
    if Path(text).exists():
        advice = "Upload it to the Hub first (hf upload OWNER/NAME FOLDER), and name it as OWNER/NAME."
        raise invalid(f"{text!r} is a folder of this machine, which a Space cannot read", advice)
    raise invalid(f"{text!r} names no model", 'Write "offline", or OWNER/NAME as on huggingface.co/models.')


def requirements(program: Program) -> str:
    """The requirements.txt: what the package's extras need, each as it was tried."""
    further: dict[type, tuple[str, ...]] = {WeightsProgram: _WEIGHTS, UpstreamProgram: _UPSTREAM}
    lines = (*_SERVER, *further.get(type(program), ()))
    return "".join(f"{line}\n" for line in sorted(lines))


def app_py(program: Program) -> str:
    """The app.py. It ends in Gradio's own `launch`, at the top level, where the Hub looks for it."""
    return "".join(_app_py(program))


def _app_py(program: Program) -> Iterator[str]:
    match program:
        case OfflineProgram():
            yield _HEAD.format("A Space with the offline model behind it, which is not Phi-4")
            yield f"{_SPACES}\n"
            yield _imports("phi4_server.offline.model", "OfflineModel")
            yield f"\n{_UNUSED}\ndemo = build(OfflineModel())\n"
        case WeightsProgram(model):
            yield _HEAD.format("Phi-4-multimodal, on the GPU of this Space")
            yield f"{_SPACES}\n"
            yield _imports("phi4_server.weights", "zero_gpu")
            yield (
                f"\nWEIGHTS = zero_gpu.load({model!r})\n\n\n"
                "@spaces.GPU(duration=zero_gpu.duration)\n"
                "def generate(job):\n"
                '    """Answers, on a GPU that is there for this one answer where it is ZeroGPU\'s."""\n'
                "    yield from zero_gpu.answer(WEIGHTS, job)\n\n\n"
                "demo = build(zero_gpu.ZeroGpuModel(WEIGHTS, generate))\n"
            )
        case UpstreamProgram():
            yield _HEAD.format("A Space with an engine elsewhere behind it")
            yield f"import argparse\n\n{_SPACES}\n"
            yield _imports("phi4_server.upstream", "settings", "phi4_server.upstream.model", "UpstreamModel")
            arguments = "".join(f"    {argument!r},\n" for argument in program.arguments)
            yield f"\nARGUMENTS = (\n{arguments})\n\n{_UNUSED}\n"
            yield (
                "parser = argparse.ArgumentParser()\n"
                "settings.add_options(parser)\n"
                "engine = settings.to_settings(parser.parse_args(ARGUMENTS))\n"
                "demo = build(UpstreamModel(engine))\n"
            )
    yield _LAUNCH


def _imports(*modules_and_names: str) -> str:
    pairs = zip(modules_and_names[::2], modules_and_names[1::2], strict=True)
    ours = [("phi4_server.app", "build"), ("phi4_server.hub_launch", "ON_THE_HUB"), *pairs]
    return "".join(f"from {module} import {name}\n" for module, name in sorted(ours))
