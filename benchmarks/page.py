"""docs/performance.md, out of the figures: for each subject how it is measured, its plots and a table."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.figure import Figure

_PACKAGES = (
    "gradio",
    "gradio_client",
    "httpx",
    "httpx-sse",
    "pydantic",
    "langchain-core",
    "llama-index-core",
)
_INTRODUCTION = """\
# What it costs

`make bench` measures this, compares it with the figures committed last, and writes this page.
Figures are taken by turns within one run, most of them as ratios, which hold on other machines as well:
the median of the rounds, and in brackets between what it would lie if there were endlessly many.
The *floor* is the least code that does the same work, `benchmarks/floor.py`.

"""


def machine() -> str:
    """The machine and what runs on it, as far as figures depend on them."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"{_cpu()}, {os.cpu_count()} cores; Python {platform.python_version()}; {packages}"


def _cpu() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(
    place: Path,
    figures: Mapping[str, Sequence[Figure]],
    plots: Mapping[str, Sequence[str]],
    about: Mapping[str, str],
    on: str,
) -> None:
    """Writes the page.

    Args:
        place: Where to.
        figures: Each subject's.
        plots: The files of each subject's plots, as the page links to them.
        about: How each subject is measured; the first sentence is its heading.
        on: The machine.
    """
    sections = [_section(about[name], figures[name], plots.get(name, ())) for name in figures]
    place.write_text(f"{_INTRODUCTION}Measured on {on}.\n\n" + "\n".join(sections), encoding="utf-8")


def _section(about: str, figures: Sequence[Figure], plots: Sequence[str]) -> str:
    heading, _, rest = about.strip().partition("\n\n")
    heading = " ".join(heading.split()).rstrip(".")
    images = "".join(f"![]({plot})\n\n" for plot in plots)
    rows = "\n".join(_rows(figures))
    return f"## {heading}\n\n{rest}\n\n{images}{rows}\n"


def _rows(figures: Sequence[Figure]) -> Iterator[str]:
    yield "| what | measured | goal | |"
    yield "|---|---|---|---|"
    for figure in figures:
        met = {True: "met", False: "missed", None: ""}[figure.is_met]
        yield f"| {figure.name} | {formatted(figure)} | {figure.goal or ''} | {met} |"


def formatted(figure: Figure) -> str:
    """A figure as people read it."""
    value, low, high = (number(each) for each in (figure.spread.value, figure.spread.low, figure.spread.high))
    unit = "" if figure.unit == "x" else f" {figure.unit}"
    return f"{value}{unit}" if low == high else f"{value}{unit} ({low} to {high})"


def number(value: float) -> str:
    """Three digits, and no power of ten."""
    if abs(value) >= 100:  # noqa: PLR2004  three digits
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".")
