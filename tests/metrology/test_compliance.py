"""Compliance of lines whose softness is known, with doses that scatter and a sensor that is noisy."""

import math

import numpy as np
import pytest

from bench.metrology.compliance import line_compliance


def test_a_straight_line() -> None:
    volume_ul = np.linspace(0.0, 15.0, 20)
    found = line_compliance(volume_ul, 0.4 + volume_ul / 0.15)
    assert found is not None
    assert found.ul_per_kpa == pytest.approx(0.15)
    assert found.relative_uncertainty < 1e-9
    assert found.halves == pytest.approx((0.15, 0.15))
    assert found.rise_kpa == pytest.approx(100.0)


def test_the_truth_lies_within_the_uncertainty_of_the_fit() -> None:
    """Doses of 0.5 µL that scatter by 8 %, a sensor that scatters by 0.04 kPa: 400 lines of 0.15 µL/kPa."""
    rng = np.random.default_rng(2)
    volume_ul = 0.5 * np.arange(1, 31, dtype=np.float64)
    inside, relative = [], []
    for _ in range(400):
        true_ul = np.cumsum(0.5 * rng.normal(1.0, 0.08, 30))
        found = line_compliance(volume_ul, true_ul / 0.15 + rng.normal(0.0, 0.04, 30))
        assert found is not None
        error = found.ul_per_kpa / 0.15 - 1.0
        inside.append(abs(error) <= 2.0 * found.relative_uncertainty)
        relative.append(error)
    assert 0.91 <= np.mean(inside) <= 0.99
    assert float(np.std(relative)) == pytest.approx(0.08 * math.sqrt(1.2 / 30), rel=0.15)


def test_a_bubble_is_soft_at_first() -> None:
    """10 µL of air at 101 kPa give way by V·P/(P0 + P)."""
    pressure = np.linspace(0.0, 100.0, 20)
    found = line_compliance(0.15 * pressure + 10.0 * pressure / (101.325 + pressure), pressure)
    assert found is not None
    assert found.halves[0] > 1.15 * found.halves[1]


def test_what_cannot_be_told() -> None:
    assert line_compliance(np.arange(4.0), np.arange(4.0)) is None
    assert line_compliance(np.arange(9.0), -np.arange(9.0)) is None


def test_a_delivery_that_is_over_tells_nothing_of_the_second_half() -> None:
    volume_ul = np.minimum(np.arange(1.0, 21.0), 8.0)
    found = line_compliance(volume_ul, volume_ul / 0.15)
    assert found is not None
    assert found.ul_per_kpa == pytest.approx(0.15)
    assert math.isinf(found.halves[1])
