"""The options that say which weights answer."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from phi4_server.weights.generation.images import count_tokens, lay_out
from phi4_server.weights.generation.loaded import ImageForm
from phi4_server.weights.load.settings import (
    LONGEST_SIDE,
    WeightsSettings,
    add_options,
    to_options,
    to_settings,
)

HUB = "microsoft/Phi-4-multimodal-instruct"


def settings(*words: str) -> WeightsSettings | None:
    """What options on the command line come to."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--model")
    add_options(parser)
    return to_settings(parser.parse_args(words), ["offline", "rehearsal"])


def test_all_options() -> None:
    """Each of them is in the settings, numbers with or without commas."""
    found = settings(
        *("--model", HUB, "--device", "cuda", "--dtype", "float16", "--quantize", "4bit"),
        *("--max-image-side", "1024", "--max-context", "16,384", "--revision", "refs/pr/70"),
    )

    assert found == WeightsSettings(
        model=HUB,
        device="cuda",
        dtype="float16",
        quantize="4bit",
        max_image_side=1024,
        max_context=16384,
        revision="refs/pr/70",
    )


@pytest.mark.parametrize("words", [(), ("--model", "offline"), ("--model", "rehearsal")])
def test_no_weights(words: tuple[str, ...]) -> None:
    """A model with a name, or none at all, is no weights."""
    assert settings(*words) is None


@pytest.mark.parametrize(
    "words",
    [
        *[("--device", "cpu"), ("--dtype", "float32"), ("--quantize", "4bit"), ("--max-image-side", "448")],
        *[("--max-context", "4096"), ("--revision", "main"), ("--check",)],
    ],
)
@pytest.mark.parametrize("model", [(), ("--model", "offline")])
def test_options_without_weights(words: tuple[str, ...], model: tuple[str, ...]) -> None:
    """They are refused, and not passed over."""
    with pytest.raises(argparse.ArgumentTypeError, match=rf"{words[0]} needs --model with Phi-4's weights"):
        settings(*model, *words)


@pytest.mark.parametrize(
    "text", ["./phi-4", "../phi-4", "/models/phi-4", "~/phi-4", "models/phi-4/", "a/b/c"]
)
def test_what_looks_like_a_folder(text: str) -> None:
    """It is one, though it is not there: the error says so, and the Hub is not asked for it."""
    assert WeightsSettings(model=text).folder == Path(text).expanduser()

    with pytest.raises(argparse.ArgumentTypeError, match=r"^argument --model: .*: there is no such folder$"):
        settings("--model", text)


def test_a_file_that_is_named_for_a_folder(tmp_path: Path) -> None:
    """It is refused as such."""
    (tmp_path / "config.json").touch()

    with pytest.raises(argparse.ArgumentTypeError, match=r"config\.json: that is no folder"):
        settings("--model", str(tmp_path / "config.json"))


@pytest.mark.parametrize(
    "words",
    [
        ("--model", HUB),
        ("--model", HUB, "--device", "cuda", "--dtype", "float16", "--quantize", "4bit"),
        ("--model", HUB, "--max-image-side", "1024", "--max-context", "16384", "--revision", "refs/pr/70"),
    ],
)
def test_settings_as_options(words: tuple[str, ...]) -> None:
    """They come to the same settings again; what was not set is not among them."""
    found = settings(*words)

    assert found is not None
    assert to_options(found) == [*words]


def test_the_help_counts_as_the_model_does() -> None:
    """What a full-HD image takes is what is counted for it, at the side that is the default and as it is."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    text = " ".join(parser.format_help().split())

    def tokens(side: int) -> int:
        form = ImageForm()
        return count_tokens(lay_out(side, round(side * 1080 / 1920), form), form)

    assert f"full HD takes {tokens(LONGEST_SIDE):,} tokens as it is, and {tokens(1920):,} with 1920" in text
    assert f"(default: {LONGEST_SIDE})" in text


def test_a_folder_that_looks_like_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the disk comes before what may be on the Hub."""
    monkeypatch.chdir(tmp_path)
    assert WeightsSettings(model=HUB).folder is None

    (tmp_path / HUB).mkdir(parents=True)

    assert WeightsSettings(model=HUB).folder == Path(HUB)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("offlin", r"no model 'offlin'; did you mean offline\? It takes offline, rehearsal, a folder"),
        (
            "phi4",
            r"no model 'phi4'; it takes offline, rehearsal, a folder such as ./phi-4, or a name on the Hub",
        ),
        ("", "no model ''"),
        ("a b/c", "no model 'a b/c'"),
        ("https://huggingface.co", "no model .*; it takes offline"),
        (f"https://huggingface.co/{HUB}/tree/main", rf"did you mean {HUB}\? It"),
    ],
)
def test_what_is_no_model(text: str, hint: str) -> None:
    """A name that was mistyped is no folder and not on the Hub: what it may be is said."""
    with pytest.raises(argparse.ArgumentTypeError, match=hint):
        settings("--model", text)


def test_a_revision_of_a_folder(tmp_path: Path) -> None:
    """A folder has none."""
    with pytest.raises(argparse.ArgumentTypeError, match="--revision is of a model on the Hub"):
        settings("--model", str(tmp_path), "--revision", "main")


@pytest.mark.parametrize(
    "words",
    [("--max-context", "12"), ("--max-image-side", "0"), ("--max-context", "many"), ("--quantize", "8bit")],
)
def test_values_that_make_no_sense(words: tuple[str, ...]) -> None:
    """They are refused when the program starts."""
    with pytest.raises(argparse.ArgumentError):
        settings("--model", HUB, *words)
