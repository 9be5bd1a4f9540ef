"""Coverage factors: what they cover, by drawn numbers and by the cases that can be had in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.budget import bounded, component, measurement
from bench.metrology.coverage import COVERAGE, coverage_factor


def factor_of(*lines: tuple[str, float]) -> float:
    made = [
        component(name, u, "mg") if name == "normal" else bounded(name, math.sqrt(3.0) * u, "mg") for name, u in lines
    ]
    return measurement("m", "", 1.0, "mg", made).coverage_factor


def test_normal_inputs_have_two_and_a_rectangle_alone_its_own_quantile() -> None:
    assert factor_of(("normal", 0.3), ("normal", 0.2)) == pytest.approx(2.0)
    assert factor_of(("rectangle", 0.3)) == pytest.approx(COVERAGE * math.sqrt(3.0))


@pytest.mark.parametrize("beside", [0.02, 0.2, 0.5, 1.0, 3.0])
def test_a_rectangle_beside_a_normal_covers_what_is_stated(beside: float) -> None:
    drawn = np.random.default_rng(7)
    error = math.sqrt(3.0) * drawn.uniform(-1.0, 1.0, 400_000) + beside * drawn.standard_normal(400_000)
    reach = factor_of(("rectangle", 1.0), ("normal", beside)) * math.hypot(1.0, beside)
    assert float(np.mean(np.abs(error) <= reach)) == pytest.approx(COVERAGE, abs=0.0012)


def test_a_second_rectangle_is_covered_rather_more_than_less() -> None:
    drawn = np.random.default_rng(8)
    error = math.sqrt(3.0) * (drawn.uniform(-1.0, 1.0, 400_000) + 0.8 * drawn.uniform(-1.0, 1.0, 400_000))
    reach = factor_of(("rectangle", 1.0), ("another", 0.8)) * math.hypot(1.0, 0.8)
    assert COVERAGE - 0.001 < float(np.mean(np.abs(error) <= reach)) < 0.98


def test_few_degrees_of_freedom_widen_it_all_the_same() -> None:
    lines = [component("scatter", 1.0, "mg", degrees_of_freedom=4), bounded("edge", 0.2, "mg")]
    assert measurement("m", "", 1.0, "mg", lines).coverage_factor == pytest.approx(coverage_factor(4.0), rel=0.02)
