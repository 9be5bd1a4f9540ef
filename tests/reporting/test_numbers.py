"""Numbers are written with as many digits as their uncertainty supports."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reporting.numbers import clock_time, duration, number, value_and_uncertainty


@pytest.mark.parametrize(
    ("value", "spread", "shown"),
    [
        (1.23456, 0.0456, ("1.235", "0.046")),
        (-1.23456, 0.42, ("−1.23", "0.42")),
        (10.0, 0.0996, ("10.00", "0.10")),
        (123.4, 9.96, ("123", "10")),
        (12345.6, 234.0, ("12346", "234")),
        (-0.0004, 0.5, ("0.00", "0.50")),
        (3.0, 0.0, ("3", "0")),
        (3.14159265, None, ("3.1416", None)),
        (2e-9, 3e-9, ("2 × 10⁻⁹", "3 × 10⁻⁹")),
    ],
)
def test_value_goes_to_the_place_of_its_uncertainty(
    value: float, spread: float | None, shown: tuple[str, str | None]
) -> None:
    assert value_and_uncertainty(value, spread) == shown


@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e5))
def test_rounding_stays_within_the_second_digit_of_the_uncertainty(value: float, spread: float) -> None:
    shown, shown_spread = value_and_uncertainty(value, spread)
    assert shown_spread is not None
    read, read_spread = (float(text.replace("−", "-")) for text in (shown, shown_spread))
    assert abs(read_spread - spread) <= 0.051 * spread
    assert abs(read - value) <= 0.051 * spread
    assert Decimal(shown.replace("−", "-")).as_tuple().exponent == Decimal(shown_spread).as_tuple().exponent


def test_a_signed_value_shows_its_plus() -> None:
    assert value_and_uncertainty(4.8, 0.6, signed=True)[0] == "+4.80"
    assert value_and_uncertainty(0.0, 0.6, signed=True)[0] == "0.00"


def test_numbers_without_uncertainty() -> None:
    assert [number(v) for v in (0.0, 120.0, 0.00012345, 1.5e9, -2.5)] == ["0", "120", "0.0001234", "1.5 × 10⁹", "−2.5"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.24, "3.2 s"), (125, "2 min 05 s"), (3599.7, "1 h 00 min"), (86434, "24 h 00 min"), (400000, "4 d 15 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_clock_time_is_what_pytest_html_sorts_by() -> None:
    assert clock_time(86434.2) == "24:00:34"
