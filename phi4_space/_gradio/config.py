"""A Gradio app's /config as a value: what may be called, and with what. Knows no sockets, no Phi-4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi4_space._address import NAME
from phi4_space._errors import UnexpectedAnswer
from phi4_space._fields import REQUIRED, MisshapenError, field, list_of
from phi4_space._net.error_mapping import label, strip_markup
from phi4_space._net.origin import is_prefix

_LARGEST = 2.0**63  # of a number that a component is bounded by
_MOST_FILE_TYPES = 100


@dataclass(frozen=True, slots=True)
class Slot:
    """One input or output of an endpoint.

    Attributes:
        kind: Its component's type, such as "chatbot".
        default: Its component's own value.
        file_count: How many files its component takes, in Gradio's word, such as "single".
        number: Its component's number, which may change with each start of the app; None where there is none.
        label: What the page calls it; None where it has no label.
        file_types: Which files its component takes, in Gradio's words, such as "image" and ".pdf"; None for
            all.
        minimum: The least that its component takes, of a number.
        maximum: The most that its component takes, of a number.
        is_visible: Whether the page shows it.
        is_secret: Whether the page hides what is written in it, as in a box for a password.
    """

    kind: str
    default: Any = None
    file_count: object = None
    number: int | None = None
    label: str | None = None
    file_types: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    is_visible: bool = True
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A function of the app.

    Attributes:
        name: Its api_name; empty where it has none that is fit to be shown.
        fn_index: Its number, which may change with each start of the app.
        inputs: What it takes, in order.
        outputs: What it returns, in order.
        trigger_id: The page's component whose event calls it, if one does.
        has_visible_trigger: Whether the page shows that component.
        is_queued: Whether it waits in the queue.
        is_generator: Whether it returns its outputs piece by piece.
        is_private: Whether the app's author keeps it from programs.
        is_documented: Whether the app's page on its API shows it.
        after: The number of the function behind which it is called, if there is one.
    """

    name: str
    fn_index: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    trigger_id: int | None = None
    has_visible_trigger: bool = False
    is_queued: bool = False
    is_generator: bool = False
    is_private: bool = False
    is_documented: bool = True
    after: int | None = None

    @property
    def must_join(self) -> bool:
        """Whether it cannot be called but by the queue: it waits there, or its end is seen there alone."""
        return self.is_queued or self.is_generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one start of one app says of itself.

    Attributes:
        gradio_version: The app's Gradio.
        app_id: Made anew at each start; a 64-bit integer, to be compared exactly.
        api_prefix: What stands before all paths but `/config`: "", or plain segments, each behind a slash.
        max_file_size: Bytes that a file may have, None for no limit.
        space_id: "owner/name", if the app runs on the Hub.
        endpoints: Its functions, without those that run in the browser.
    """

    gradio_version: str
    app_id: int | str
    api_prefix: str
    max_file_size: int | None
    space_id: str | None
    endpoints: tuple[Endpoint, ...]

    def named(self) -> dict[str, Endpoint]:
        """The endpoints that have names, by name."""
        return {endpoint.name: endpoint for endpoint in self.endpoints if endpoint.name}


def to_config(body: object) -> Config:
    """Reads an app's `/config`.

    Args:
        body: Its JSON.

    Raises:
        UnexpectedAnswer: It is not a Gradio app's.
    """
    try:
        slots = {slot.number: slot for slot in map(_slot, list_of(body, "components", dict))}
        return Config(
            gradio_version=label(field(body, "version", str)) or "",
            app_id=field(body, "app_id", int, str),
            api_prefix=_prefix(field(body, "api_prefix", str, default="")),
            max_file_size=field(body, "max_file_size", int, default=None),
            space_id=_space_id(field(body, "space_id", str, default=None)),
            endpoints=tuple(
                _endpoint(part, slots)
                for part in list_of(body, "dependencies", dict, default=REQUIRED)
                if field(part, "backend_fn", bool, default=True)
            ),
        )
    except MisshapenError as exc:
        raise UnexpectedAnswer(f"This is no Gradio Space's /config: {exc}") from exc


def _space_id(name: str | None) -> str | None:
    return name if name is not None and NAME.fullmatch(name) else None


def _prefix(written: str) -> str:
    """The prefix of all paths, which is a path and leads nowhere else."""
    prefix = written.removesuffix("/")
    if not is_prefix(prefix):
        raise UnexpectedAnswer(
            f"The api_prefix in the Space's /config is not a plain path: {strip_markup(repr(written))}"
        )
    return prefix


def _slot(component: object) -> Slot:
    props = field(component, "props", dict, default={})
    return Slot(
        field(component, "type", str),
        props.get("value"),
        props.get("file_count"),
        number=field(component, "id", int),
        label=_label(props.get("label")),
        file_types=_file_types(props.get("file_types")),
        minimum=_number(props.get("minimum")),
        maximum=_number(props.get("maximum")),
        is_visible=props.get("visible", True) is True,
        is_secret=props.get("type") == "password",
    )


def _label(value: object) -> str | None:
    return label(value) if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST else None  # NaN is not less than anything


def _file_types(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not value:
        return None
    return tuple(filter(None, (_label(one) for one in value[:_MOST_FILE_TYPES]))) or None


def _endpoint(dependency: object, slots: Mapping[int | None, Slot]) -> Endpoint:
    unknown = Slot("unknown")
    api_name = field(dependency, "api_name", str, bool, default=None)
    # An author who gives no name means nobody to call it: JSON's false on Gradio 5, the word on 6.
    has_none = api_name in {False, "false"}
    name = api_name if isinstance(api_name, str) and not has_none else ""
    name = name if label(name) == name else ""  # it goes into messages
    visibility = field(dependency, "api_visibility", object, default=None)
    trigger_id = _trigger(dependency)
    trigger = None if trigger_id is None else slots.get(trigger_id)
    return Endpoint(
        name,
        field(dependency, "id", int),
        inputs=tuple(slots.get(number, unknown) for number in list_of(dependency, "inputs", int)),
        outputs=tuple(slots.get(number, unknown) for number in list_of(dependency, "outputs", int)),
        trigger_id=trigger_id,
        has_visible_trigger=trigger is not None and trigger.is_visible,
        is_queued=field(dependency, "queue", bool, default=None) is True,
        is_generator=field(field(dependency, "types", dict, default={}), "generator", bool, default=False),
        is_private=has_none or visibility == "private",
        is_documented=field(dependency, "show_api", object, default=None) is not False
        and visibility in (None, "public"),
        after=field(dependency, "trigger_after", int, default=None),
    )


def _trigger(dependency: object) -> int | None:
    match field(dependency, "targets", list, default=[]):
        case [[int(number), *_], *_]:
            return number
        case _:
            return None
