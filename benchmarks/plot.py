"""Plots as SVG: lines over one axis, and nothing else, for which no library is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from xml.sax.saxutils import escape

from benchmarks.figure import Plot

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 500, 44, 330
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which people tell apart who see fewer colours."""
_LOOK = 'font-family="sans-serif" font-size="12" role="img"'
_STEPS = (1, 2, 2.5, 5, 10)
_MOST_TICKS = 6


def to_svg(plot: Plot) -> str:
    """The plot as an SVG document, on white, so that it can be read on any page."""
    xs = sorted({x for points in plot.lines.values() for x, _ in points})
    top = max(y for points in plot.lines.values() for _, y in points)
    ticks = _ticks(top)
    across = _scale(xs[0], xs[-1], _LEFT, _RIGHT, logarithmic=plot.logarithmic)
    up = _scale(0.0, ticks[-1], _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_LOOK}>',
        f"<title>{escape(plot.title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 22, plot.title, "start", 'font-size="15" font-weight="bold"'),
        _text((_LEFT + _RIGHT) / 2, _HEIGHT - 12, plot.x),
        _text(16, (_TOP + _BOTTOM) / 2, plot.y, more=f'transform="rotate(-90 16 {(_TOP + _BOTTOM) / 2})"'),
        *chain.from_iterable(_level(up(tick), f"{tick:g}") for tick in ticks),
        *(_text(across(x), _BOTTOM + 18, _short(x)) for x in xs),
    ]
    for number, (name, points) in enumerate(plot.lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += _line([(across(x), up(y)) for x, y in points], colour)
        parts += [
            f'<rect x="{_RIGHT + 14}" y="{_TOP + 20 * number}" width="12" height="4" fill="{colour}"/>',
            _text(_RIGHT + 32, _TOP + 20 * number + 7, name, "start"),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _ticks(top: float) -> list[float]:
    least = (top or 1.0) / _MOST_TICKS
    power = 10 ** math.floor(math.log10(least))
    step = next(power * one for one in _STEPS if power * one >= least)
    return [step * number for number in range(math.ceil((top or 1.0) / step) + 1)]


def _scale(
    low: float, high: float, start: float, end: float, *, logarithmic: bool = False
) -> Callable[[float], float]:
    at = math.log10 if logarithmic else float
    first, width = at(low), (at(high) - at(low)) or 1.0
    return lambda value: start + (end - start) * (at(value) - first) / width


def _level(y: float, label: str) -> list[str]:
    line = f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#ddd"/>'
    return [line, _text(_LEFT - 8, y + 4, label, "end")]


def _line(points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def _short(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:g}"
