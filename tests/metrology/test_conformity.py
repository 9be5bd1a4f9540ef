"""Probabilities and risks against JCGM 106, ILAC-G8, and published tables of guard bands."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.budget import bounded, component
from bench.metrology.conformity import (
    Knowledge,
    conformity,
    false_accept,
    global_guard,
    method_6,
    score_at,
    uncertainty_ratio,
    worst_false_accept,
)
from bench.metrology.coverage import coverage_factor_of


def test_the_zener_diode_of_jcgm_106() -> None:
    """JCGM 106, 7.3: −5.47 V ± 0.05 V (standard) against an upper limit of −5.40 V; 0.92."""
    assert conformity(-5.47, Knowledge(0.05), None, -5.40) == pytest.approx(0.92, abs=0.005)


def test_the_engine_oil_of_jcgm_106() -> None:
    """JCGM 106, 7.4: 13.6 mm²/s ± 1.8 mm²/s against the 12.5 mm²/s to 16.3 mm²/s of SAE 40; 0.66."""
    assert conformity(13.6, Knowledge(1.8), 12.5, 16.3) == pytest.approx(0.66, abs=0.005)


def test_student_puts_more_beyond_a_limit() -> None:
    # Table G.2 of the GUM: 95 % of t with 4 degrees of freedom lies within ±2.776.
    assert conformity(0.0, Knowledge(1.0, 4.0), -2.776, 2.776) == pytest.approx(0.95, abs=1e-4)
    assert score_at(0.975, 4.0) == pytest.approx(2.776, abs=1e-3)
    assert score_at(0.975, None) == pytest.approx(1.960, abs=1e-3)


@pytest.mark.parametrize("share", [0.4, 0.6, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("degrees", [None, 6.0])
def test_a_ruling_rectangle_keeps_its_shape(share: float, degrees: float | None) -> None:
    generator = np.random.default_rng(5)
    drawn = math.sqrt(3.0) * share * generator.uniform(-1.0, 1.0, 400_000)
    drawn += math.sqrt(1.0 - share**2) * generator.standard_normal(drawn.size)
    if degrees is None:
        for error in (-1.7, -0.5, 0.0, 0.9, 1.6):
            found = Knowledge(1.0, degrees, share).below(error)
            # Below a share of one half it is taken for normal, and nearly is.
            assert found == pytest.approx(float(np.mean(drawn < error)), abs=0.004)
    known = Knowledge(2.0, degrees, 2.0 * share)
    lines = [bounded("r", 2.0 * share * math.sqrt(3.0), ""), component("n", 2.0 * math.sqrt(1.0 - share**2), "")]
    factor = coverage_factor_of(lines, 2.0, math.inf if degrees is None else degrees)
    assert known.below(2.0 * factor) == pytest.approx(0.97725, abs=1e-3)
    assert known.reach(0.97725) == pytest.approx(2.0 * factor, rel=0.01)
    assert known.below(known.reach(0.9)) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize(
    ("r", "risk"), [(0.0, 0.50), (0.5, 0.16), (0.822, 0.05), (0.83, 0.0485), (1.0, 0.0228), (1.5, 0.00135)]
)
def test_specific_risk_of_a_guard_band(r: float, risk: float) -> None:
    """ILAC-G8:09/2019, table 1: the risk of a value just within the guard band w = r U."""
    upper, standard = 10.0, 0.5
    value = upper - r * 2.0 * standard
    assert 1.0 - conformity(value, Knowledge(standard), None, upper) == pytest.approx(risk, abs=0.02 * risk + 5e-5)


@pytest.mark.parametrize(("ratio", "share"), [(1.5, 0.760), (2.0, 0.859), (3.0, 0.948), (4.0, 0.987), (5.0, 1.0)])
def test_method_6_as_published(ratio: float, share: float) -> None:
    assert 1.0 - method_6(ratio) / ratio == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 4.6])
def test_method_6_keeps_2_percent_for_every_process(ratio: float) -> None:
    worst = worst_false_accept(ratio, ratio - method_6(ratio), 0.5)
    assert 0.0190 < worst < 0.02


@pytest.mark.parametrize(("ratio", "percent"), [(1.5, 1.54), (2.0, 1.34), (4.0, 0.86), (10.0, 0.41)])
def test_false_accepts_without_a_guard_band(ratio: float, percent: float) -> None:
    """Items of which 95 % are in tolerance: the tabulated risk at a test uncertainty ratio."""
    process = 1.0 / score_at(0.975, None)
    assert 100.0 * false_accept(1.0, 1.0, 0.5 / ratio, process) == pytest.approx(percent, abs=0.01)


def test_false_accepts_as_counted() -> None:
    generator = np.random.default_rng(3)
    item = generator.normal(0.0, 0.7, 1_000_000)
    accepted = np.abs(item + generator.normal(0.0, 0.25, item.size)) <= 0.9
    counted = float(np.mean(accepted & (np.abs(item) > 1.0)))
    assert false_accept(1.0, 0.9, 0.25, 0.7) == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("risk", [0.005, 0.01, 0.05])
def test_another_risk_has_the_guard_band_of_the_worst_process(risk: float) -> None:
    guard = global_guard(2.0, 1.0, risk, None)
    if guard > 0.0:
        assert worst_false_accept(2.0, 2.0 - guard, 0.5) == pytest.approx(risk, rel=0.01)
    else:
        assert worst_false_accept(2.0, 2.0, 0.5) <= risk


def test_a_known_prior_asks_for_less() -> None:
    known, worst = global_guard(2.0, 1.0, 0.01, 0.95), global_guard(2.0, 1.0, 0.01, None)
    assert 0.0 < known < worst
    process = 2.0 / score_at(0.975, None)
    assert false_accept(2.0, 2.0 - known, 0.5, process) == pytest.approx(0.01, rel=0.01)


def test_the_ratio_needs_two_limits_and_an_uncertainty() -> None:
    assert uncertainty_ratio(-5.0, 5.0, 2.0) == pytest.approx(2.5)
    assert uncertainty_ratio(None, 5.0, 2.0) is None
    assert uncertainty_ratio(-5.0, 5.0, 0.0) is None
    assert math.isfinite(uncertainty_ratio(-5.0, 5.0, 1e-6) or math.nan)
