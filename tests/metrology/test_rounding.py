"""Measured values are written with as many digits as their uncertainty supports, and no more than can be read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.metrology.rounding import limit_text, measured_text, number, value_and_uncertainty
from bench.results.model import Measurement


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
        (29.016683, 0.000080, ("29.017", "0.001")),
        (75.0, 0.000077, ("75.000", "0.001")),
        (0.012345678, 0.00000011, ("0.012346", "0.000001")),
        (100.0, 4.8e-25, ("100", "0")),
        (0.0, 4.8e-25, ("0", "0")),
        (0.0, 0.0123, ("0.000", "0.012")),
        (3.14159265, None, ("3.1416", None)),
        (2e-9, 3e-9, ("2 × 10⁻⁹", "3 × 10⁻⁹")),
    ],
)
def test_value_goes_to_the_place_of_its_uncertainty(
    value: float, spread: float | None, shown: tuple[str, str | None]
) -> None:
    assert value_and_uncertainty(value, spread) == shown


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e5))
def test_rounding_loses_no_more_than_the_last_place_and_never_understates(value: float, spread: float) -> None:
    shown, shown_spread = value_and_uncertainty(value, spread)
    assert shown_spread is not None
    read, read_spread = (float(text.replace("−", "-")) for text in (shown, shown_spread))
    place = 10.0 ** int(Decimal(shown_spread).as_tuple().exponent)
    assert read_spread >= 0.949 * spread
    assert read_spread <= max(1.051 * spread, spread + place)
    assert abs(read - value) <= 0.501 * place
    assert Decimal(shown.replace("−", "-")).as_tuple().exponent == Decimal(shown_spread).as_tuple().exponent


def test_a_signed_value_shows_its_plus() -> None:
    assert value_and_uncertainty(4.8, 0.6, signed=True)[0] == "+4.80"
    assert value_and_uncertainty(0.0, 0.6, signed=True)[0] == "0.00"


def test_numbers_without_uncertainty() -> None:
    assert [number(v) for v in (0.0, 120.0, 0.00012345, 1.5e9, -2.5)] == ["0", "120", "0.0001234", "1.5 × 10⁹", "−2.5"]


def made(value: float | None, spread: float | None, unit: str, **more: Any) -> Measurement:
    return Measurement(name="m", title="m", value=value, unit=unit, expanded_uncertainty=spread, **more)


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (made(-14.1234, 1.3, "%"), "−14.1 ± 1.3 %"),
        (made(0.0, 0.0, ""), "0"),
        (made(100.0, 4.8e-25, "%"), "100 %"),
        (made(75.0, 0.000077, "min", censored="above"), "> 75.000 ± 0.001 min"),
        (made(None, None, "kPa"), "not determined"),
        (made(1.5, None, "kPa"), "1.5 kPa"),
    ],
)
def test_a_measurement_is_shown_the_same_everywhere(measured: Measurement, text: str) -> None:
    assert measured_text(measured) == text


def test_limits_are_printed_with_signs_of_their_own() -> None:
    assert [limit_text(t) for t in ("<= 3 h", ">= 95 %", "±5 %", "< 3")] == ["≤ 3 h", "≥ 95 %", "±5 %", "< 3"]
