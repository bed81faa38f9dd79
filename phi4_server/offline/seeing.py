"""Seeing: answers questions about pictures from what their pixels measure. Knows no prompt.

It sees format, size, colours and brightness. It recognises no objects, and says so.
"""

from __future__ import annotations

import re
from functools import partial

from phi4_server.offline import colours, picture, sense, words
from phi4_server.offline.picture import Grid, Picture, Share
from phi4_server.offline.scene import Value
from phi4_server.offline.sense import Sense

_asks = partial(re.compile, flags=re.IGNORECASE)

_NOUNS = r"pictures?|images?|photos?|photographs?|figures?|screenshots?|drawings?|graphics?|icons?"
_SEVERAL = _asks(r"\bcolou?rs\b")
_BACKGROUND = _asks(r"\bbackground\b")
_WHOLE = _asks(
    r"\b(?:main|dominant|most|mostly|overall|any|there)\b"
    r"|\bcolou?r (?:is|are|has|have|does|do|of|in)"
    r" (?:(?:the|this|that|these|those|my|each|both|\w+(?:st|nd|rd|th)) )*"
    rf"(?:{_NOUNS})\b"
)
_SIDES = (
    (_asks(r"\b(?:on|at|to|in) the left\b|\bleft(?:most| half| side| part)\b"), (0.0, 1 / 3), (0.0, 1.0)),
    (_asks(r"\b(?:on|at|to|in) the right\b|\bright(?:most| half| side| part)\b"), (2 / 3, 1.0), (0.0, 1.0)),
    (_asks(r"\b(?:at|on|in) the top\b|\btop (?:half|part|edge)\b|\bupper\b"), (0.0, 1.0), (0.0, 1 / 3)),
    (_asks(r"\b(?:at|on|in) the bottom\b|\bbottom (?:half|part|edge)\b|\blower\b"), (0.0, 1.0), (2 / 3, 1.0)),
    (_asks(r"\b(?:in|at) the (?:centre|center|middle)\b"), (0.4, 0.6), (0.4, 0.6)),
)
"""How a part of a picture is called, with where it begins and ends, across and down."""

_FORMATS = _asks(r"\b(?:jpe?g|png|gif|webp|bmp|tiff)\b")
_SHAPES = _asks(r"\b(?:portrait|landscape)\b")
_LIT = _asks(r"\b(?:bright|dark)\b")
_MOVING = _asks(r"\banimated\b")
_LIGHTS = (
    (0.15, "very dark"),
    (0.4, "dark"),
    (0.65, "of medium brightness"),
    (0.88, "bright"),
    (1.01, "very bright"),
)


def facts(shown: Picture) -> dict[str, Value]:
    """What is known of a picture, under what it is called."""
    figure, around = _figure(shown.grid), picture.background(shown.grid)
    known: dict[str, Value] = {
        "file name": shown.name,
        "format": shown.format,
        "width": shown.width,
        "height": shown.height,
        "size": _size(shown),
        "brightness": round(picture.brightness(shown.grid), 2),
    }
    known |= {"color": figure[0].name} if figure else {}
    return known | ({"background color": around} if around else {})


def _size(shown: Picture) -> str:
    return f"{shown.width} x {shown.height} pixels"


def _traits(shown: Picture) -> dict[str, str]:
    main = [share.name for share in picture.notable(picture.shares(shown.grid))[:3]]
    return {
        "format": shown.format,
        "size": _size(shown),
        "main colours": words.listed(main) or "none",
        "brightness": f"{picture.brightness(shown.grid):.0%}",
    }


def _described(shown: Picture) -> str:
    kind = f"{'an animated' if shown.animated else 'a'} {shown.format} picture"
    return f"{shown.name} is {kind} of {_size(shown)}. {_main(shown.grid)} {_tell_light(shown, '')}"


def _tell_size(shown: Picture, _: str) -> str:
    return f"It is {shown.width} pixels wide and {shown.height} pixels high ({shown.width} x {shown.height})."


def _tell_format(shown: Picture, question: str) -> str:
    return sense.confirmed(f"Its format is {shown.format}.", question, asked=_FORMATS)


def _tell_frames(shown: Picture, question: str) -> str:
    statement = "It is animated; I see its first frame." if shown.animated else "It has one frame."
    return sense.confirmed(statement, question, asked=_MOVING)


def _tell_shape(shown: Picture, question: str) -> str:
    wide = shown.width - shown.height
    shape = "square" if not wide else "landscape" if wide > 0 else "portrait"
    return sense.confirmed(f"It is {shape}: {_size(shown)}.", question, asked=_SHAPES)


def _tell_light(shown: Picture, question: str) -> str:
    value = picture.brightness(shown.grid)
    name = next(name for limit, name in _LIGHTS if value < limit)
    return sense.confirmed(f"It is {name} (brightness {value:.0%}).", question, asked=_LIT, told=name)


def _tell_clear(shown: Picture, _: str) -> str:
    part = picture.transparency(shown.grid)
    return f"{part:.0%} of it is transparent." if part else "Nothing of it is transparent."


def _tell_colour(shown: Picture, question: str) -> str:
    """What is asked of the colours: of the background, of a side, of all, or of what stands out."""
    grid = _side(shown.grid, question)
    asked = _mentioned(question)
    if asked and sense.YES_NO.search(question):
        return _confirmed_colour(grid, asked, question)
    if _BACKGROUND.search(question):
        return _behind(grid)
    figure = _figure(grid)
    if not figure or _SEVERAL.search(question) or _WHOLE.search(question):
        return _main(grid)
    around = picture.background(shown.grid)
    before = f" on a {around} background" if around and around != figure[0].name else ""
    also = f"; there is also {words.listed([_coded(share) for share in figure[1:4]])}" if figure[1:] else ""
    return f"It is {_coded(figure[0])}{before}{also}."


def _confirmed_colour(grid: Grid, asked: frozenset[str], question: str) -> str:
    """Whether what a question speaks of has a colour that it names."""
    if _BACKGROUND.search(question):
        around = picture.background(grid)
        return (
            f"{'Yes' if around and colours.plain(around) in asked else 'No'}: {words.lowered(_behind(grid))}"
        )
    whole = _SEVERAL.search(question) or _WHOLE.search(question)
    among = picture.notable(picture.shares(grid)) if whole else _figure(grid)[:1]
    is_so = asked & {colours.plain(share.name) for share in among}
    told = _main(grid) if whole or not among else f"It is {_coded(among[0])}."
    return f"{'Yes' if is_so else 'No'}: {words.lowered(told)}"


def _mentioned(question: str) -> frozenset[str]:
    return frozenset(colours.plain(match[0]) for match in colours.MENTIONED.finditer(question))


def _behind(grid: Grid) -> str:
    around = picture.background(grid)
    return f"The background is {around}." if around else f"No background stands out. {_main(grid)}"


def _figure(grid: Grid) -> tuple[Share, ...]:
    """The colours that stand out from the background; all that are notable where there is none."""
    return picture.notable(picture.shares(grid), but=picture.background(grid))


def _coded(share: Share) -> str:
    return f"{share.name} ({share.code})"


def _main(grid: Grid) -> str:
    found = picture.notable(picture.shares(grid))[:5]
    if not found:
        return "It is fully transparent."
    parts = words.listed([f"{share.name} ({share.part:.0%}, {share.code})" for share in found])
    return f"Its main colour{'s are' if len(found) > 1 else ' is'} {parts}."


def _side(grid: Grid, question: str) -> Grid:
    """The part of the pixels that a question speaks of."""
    for asked, across, down in _SIDES:
        if asked.search(question):
            height, width = grid.shape[:2]
            top, left = int(down[0] * height), int(across[0] * width)
            grid = grid[
                top : max(int(down[1] * height), top + 1), left : max(int(across[1] * width), left + 1)
            ]
    return grid


def _has_colour(shown: Picture, question: str) -> bool | None:
    asked = _mentioned(question)
    return bool(asked & {colours.plain(share.name) for share in _figure(shown.grid)}) if asked else None


SIGHT: Sense[Picture] = Sense(
    noun="picture",
    nouns=_NOUNS,
    aspects=(
        (
            _asks(rf"\bcolou?r\w*\b|\bhue\b|\bshade\b|\bbackground\b|{colours.MENTIONED.pattern}"),
            _tell_colour,
        ),
        (
            _asks(r"\b(?:size|dimensions?|resolution|width|height|wide|tall|\w*pixels|how (?:big|large))\b"),
            _tell_size,
        ),
        (
            _asks(r"\b(?:format|file ?(?:type|extension)|kind of file|jpe?g|png|gif|webp|bmp|tiff)\b"),
            _tell_format,
        ),
        (
            _asks(r"\bbright\w*\b|\bdark(?:ness|er|est)?\b(?! \w)|\bluminan\w+\b|\bexposure\b|\blightness\b"),
            _tell_light,
        ),
        (_asks(r"\b(?:portrait|landscape|orientation|aspect)\b"), _tell_shape),
        (_asks(r"\btransparen\w+\b|\balpha\b"), _tell_clear),
        (_asks(r"\banimat\w+\b|\bframes?\b"), _tell_frames),
    ),
    measures=(
        (_asks(r"\b(?:bright|light)(?:er|est)\b"), lambda shown: picture.brightness(shown.grid)),
        (_asks(r"\bdark(?:er|est)\b"), lambda shown: -picture.brightness(shown.grid)),
        (_asks(r"\b(?:bigg|larg|great)(?:er|est)\b"), lambda shown: shown.width * shown.height),
        (_asks(r"\bsmall(?:er|est)\b"), lambda shown: -shown.width * shown.height),
        (_asks(r"\bwid(?:er|est)\b"), lambda shown: shown.width),
        (_asks(r"\b(?:tall|high)(?:er|est)\b"), lambda shown: shown.height),
    ),
    is_such=_has_colour,
    traits=_traits,
    described=_described,
    limits="I read pixels and recognise no objects.",
)
"""What can be told of pictures."""
