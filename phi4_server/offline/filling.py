"""Filling: a JSON value for a schema, from what a text says. Knows no prompt and no tool.

Each place in the schema that takes a plain value is a slot, and bids for the values that stand in the text.
The highest bids win, each value once; what is left goes to lists and to the places that must be filled. A
place that got nothing gets its default or the plainest value that the schema allows, or is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.offline import effort, gathering
from phi4_server.offline.bidding import Slot, bids
from phi4_server.offline.checking import allows, plainest
from phi4_server.offline.scene import Bid, Scene, Value
from phi4_server.offline.schema import Schema

Path = tuple[str, ...]

_MOST_SLOTS = 200
_MOST_RECORDS = 100
_PLACE = 300
"""What an object costs to fill, whatever it has."""
_SURE = 1.5
"""What a bid must be worth to be taken before all others had a chance."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled schema.

    Attributes:
        value: The value.
        found: How many of its places the text filled.
        missing: The names of the required ones that it did not, and that have nothing to fall back on.
    """

    value: Any
    found: int
    missing: tuple[str, ...]


def fill(
    document: object,
    text: str,
    *,
    but: frozenset[str] = frozenset(),
    facts: Mapping[str, Value] | None = None,
) -> Filled:
    """Fills a schema from a text.

    Args:
        document: The JSON Schema.
        text: What to fill it from.
        but: Stems of words that ask for the value and are none, such as those of a tool's name.
        facts: What is known beside the text, each under what it is called.
    """
    return _filled(Schema.of(document), Scene.of(text, but=but, facts=facts))


def _filled(schema: Schema, scene: Scene) -> Filled:
    effort.spend(_PLACE)
    form = _Form(schema, scene)
    value = form.value(schema, ())
    return Filled(
        value if allows(schema, value) else plainest(schema), len(form.claims), tuple(form.missing())
    )


class _Form:
    """A schema being filled from a scene.

    Attributes:
        claims: What each place got, by its path.
    """

    def __init__(self, schema: Schema, scene: Scene) -> None:
        self._scene = scene
        self._shapes: dict[Path, Schema] = {}
        self._slots: dict[Path, Slot] = {}
        self._taken: list[Bid] = []
        self.claims: dict[Path, Any] = {}
        self._lay(schema, (), required=True)
        self._claim_sure()
        self._claim_lists()
        self._claim_left()

    def _lay(self, schema: Schema, path: Path, *, required: bool) -> None:
        """Lays out the slots at and under a path; a choice of objects takes the one the text says most of."""
        shapes = [way for way in schema.alternatives if way.kind == "object" and way.properties]
        if len(self._slots) >= _MOST_SLOTS:
            return
        if not shapes:
            self._slots[path] = Slot.of(path[-1] if path else "", schema, required=required)
            return
        several = len(shapes) > 1
        shape = max(shapes, key=lambda way: _filled(way, self._scene).found) if several else shapes[0]
        self._shapes[path] = shape
        needed = frozenset(shape.required)
        for name, inner in shape.properties.items():
            self._lay(inner, (*path, name), required=required and name in needed)

    def _claim_sure(self) -> None:
        order = {path: place for place, path in enumerate(self._slots)}
        offers = [(bid, path) for path, slot in self._slots.items() for bid in bids(slot, self._scene)]
        offers = [offer for offer in offers if offer[0].worth >= _SURE]
        for bid, path in sorted(offers, key=lambda offer: (-offer[0].worth, offer[0].start, order[offer[1]])):
            self._claim(path, [bid])

    def _claim(self, path: Path, offers: Iterable[Bid]) -> None:
        """Gives a place the first offer that takes nothing from another place."""
        for bid in offers if path not in self.claims else ():
            if not any(bid.overlaps(other) for other in self._taken):
                self.claims[path] = bid.value
                self._taken.append(bid)
                return

    def _claim_lists(self) -> None:
        for path, slot in self._slots.items():
            for way in slot.ways:
                found = self._gathered(slot, way) if path not in self.claims else None
                if found and allows(way, found):
                    self.claims[path] = found

    def _gathered(self, slot: Slot, way: Schema) -> list[Any] | dict[str, Any] | None:
        if way.chosen is not None or way.kind not in {"array", "object"}:
            return None
        if way.kind == "object":
            return gathering.pairs(way, self._scene.text)
        shape = way.item(0)
        if any(inner.kind == "object" for inner in shape.alternatives):
            return gathering.cut(way, self._records(shape))
        return gathering.cut(way, gathering.items(slot, shape, self._scene.without(self._taken)))

    def _records(self, shape: Schema) -> list[Any]:
        """One object for each part of the text that fills it, by the first parting that gives several."""
        best: list[Any] = []
        for parts in gathering.partings(self._scene.text):
            filled = [_filled(shape, Scene.of(part, but=self._scene.but)) for part in parts[:_MOST_RECORDS]]
            found = [each.value for each in filled if each.found and not each.missing]
            if len(found) > 1:
                return found
            best = found or best
        return best

    def _claim_left(self) -> None:
        """Gives what must be filled what is left: a weak bid, or all that is asked.

        Words come last: what all that is asked is, shows only when the numbers are gone.
        """
        left = [
            (path, slot) for path, slot in self._slots.items() if slot.required and path not in self.claims
        ]
        for path, slot in sorted(left, key=lambda item: any(map(_takes_words, item[1].ways))):
            weak = sorted(bids(slot, self._scene), key=lambda bid: (-bid.worth, bid.start))
            rest = self._scene.rest(self._taken)
            fits = rest and any(_takes_words(way) and allows(way, rest) for way in slot.ways)
            whole = [Bid(rest, 0)] if fits else []
            self._claim(path, [*whole, *weak] if slot.takes_all else [*weak, *whole])

    def value(self, schema: Schema, path: Path) -> Any:
        """What the schema at a path is filled with."""
        if path in self.claims:
            return self.claims[path]
        shape = self._shapes.get(path)
        if shape is None or (path and not self._has_under(path)):
            return plainest(schema)
        properties, needed = shape.properties, dict.fromkeys(shape.required)
        value = {
            name: self.value(inner, (*path, name))
            for name, inner in properties.items()
            if name in needed or self._has_under((*path, name))
        }
        undeclared = [name for name in needed if name not in properties]
        return value | {name: plainest(shape.others or shape) for name in undeclared}

    def _has_under(self, path: Path) -> bool:
        effort.spend(len(self.claims) // 4)
        return any(claimed[: len(path)] == path for claimed in self.claims)

    def missing(self) -> Iterator[str]:
        """The names of the required places that got nothing, and have nothing to fall back on."""
        for path, slot in self._slots.items():
            if (
                path not in self.claims
                and slot.required
                and not slot.has_default
                and all(map(_is_open, slot.ways))
            ):
                yield slot.name


def _takes_words(way: Schema) -> bool:
    return way.chosen is None and way.kind in {"string", ""} and not way.text("format")


def _is_open(way: Schema) -> bool:
    return way.chosen is None and way.kind in {"string", "integer", "number", ""}
