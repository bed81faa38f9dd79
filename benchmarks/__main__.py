"""Measures all subjects, or those named, and says what became slower.

    make bench                          all: compares, writes docs/performance.md and benchmarks/figures.json
    python -m benchmarks turns deltas   these alone; writes nothing, unless told to by --write
    python -m benchmarks --quick        whether they run; their figures mean nothing

Each subject is a module of this folder with a `measure`. Figures are compared with those committed last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.child import ROOT
from benchmarks.figure import Effort, Figure, Report
from benchmarks.page import formatted, machine, write
from benchmarks.plot import to_svg

SUBJECTS = (
    "turns",
    "cpu",
    "deltas",
    "many",
    "frameworks",
    "start",
    "media",
    "streams",
    "readers",
    "long",
    "server",
)
FIGURES = ROOT / "benchmarks" / "figures.json"
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"


def committed() -> dict[str, Any]:
    """What figures.json held when it was committed last; nothing where it never was."""
    command = ["git", "show", f"HEAD:{FIGURES.relative_to(ROOT)}"]
    found = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)  # noqa: S603  no input of others
    return dict(json.loads(found.stdout)) if found.returncode == 0 else {}


def keep(reports: dict[str, Report]) -> None:
    """Writes the figures, the plots and the page; subjects that were not measured stay as they are."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"subjects": {}}
    for subject, report in reports.items():
        for plot in report.plots:
            PLOTS.mkdir(exist_ok=True)
            (PLOTS / f"{plot.name}.svg").write_text(to_svg(plot), encoding="utf-8")
        kept["subjects"][subject] = {
            "figures": {figure.name: figure.to_json() for figure in report.figures},
            "plots": [f"{PLOTS.name}/{plot.name}.svg" for plot in report.plots],
        }
    subjects = {name: kept["subjects"][name] for name in SUBJECTS if name in kept["subjects"]}
    on = machine()
    FIGURES.write_text(json.dumps({"machine": on, "subjects": subjects}, indent=1) + "\n", encoding="utf-8")
    write(
        PAGE,
        {name: list(_figures(one["figures"]).values()) for name, one in subjects.items()},
        {name: one["plots"] for name, one in subjects.items()},
        {name: import_module(f"benchmarks.{name}").__doc__ or name for name in subjects},
        on,
    )


def _figures(written: dict[str, Any]) -> dict[str, Figure]:
    return {name: Figure.from_json(name, one) for name, one in written.items()}


def slower(before: dict[str, Any], reports: dict[str, Report]) -> list[str]:
    """What became worse, beyond noise, in a line each."""
    found = []
    for subject, report in reports.items():
        old = _figures(before.get("subjects", {}).get(subject, {}).get("figures", {}))
        found += [
            f"{subject}: {figure.name}: {formatted(figure)}, was {formatted(old[figure.name])}"
            for figure in report.figures
            if figure.name in old and figure.is_worse_than(old[figure.name])
        ]
    return found


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"one of {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="as little as shows that it runs")
    parser.add_argument("--write", action="store_true", help="write the figures of the subjects named")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    reports: dict[str, Report] = {}
    for subject in options.subjects or SUBJECTS:
        began = time.monotonic()
        reports[subject] = import_module(f"benchmarks.{subject}").measure(Effort(options.quick))
        print(f"{subject}, in {time.monotonic() - began:.0f} s", flush=True)
        for figure in reports[subject].figures:
            mark = {True: "", False: "  MISSED", None: ""}[figure.is_met]
            goal = f"  goal {figure.goal}" if figure.goal else ""
            print(f"  {figure.name:62} {formatted(figure):28}{goal}{mark}", flush=True)
    if options.quick:
        return 0
    worse = slower(committed(), reports)
    print(
        *(["slower than the figures committed last:", *worse] if worse else ["nothing became slower"]),
        sep="\n  ",
    )
    if options.write or not options.subjects:
        keep(reports)
    return 0


if __name__ == "__main__":
    sys.exit(main())
