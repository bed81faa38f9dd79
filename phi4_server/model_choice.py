"""Which model answers: the options that say so, and what makes it. Knows no page, and no model's rules."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from phi4_server.ending import Ending
from phi4_server.model import ChatModel, Model, Progress
from phi4_server.scripted import ScriptedModel, ScriptError
from phi4_server.upstream import settings as upstream
from phi4_server.weights.load import settings as weights
from phi4_server.weights.load.terminal import TerminalReport

Making = Callable[[], Model | ChatModel]


def _offline() -> Model:
    from phi4_server.offline.model import OfflineModel  # noqa: PLC0415  reads images: needs the server's extra

    return OfflineModel()


def _upstream(settings: upstream.UpstreamSettings) -> ChatModel:
    from phi4_server.upstream.model import UpstreamModel  # noqa: PLC0415  needs the server's extra

    return UpstreamModel(settings)


def _weights(
    settings: weights.WeightsSettings, at_once: int, ending: Ending, report: TerminalReport
) -> ChatModel:
    report(Progress(f"Starting {settings.model}"))  # at once: what follows takes seconds to import
    from phi4_server.weights.model import WeightsModel  # noqa: PLC0415  needs an extra of its own

    model: ChatModel = WeightsModel(settings, at_once=at_once, report=report, on_failure=ending)
    return model


MODELS: Mapping[str, Making] = {"offline": _offline}
"""What `--model` may name, the default first, beside folders and models on the Hub."""


def add_options(parser: argparse.ArgumentParser, models: Mapping[str, Making]) -> None:
    """Adds `--model`, `--script`, `--upstream` and what goes with them."""
    offer = parser.add_argument
    offer(
        "--model",
        metavar="|".join([*models, "OWNER/NAME", "FOLDER"]),
        help=f"the model that answers: by name, on the Hub, or in a folder (default: {next(iter(models))})",
    )
    offer("--script", type=Path, metavar="FILE", help="answer from this JSON script instead, for tests")
    weights.add_options(parser)
    upstream.add_options(parser)


def choose(
    options: argparse.Namespace, models: Mapping[str, Making], ending: Ending, report: TerminalReport
) -> Making | weights.WeightsSettings:
    """What makes the model that the options ask for, or the weights that are to be checked and not served.

    Args:
        options: What was given.
        models: What `--model` may name, the default first.
        ending: Called if the model turns out not to work after it was made.
        report: Called as a model loads.

    Raises:
        argparse.ArgumentTypeError: They do not go together, or what they name is not there.
    """
    engine, own = upstream.to_settings(options), weights.to_settings(options, models)
    if engine is not None and (options.script is not None or options.model is not None):
        raise argparse.ArgumentTypeError("argument --upstream: not allowed with --model or --script")
    if engine is not None:
        return lambda: _upstream(engine)
    if own is not None:
        return _of_weights(options, own, ending, report)
    if options.script is not None:
        return _of_script(options.script)
    return models[options.model or next(iter(models))]


def _of_weights(
    options: argparse.Namespace, own: weights.WeightsSettings, ending: Ending, report: TerminalReport
) -> Making | weights.WeightsSettings:
    if options.script is not None:
        raise argparse.ArgumentTypeError("argument --model: not allowed with --script")
    return own if options.check else lambda: _weights(own, options.at_once, ending, report)


def _of_script(file: Path) -> Making:
    try:
        scripted = ScriptedModel.from_file(file)
    except ScriptError as problem:
        raise argparse.ArgumentTypeError(f"argument --script: {problem}") from None
    return lambda: scripted
