"""benchmarks/ still runs, and says what became slower; its figures are not looked at."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from servers import ROOT

CHEAP = ("cpu", "deltas", "frameworks", "media", "readers", "streams")


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which no package has."""
    monkeypatch.syspath_prepend(ROOT)
    import benchmarks.figure  # noqa: PLC0415  the path comes first

    return benchmarks.figure


@pytest.mark.loopback
@pytest.mark.parametrize("subject", CHEAP)
def test_a_subject_runs(subject: str) -> None:
    """It measures what it names, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--quick", subject]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603 - our own

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{subject}, in ")
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize(("value", "is_worse"), [(1.0, False), (1.05, False), (1.2, True), (0.5, False)])
def test_what_costs_more_than_before_is_worse(figure: ModuleType, value: float, *, is_worse: bool) -> None:
    """By more than a tenth, and by more than the spread."""
    before = figure.Figure("a turn", figure.Spread(1.0, 0.99, 1.01))
    after = figure.Figure("a turn", figure.Spread(value, value - 0.01, value + 0.01))
    vague = figure.Figure("a turn", figure.Spread(value, value - 0.5, value + 0.5))

    assert after.is_worse_than(before) == is_worse
    assert not vague.is_worse_than(before)


def test_what_gains_less_than_before_is_worse(figure: ModuleType) -> None:
    """The other way round, where more is better."""
    few, many = (
        figure.Figure("turns", figure.Spread(value, value, value), goal=figure.at_least(1))
        for value in (1, 2)
    )

    assert few.is_worse_than(many)
    assert not many.is_worse_than(few)


def test_figures_come_back_from_json(figure: ModuleType) -> None:
    """With their goals."""
    one = figure.Figure("turns", figure.Spread(1.5, 1.25, 1.75), unit="ms", goal=figure.at_least(1.0))

    assert figure.Figure.from_json("turns", one.to_json()) == one


@pytest.mark.usefixtures("figure")
def test_a_plot_is_well_formed() -> None:
    """Each line has its points, whatever it is called."""
    from benchmarks.figure import Plot  # noqa: PLC0415  the path comes first
    from benchmarks.plot import to_svg  # noqa: PLC0415  see above

    lines = {"a < b & c": [(1.0, 2.0), (10.0, 3.0)], "d": [(1.0, 0.0), (10.0, 0.5)]}
    svg = ET.fromstring(to_svg(Plot(name="p", title="<t>", x="x", y="y", lines=lines, logarithmic=True)))  # noqa: S314 - our own

    assert len(svg.findall("{*}polyline")) == len(lines)
