"""What rounding leaves open in means, against readings that are drawn and rounded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.quantization import rounding_uncertainty, scatter_of_readings

STEP = 0.01


@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_the_mean_of_many_rounded_readings_is_off_by_what_is_said(scatter: float) -> None:
    rng = np.random.default_rng(4)
    number = 40_000
    drawn = STEP * scatter * rng.standard_normal(number)
    errors = [
        float(np.mean(np.round((place + drawn) / STEP) * STEP - drawn)) - place for place in STEP * rng.random(400)
    ]
    seen = math.sqrt(np.mean(np.square(errors)))
    # Noise of so many readings is left, where rounding leaves less.
    assert seen == pytest.approx(rounding_uncertainty(STEP, STEP * scatter), rel=0.08, abs=0.003 * STEP)


def test_rounding_without_scatter_is_rectangular_and_with_much_is_nothing() -> None:
    assert rounding_uncertainty(STEP) == pytest.approx(STEP / math.sqrt(12.0))
    assert rounding_uncertainty(STEP, 1e-9) == pytest.approx(STEP / math.sqrt(12.0), rel=0.03)
    assert rounding_uncertainty(STEP, 1.5 * STEP) < 1e-12
    assert rounding_uncertainty(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("scatter", "low", "high"), [(0.0, 0.0, 0.0), (0.05, 0.0, 0.05), (0.5, 0.25, 0.5), (2, 1.9, 2.1)]
)
def test_readings_scatter_no_less_than_is_said(scatter: float, low: float, high: float) -> None:
    """Near the edge of two steps, too, where a steady value flickers between them."""
    rng = np.random.default_rng(5)
    time_s = np.arange(0.0, 600.0, 0.1)
    for place in (0.0, 0.25, 0.5):
        value = np.round(place + scatter * rng.standard_normal(len(time_s))) * STEP
        assert low * STEP <= scatter_of_readings([(time_s, value)], STEP) <= high * STEP + 1e-12


def test_nothing_is_known_of_no_readings() -> None:
    assert scatter_of_readings([], STEP) == 0.0
