"""What a standard deviation of few values leaves open."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.coverage import COVERAGE
from bench.metrology.scatter import of_scatter, standard_deviation, without_noise


@pytest.mark.parametrize("number", [3, 5, 10, 30])
def test_the_truth_lies_within_as_often_as_stated(number: int) -> None:
    drawn = np.random.default_rng(number).normal(7.0, 2.0, (20_000, number))
    seen = drawn.std(axis=1, ddof=1)
    inside = np.abs(seen - 2.0) <= 2.0 * seen * of_scatter(1.0, number - 1.0)
    assert float(np.mean(inside)) == pytest.approx(COVERAGE, abs=0.005)


@pytest.mark.parametrize("number", [2, 5, 25])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_what_noise_hides_is_left_open(number: int, ratio: float) -> None:
    """Whatever the scatter is in terms of the noise, the truth of these very values lies within, in 95 % or more."""
    rng = np.random.default_rng(number)
    own = rng.normal(0.0, 1.0, number)
    own *= ratio / own.std(ddof=1)
    inside = []
    for _ in range(600):
        seen = float((own + rng.normal(0.0, 1.0, number)).std(ddof=1))
        scatter, standard = without_noise(seen, 1.0, number - 1.0)
        inside.append(abs(scatter - ratio) <= 2.0 * standard)
    assert float(np.mean(inside)) > 0.93
    if ratio == 4.0:
        assert float(np.mean(inside)) < 0.98


def test_many_values_have_what_the_gum_gives_them() -> None:
    assert of_scatter(0.5, 5000.0) == pytest.approx(0.5 / math.sqrt(2.0 * 5000.0), rel=0.01)
    assert standard_deviation([1.0, 2.0, 3.0]) == pytest.approx((1.0, of_scatter(1.0, 2.0)))
