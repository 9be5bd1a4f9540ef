"""Durations are written as a reader expects them."""

from __future__ import annotations

import pytest

from bench.reporting.numbers import clock_time, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.24, "3.2 s"), (125, "2 min 05 s"), (3599.7, "1 h 00 min"), (86434, "24 h 00 min"), (400000, "4 d 15 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_clock_time_is_what_pytest_html_sorts_by() -> None:
    assert clock_time(86434.2) == "24:00:34"
