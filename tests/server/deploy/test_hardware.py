"""What hardware there is, what it costs, and what fits on it."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import SpaceHardware
from servers import ROOT

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.hardware import HARDWARE, Hardware, check_fit, costs, to_hardware
from phi4_server.deploy.hub import known_hardware


def text(name: str, *, has_weights: bool = False, is_pro: bool | None = None) -> str:
    return " ".join(costs(HARDWARE[name], has_weights=has_weights, is_pro=is_pro))


@pytest.mark.parametrize("name", [hardware.value for hardware in SpaceHardware])
def test_all_that_the_hub_knows_can_be_named(name: str) -> None:
    """Every hardware of the installed huggingface_hub; those of its newest version are known here, too."""
    assert to_hardware(name, known_hardware()).name == name


@pytest.mark.parametrize(
    ("typo", "meant"), [("zero-a10", "zero-a10g"), ("L4X1", "l4x1"), ("cpu_basic", "cpu-basic")]
)
def test_a_typo_names_the_nearest(typo: str, meant: str) -> None:
    """A name that there is not is refused, with the one that was meant."""
    with pytest.raises(DeployFailed, match=f"Did you mean {meant}") as caught:
        to_hardware(typo)
    assert caught.value.reason == "invalid"


@pytest.mark.parametrize(
    ("stem", "meant"),
    [
        ("l4", r"l4x1 \(about \$0\.80 an hour\) or l4x4 \("),
        ("l40s", r"l40sx1 \(about \$1\.80 an hour\) or l40sx4 .* or l40sx8"),
        ("a100", r"a100-large \(about \$2\.50 an hour\) or a100x4 or a100x8\?"),
        ("a10", r"a10g-small \(about \$1\.00 an hour\) or a10g-large \("),
        ("T4", r"t4-small \(about \$0\.40 an hour\) or t4-medium \("),
        ("cpu", r"cpu-basic \(nothing by the hour\) or cpu-upgrade"),
        ("zero", r"zero-a10g \(nothing by the hour\)\?"),
        ("RTX Pro", r"rtx-pro-6000 or rtx-pro-6000x2 or"),
        ("l4x2", r"l4x1 \(about"),
    ],
)
def test_a_cards_name_means_the_smallest_with_it(stem: str, meant: str) -> None:
    """Of several with that card, or equally near, the cheapest comes first, each with its price."""
    with pytest.raises(DeployFailed, match=f"Did you mean {meant}"):
        to_hardware(stem, known_hardware())


def test_a_name_like_no_other_lists_all() -> None:
    """Where none is near, all are named."""
    with pytest.raises(DeployFailed, match=r"a100-large.*zero-a10g"):
        to_hardware("!!!")


def test_what_a_newer_library_knows_is_taken() -> None:
    """A name that huggingface_hub knows and we do not is no typo; its price is left open."""
    unknown = to_hardware("b300x1", ["b300x1"])

    assert unknown == Hardware(name="b300x1")
    assert "not known here" in " ".join(costs(unknown, has_weights=True))


@pytest.mark.parametrize("name", ["cpu-basic", "cpu-upgrade"])
def test_weights_need_a_gpu(name: str) -> None:
    """Without one they are refused, with the numbers and what to take instead."""
    with pytest.raises(DeployFailed, match=rf"11\.2 GB .* {HARDWARE[name].memory} GB .*zero-a10g"):
        check_fit(HARDWARE[name])


@pytest.mark.parametrize("name", sorted(HARDWARE.keys() - {"cpu-basic", "cpu-upgrade"}))
def test_weights_run_on_any_gpu(name: str) -> None:
    """Every card that there is has room for them."""
    check_fit(HARDWARE[name])


def test_a_card_by_the_hour_says_what_a_month_is() -> None:
    """The price is an hour's, a day's and a month's, and that it runs on is said."""
    assert "$0.80 an hour" in text("l4x1")
    assert "$19 a day, $576 in 30 days" in text("l4x1")
    assert "until you pause it" in text("l4x1")


def test_a_small_card_is_told() -> None:
    """What is short on a card of 16 GB is said with the weights alone."""
    assert "short chats" in text("t4-small", has_weights=True)
    assert "short chats" not in text("t4-small") + text("l4x1", has_weights=True)


def test_zero_gpu_says_whose_quota_counts() -> None:
    """With weights it is that of whoever asks; without, none."""
    assert "quota of whoever asks" in text("zero-a10g", has_weights=True)
    assert "no quota is used" in text("zero-a10g")
    assert "2 such Spaces" in text("zero-a10g")


def test_who_pays_already_is_not_warned() -> None:
    """That new Spaces on cpu-basic are for paid plans is no news to those who have one."""
    assert "paid plans" in text("cpu-basic", is_pro=False)
    assert "paid plans" in text("cpu-basic")
    assert "paid plans" not in text("cpu-basic", is_pro=True)


def test_the_page_has_the_numbers() -> None:
    """docs/own-space.md tells the same prices and cards."""
    text = (ROOT / "docs" / "own-space.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)`[^|]*\| (?:(\d+) GB|none)[^|]*\| ([^|]*)\|", text, re.MULTILINE)
    told = {name: (card, cost) for name, card, cost in rows if name in HARDWARE}

    assert {"cpu-basic", "zero-a10g", "l4x1"} <= told.keys()
    for name, (card, cost) in told.items():
        assert str(HARDWARE[name].card or "") == card
        assert f"about ${HARDWARE[name].price:.2f} an hour" in cost or HARDWARE[name].price == 0
