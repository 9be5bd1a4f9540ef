"""The noise model against noise made by definition: stated uncertainties must cover what really happens."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.coverage import coverage_factor
from bench.metrology.evaporation import evaporation
from bench.metrology.loss_slope import Slope, blank_slope
from bench.metrology.noise import Levels, Noise, Part, block_means, estimate, white_noise

Floats = NDArray[np.float64]
STEP_S = 0.1
BLANK = 6000
GAP = 12000


def recording(make: Callable[..., Floats], seed: int, evaporation_mg_per_h: float = 0.0) -> tuple[Floats, Floats]:
    count = 2 * BLANK + GAP
    time_s = np.arange(count, dtype=np.float64) * STEP_S
    mass = make(np.random.default_rng(seed), count) - evaporation_mg_per_h * time_s / 3600.0
    return time_s, np.round(mass, 2)


def noise_of(slow: str, white: float, density: float) -> Noise:
    return Noise((Part(slow, white, density, (0.0, 0.0, 0.0)),))


def test_variances_by_hand() -> None:
    """Adjacent windows of L: white 2 S0/L, walk q²·2L/3, flicker 4 ln 2·h; apart by T: walk q²(T − L/3)."""
    before, after = (0.0, 30.0), (30.0, 60.0)
    assert white_noise(6.0).difference(before, after).standard_uncertainty ** 2 == pytest.approx(12.0 / 30.0)
    assert noise_of("walk", 0.0, 2.0).difference(before, after).standard_uncertainty ** 2 == pytest.approx(40.0)
    apart = noise_of("walk", 0.0, 2.0).difference(before, (1000.0, 1030.0)).standard_uncertainty
    assert apart**2 == pytest.approx(2.0 * (1000.0 - 10.0))
    flicker = noise_of("flicker", 0.0, 0.5).difference(before, after).standard_uncertainty
    assert flicker**2 == pytest.approx(2.0 * math.log(2.0))


@pytest.mark.parametrize("slow", ["flicker", "walk"])
def test_blocks_and_windows_agree(slow: str) -> None:
    noise = noise_of(slow, 3.0, 0.7)
    weights = np.array([-0.5, -0.5, 0.0, 0.25, 0.75])
    windows = [(2.0 * i, 2.0 * i + 2.0) for i in range(5)]
    expected = noise.sum_of_levels(windows, weights.tolist()).standard_uncertainty
    assert noise.sum_of_blocks(weights, 2.0).standard_uncertainty == pytest.approx(expected)


def test_block_means_keep_gaps() -> None:
    time_s = np.array([0.0, 0.5, 1.0, 1.5, 4.0])
    middle, mean = block_means(time_s, np.array([1.0, 3.0, 5.0, np.nan, 7.0]), 1.0)
    np.testing.assert_array_equal(middle, [0.5, 1.5, 2.5, 3.5, 4.5])
    np.testing.assert_array_equal(mean, [2.0, 5.0, np.nan, np.nan, 7.0])


def test_steady_drift_does_not_count_as_noise(balance_noise: Callable[..., Floats]) -> None:
    time_s, mass = recording(balance_noise, 1)
    still = estimate([(time_s[:BLANK], mass[:BLANK])]).parts[1].slow_density
    drifting = estimate([(time_s[:BLANK], mass[:BLANK] + 5.0 * time_s[:BLANK])]).parts[1].slow_density
    assert drifting == pytest.approx(still, rel=1e-6)


def test_stated_uncertainties_cover(balance_noise: Callable[..., Floats]) -> None:
    """Levels 20 min apart and slopes of 10 min blanks, over 120 recordings; with k for the degrees of freedom."""
    within = []
    for seed in range(120):
        time_s, mass = recording(balance_noise, seed, evaporation_mg_per_h=0.4)
        blanks = [(time_s[:BLANK], mass[:BLANK]), (time_s[-BLANK:], mass[-BLANK:])]
        noise = estimate(blanks, 0.01)
        before, after = (time_s[BLANK] - 60.0, time_s[BLANK]), (time_s[-BLANK], time_s[-BLANK] + 60.0)
        apart_s = after[0] - before[0]
        difference = np.mean(mass[-BLANK : -BLANK + 600]) - np.mean(mass[BLANK - 600 : BLANK])
        spread = noise.difference(before, after)
        error = abs(difference + 0.4 * apart_s / 3600.0)
        level = error <= coverage_factor(spread.degrees_of_freedom) * spread.standard_uncertainty
        found = evaporation([blank_slope(*blank, noise) for blank in blanks])
        factor = coverage_factor(found.degrees_of_freedom)
        within.append((level, abs(found.mg_per_h - 0.4) <= factor * found.standard_uncertainty))
    assert np.all(np.mean(within, axis=0) >= 0.93)


def test_blanks_and_rig_file_combine_by_inverse_variance() -> None:
    slopes = [Slope(-0.06, 0.04, 10.0), Slope(-0.10, 0.04, 10.0)]
    found = evaporation(slopes, 0.05, 0.04 * math.sqrt(1.5))  # declared u = measured u = 0.04/√2
    assert found.mg_per_h == pytest.approx(0.065)
    assert found.standard_uncertainty == pytest.approx(0.02)
    assert found.degrees_of_freedom == pytest.approx(40.0)
    assert found.disagreement == ""


def test_contradicting_rig_file_is_not_believed() -> None:
    found = evaporation([Slope(-9.9, 0.1, 10.0), Slope(-10.1, 0.1, 10.0)], 0.05, 0.05)
    assert found.mg_per_h == pytest.approx(10.0)
    assert "lost 9.90 mg/h" in found.disagreement
    assert "declares 0.05 mg/h" in found.disagreement


def test_changing_evaporation_widens() -> None:
    steady = evaporation([Slope(-1.0, 0.1, 10.0), Slope(-1.0, 0.1, 10.0)])
    changing = evaporation([Slope(-0.8, 0.1, 10.0), Slope(-1.2, 0.1, 10.0)])
    assert changing.mg_per_h == pytest.approx(steady.mg_per_h)
    assert changing.standard_uncertainty == pytest.approx(math.sqrt(steady.standard_uncertainty**2 + 0.14 / 12.0))
    assert changing.disagreement == ""


def test_blanks_that_differ_are_told_and_not_hidden_behind_the_rig_file() -> None:
    found = evaporation([Slope(-0.05, 0.1, 10.0), Slope(4.95, 0.1, 10.0)], 0.05, 0.05)
    assert found.mg_per_h == pytest.approx(-2.45)
    assert found.standard_uncertainty > 1.4
    assert found.unsteady == "The blank before lost 0.05 mg/h, the one after -4.95 mg/h"


def test_without_blanks_the_rig_file_must_do() -> None:
    assert evaporation([None, None], 0.05, 0.03).standard_uncertainty == pytest.approx(0.03 / math.sqrt(3.0))
    assert evaporation([]).source.startswith("none")
    assert blank_slope(np.linspace(0.0, 30.0, 300), np.zeros(300), white_noise(1.0)) is None


def test_the_variance_is_anything_between_what_both_fits_say() -> None:
    """Two fits that are known exactly: a rectangular variance between them, and Student's degrees of freedom for it."""
    exact = (0.0, 0.0, 0.0)
    noise = Noise((Part("flicker", 1e-4, 1e-4, exact), Part("walk", 1e-4, 1e-5, exact)))
    before, after = (0.0, 20.0), (400.0, 420.0)
    alone = [Noise((part,)).difference(before, after).standard_uncertainty ** 2 for part in noise.parts]
    found = noise.difference(before, after)
    variance = 0.5 * sum(alone)
    assert found.standard_uncertainty**2 == pytest.approx(variance)
    u_variance = abs(alone[1] - alone[0]) / 12.0**0.5
    assert found.degrees_of_freedom == pytest.approx(2.0 * (variance / u_variance) ** 2)


def test_a_density_that_cannot_be_negative_is_known_better_than_to_its_own_size() -> None:
    """Noise without any slow part: of all that is believed of it none lies below nothing, so that u is less than it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        time_s = np.arange(BLANK, dtype=np.float64) * STEP_S
        for part in estimate([(time_s, rng.normal(0.0, 0.03, BLANK))]).parts:
            assert math.sqrt(part.covariance[2]) < part.slow_density


def test_a_walk_that_stands_out_is_known_as_well_as_its_fit() -> None:
    """Far above nothing the bound takes nothing away: 40 blanks scatter by what each states."""
    told, stated = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        time_s = np.arange(4 * BLANK, dtype=np.float64) * STEP_S
        walk = estimate([(time_s, np.cumsum(rng.normal(0.0, 0.01, time_s.size)))]).parts[1]
        told.append(walk.slow_density)
        stated.append(math.sqrt(walk.covariance[2]))
    assert float(np.std(told)) == pytest.approx(float(np.mean(stated)), rel=0.3)
    assert float(np.mean(told)) == pytest.approx(0.01**2 / STEP_S, rel=0.1)


def test_the_cautious_noise_is_the_fit_that_leaves_more_open() -> None:
    flicker = Part("flicker", 1e-4, 1e-4, (0.0, 0.0, 0.0))
    walk = Part("walk", 1e-4, 1e-7, (0.0, 0.0, 0.0))
    noise = Noise((flicker, walk))
    near, far = (Levels.difference((0.0, 60.0), (apart_s, apart_s + 60.0)) for apart_s in (70.0, 1e6))
    assert noise.cautious(near).parts == (flicker,)
    assert noise.cautious(far).parts == (walk,)
    for levels in (near, far):
        assert noise.cautious(levels).of(levels).standard_uncertainty >= noise.of(levels).standard_uncertainty
