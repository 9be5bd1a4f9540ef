"""Pulses of known mass and instant in a balance's noise: weighed near the Cramér-Rao bound, and no surer than it is."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.cramer_rao import pulse_bounds
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.noise_fit import fit_noise
from bench.metrology.pulse_blocks import Spacing, cut
from bench.metrology.pulse_fit import PulseFit, fit_pulses
from bench.metrology.step_response import StepResponse
from bench.metrology.step_response_fit import USUAL
from tests.metrology.conftest import STEP_S, lagged

Floats = NDArray[np.float64]
MakeNoise = Callable[..., Floats]
BLANK_S = 1200.0


def weighed(
    make: MakeNoise, seed: int, interval_s: float, count: int, tail_share: float = 0.0, loss_mg_per_h: float = 0.05
) -> tuple[PulseFit, Floats, Floats]:
    """Return the fit of pulses of 0.5 mg ± 8 % in a five-place balance's noise, their true masses and instants."""
    rng = np.random.default_rng(seed)
    onsets = BLANK_S + (np.arange(count) + 0.5) * interval_s + rng.uniform(-0.1, 0.1, count)
    masses = 0.5 * (1.0 + 0.08 * rng.standard_normal(count))
    size = round((onsets[-1] + max(interval_s, 60.0)) / STEP_S)
    time_s = np.arange(size, dtype=np.float64) * STEP_S
    arrived = np.zeros(size)
    for onset, mass in zip(onsets, masses, strict=True):
        first = int(np.ceil(onset / STEP_S))
        since = time_s[first:] - onset
        # A step between two readings has come to the second only for the part of the interval that is left.
        arrived[first:] += mass * (1.0 - tail_share * np.exp(-since / 20.0))
        arrived[first] -= mass * (1.0 - tail_share) * (1.0 - (time_s[first] - onset) / STEP_S)
    shown = lagged(arrived) + make(rng, size) - loss_mg_per_h / 3600.0 * time_s
    shown = np.round(shown, 2)
    blank = time_s < BLANK_S
    noise = fit_noise([(time_s[blank], shown[blank])], 0.01)
    instants = onsets + rng.normal(0.5, min(0.2, 0.1 * interval_s), count)
    return fit_pulses(time_s, shown, instants, noise), masses, onsets


def bound_mg(interval_s: float, count: int, tail_share: float) -> float:
    """Return the Cramér-Rao bound of a run's pulses, all but the noise being unknown."""
    onsets = BLANK_S + (np.arange(count, dtype=np.float64) + 0.5) * interval_s
    time_s = STEP_S * np.arange(round((onsets[-1] + max(interval_s, 60.0)) / STEP_S), dtype=np.float64)
    blocks = cut(time_s, np.zeros_like(time_s), onsets, Spacing(0.4, 1.2, 6.0, STEP_S, STEP_S))
    noise = FilteredNoise(2.0 * 0.015**2, 0.003**2 / math.pi, 3e-4**2 / STEP_S, 1.0, 0.0, 0.01, STEP_S)
    bounds = pulse_bounds(
        noise,
        StepResponse(1.0, 0.0, tail_share, 20.0),
        np.full(count, 0.5),
        onsets,
        blocks.begin_s,
        blocks.end_s,
        time_spread_s=0.5,
        response_spread=np.sqrt(np.diag(USUAL.covariance)),
    )
    return math.sqrt(float(np.mean(bounds.mass_mg**2)))


@pytest.mark.parametrize(
    ("interval_s", "count", "tail_share"),
    [(180.0, 40, 0.08), (30.0, 50, 0.08), (5.0, 100, 0.0), (2.5, 80, 0.08)],
)
def test_near_the_bound(balance_noise: MakeNoise, interval_s: float, count: int, tail_share: float) -> None:
    """A slice of benchmarks/pulse_estimation.py: 1.0 is the bound, and some tenths are chance of so few pulses."""
    fit, masses, onsets = weighed(balance_noise, 1, interval_s, count, tail_share)
    errors = fit.mass_mg - masses
    # Of slow pulses a few tell the bound as well as all: they hardly share anything.
    bound = bound_mg(interval_s, count if interval_s < 10.0 else 12, tail_share)
    assert 0.6 < np.mean(errors**2) / bound**2 < 1.4
    assert abs(np.mean(errors)) < 0.3 * bound
    assert np.mean(np.abs(errors) < 2.0 * fit.mass_uncertainty_mg) > 0.87
    assert np.std(fit.time_s - onsets) < 0.1
    assert abs(np.mean(fit.time_s - onsets)) < 0.15
    assert fit.response.tail_share == pytest.approx(tail_share, abs=0.03)
    assert fit.response.width_s == pytest.approx(1.0, abs=0.1)
    assert not np.any(fit.disagrees)


def test_onsets_are_found_from_far_in_little_noise() -> None:
    """Behind a lag a pulse is sharp once the noise is white: the search goes a block at a time."""
    rng = np.random.default_rng(5)
    time_s = STEP_S * np.arange(8000, dtype=np.float64)
    onsets = 400.0 + 30.0 * np.arange(12, dtype=np.float64) + 0.04
    since = time_s[:, None] - onsets
    load = 0.5 * np.sum(np.where(since > 0.0, 1.0 - np.exp(-np.maximum(since, 0.0)), 0.0), axis=1)
    shown = load + lagged(rng.normal(0.0, 0.003 * 4.5, len(time_s)))
    instants = onsets + np.array([1.2, -1.2, 0.8, -0.8, 0.4, 0.0] * 2)
    noise = FilteredNoise(2.0 * 0.003**2, 0.0, 0.0, 1.0, 0.0, 0.0, STEP_S)
    fit = fit_pulses(time_s, shown, instants, noise, response=StepResponse(1.0), instant_spread_s=0.7)
    assert np.allclose(fit.time_s, onsets, atol=0.03)
    assert np.allclose(fit.mass_mg, 0.5, atol=0.005)


def test_a_mean_is_much_surer_than_its_pulses(balance_noise: MakeNoise) -> None:
    """Neighbours share levels, so that their errors cancel in a mean."""
    fit, masses, _ = weighed(balance_noise, 2, 30.0, 30)
    stated = fit.mean_uncertainty_mg(range(30))
    assert stated < 0.4 * float(np.mean(fit.mass_uncertainty_mg)) / math.sqrt(1.0)
    assert abs(float(np.mean(fit.mass_mg - masses))) < 3.0 * stated
    assert -0.6 < fit.correlation(10, 11) < -0.2
    assert abs(fit.correlation(10, 20)) < 0.05


@pytest.mark.parametrize(
    ("instants", "what"),
    [([], "no pulses"), ([50.0, 50.0], "ascend"), ([-1.0], "outside"), ([99.0, 500.0], "outside")],
)
def test_what_cannot_be_weighed_is_refused(instants: list[float], what: str) -> None:
    time_s = np.arange(1000, dtype=np.float64) * STEP_S
    mass_mg = np.random.default_rng(1).normal(0.0, 0.01, 1000)
    noise = FilteredNoise(2e-5, rounded_mg=0.01)
    with pytest.raises(ValueError, match=what):
        fit_pulses(time_s, mass_mg, np.array(instants), noise)
