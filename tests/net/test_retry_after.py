"""Retry-After, in all forms that servers send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._net.retry_after import to_seconds

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC).timestamp()
FORMS: dict[str, float | None] = {
    "0": 1.0,
    "55": 55.0,
    " 55\t": 55.0,
    "055": 55.0,
    "2.5": 2.5,
    "2.": 2.0,
    ".5": 1.0,
    "9" * 9: 999_999_999.0,
    "9" * 400: 1e9,
    "9" * 100_000: 1e9,
    "1" + "0" * 400 + ".5": 1e9,
    # the three forms of RFC 9110, all of them UTC
    "Sun, 06 Nov 1994 08:49:37 GMT": 30.0,
    "Sunday, 06-Nov-94 08:49:37 GMT": 30.0,
    "Sun Nov  6 08:49:37 1994": 30.0,
    # what else is sent
    "Sun, 06 Nov 1994 08:49:37 UTC": 30.0,
    "Sun, 06 Nov 1994 08:49:37 -0000": 30.0,
    "Sun, 06 Nov 1994 09:49:37 +0100": 30.0,
    "06 Nov 1994 08:49:37 GMT": 30.0,
    "sun, 06 nov 1994 08:49:37 gmt": 30.0,
    "Sun, 06 Nov 1994 08:49:07 GMT": 1.0,
    "Sun, 06 Nov 1994 08:00:00 GMT": 1.0,
    "Thu, 01 Jan 1970 00:00:00 GMT": 1.0,
    "Fri, 31 Dec 9999 23:59:59 GMT": 1e9,
    # garbage
    "": None,
    " ": None,
    "-3": None,
    "-0.5": None,
    "+3": None,
    "1e3": None,
    "0x10": None,
    "nan": None,
    "inf": None,
    "infinity": None,
    "1,5": None,
    "1.2.3": None,
    ".": None,
    "5s": None,
    "soon": None,
    "\N{ARABIC-INDIC DIGIT ONE}": None,
    "Sun, 06 Nov 1994": None,
    "Sun, 99 Nov 1994 08:49:37 GMT": None,
    "Sun, 06 Nov 1994 99:49:37 GMT": None,
    "Sun, 06 Nov 99999 08:49:37 GMT": None,
    "Sun, 06 Nov 1994 08:49:37 +999999999999": None,
    "2026-01-01T00:00:00Z": None,
}


@pytest.mark.parametrize(("header", "seconds"), FORMS.items(), ids=lambda value: str(value)[:40])
def test_a_wait_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    """hiring-agent 386: a date counts as well as seconds; no wait is nought, and garbage says nothing."""
    assert to_seconds(header, now=lambda: NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Za-z0-9,:. +-]{0,60}", fullmatch=True))
def test_no_header_breaks_anything(header: str) -> None:
    """Whatever is sent, there is a number that may be waited for, or none."""
    seconds = to_seconds(header)

    assert seconds is None or 1.0 <= seconds <= 1e9
