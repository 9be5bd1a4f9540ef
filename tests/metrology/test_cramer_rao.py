"""Bounds against what analysis gives for simple noise, and against bounds published for balances' noise."""

import math

import numpy as np
import pytest

from bench.metrology.cramer_rao import pulse_bounds, sample_blocks
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.step_response import StepResponse

SHARP = StepResponse(lag_s=0.0)


def white(sigma: float, walk: float = 0.0) -> FilteredNoise:
    return FilteredNoise(sigma**2, 0.0, walk, lag_s=0.0, sample_s=1.0)


@pytest.mark.parametrize("samples", [10, 50])
@pytest.mark.parametrize("drift_known", [True, False])
def test_one_step_in_white_noise(samples: int, drift_known: bool) -> None:
    """2σ²/m with the drift known, σ²/(m/2 − 1.5 m³/(4m² − 1)), near 8σ²/m, without."""
    blocks = sample_blocks(-samples, samples, 1.0)
    found = pulse_bounds(
        white(0.3), SHARP, np.ones(1), np.zeros(1), *blocks, drift_known=drift_known, times_known=True
    ).mass_mg[0]
    m = float(samples)
    expected = 2.0 / m if drift_known else 1.0 / (m / 2.0 - 1.5 * m**3 / (4.0 * m**2 - 1.0))
    assert found**2 == pytest.approx(0.09 * expected, rel=1e-4)


@pytest.mark.parametrize("pulses", [1, 2, 5, 10])
def test_pulses_that_share_one_drift(pulses: int) -> None:
    """(2 + 12/(K + 1)) σ²/m for K pulses between plateaus of m readings."""
    m = 40
    blocks = sample_blocks(0.0, m * (pulses + 1.0), 1.0)
    onsets = np.arange(1.0, pulses + 1.0) * m
    found = pulse_bounds(white(1.0), SHARP, np.ones(pulses), onsets, *blocks, times_known=True).mass_mg
    assert np.mean(found**2) * m == pytest.approx(2.0 + 12.0 / (pulses + 1.0), rel=1e-3)


def test_walk_limits_whatever_the_window() -> None:
    """2σ√q, for windows much longer than σ/√q readings."""
    blocks = sample_blocks(-500.0, 500.0, 1.0)
    noise = white(1.0, 1e-3)
    found = pulse_bounds(noise, SHARP, np.ones(1), np.zeros(1), *blocks, drift_known=True, times_known=True)
    assert found.mass_mg[0] ** 2 == pytest.approx(2.0 * math.sqrt(1e-3), rel=0.01)


@pytest.mark.parametrize(
    ("white_mg", "flicker_mg", "walk_mg", "step_mg", "bound_mg"),
    [(0.003, 0.0004, 3e-5, 0.001, 0.00141), (0.025, 0.004, 5e-4, 0.01, 0.0133)],
    ids=["six places", "five places"],
)
def test_bounds_of_balances(
    white_mg: float, flicker_mg: float, walk_mg: float, step_mg: float, bound_mg: float
) -> None:
    """One pulse of 0.5 mg within ± 90 s behind a lag of 1 s, from a simulation of another make."""
    noise = FilteredNoise(2.0 * white_mg**2, flicker_mg**2 / math.pi, walk_mg**2 / 0.1, 1.0, 0.0, step_mg)
    fine = sample_blocks(-5.0, 10.0, 0.25)
    far = [sample_blocks(-90.0, -5.0, 1.0), fine, sample_blocks(10.0, 90.0, 1.0)]
    begin, end = (np.concatenate([each[side] for each in far]) for side in (0, 1))
    found = pulse_bounds(noise, StepResponse(1.0), np.array([0.5]), np.zeros(1), begin, end)
    assert found.mass_mg[0] == pytest.approx(bound_mg, rel=0.01)


def test_what_is_known_beforehand_lies_between_known_and_unknown() -> None:
    """A pulse's own onset and the run's response, held ever less firmly."""
    noise = FilteredNoise(2.0 * 0.025**2, 0.004**2 / math.pi, 0.0005**2 / 0.1, 1.0, 0.0, 0.01)
    response, onsets = StepResponse(1.0, 0.0, 0.08, 20.0), np.array([30.0, 60.0])
    blocks = sample_blocks(0.0, 90.0, 0.5)

    def bound(firm: float) -> float:
        spread = np.array([0.5, 0.5, 0.08, 0.6]) * firm
        return float(
            pulse_bounds(
                noise, response, np.full(2, 0.5), onsets, *blocks, time_spread_s=0.3 * firm, response_spread=spread
            ).mass_mg[0]
        )

    known = pulse_bounds(noise, response, np.full(2, 0.5), onsets, *blocks, times_known=True).mass_mg[0]
    free = pulse_bounds(noise, response, np.full(2, 0.5), onsets, *blocks).mass_mg[0]
    assert bound(1e-6) == pytest.approx(known, rel=1e-6)
    assert known < bound(0.3) < bound(1.0) < bound(1e3)
    assert bound(1.0) > free
    # Without anything known of it, the tail's share is as uncertain as the drift within a window is alike to it.
    assert bound(1e3) > 2.0 * free


def test_a_response_that_is_not_known_costs_what_its_derivatives_say() -> None:
    """One parameter free, against a fit of masses and that parameter by its analytic derivative, −t/τ²·e^(−t/τ)."""
    onset, lag_s = 20.0, 2.0
    begin, end = sample_blocks(0.0, 60.0, 0.05)
    since = np.maximum(0.5 * (begin + end) - onset, 0.0)
    noise = FilteredNoise(0.01, lag_s=0.0, sample_s=0.05)
    shown = np.where(since > 0.0, 1.0 - np.exp(-since / lag_s), 0.0)
    change = np.where(since > 0.0, -0.5 * since / lag_s**2 * np.exp(-since / lag_s), 0.0)
    design = np.column_stack((np.ones(len(begin)), shown, change)) / math.sqrt(0.01 / 0.05)
    information = design.T @ design
    information[2, 2] += 1.0 / 0.2**2
    found = pulse_bounds(
        noise,
        StepResponse(lag_s),
        np.array([0.5]),
        np.array([onset]),
        begin,
        end,
        drift_known=True,
        times_known=True,
        response_spread=np.array([0.2, 1e-9, 1e-9, 1e-9]),
    )
    assert found.mass_mg[0] ** 2 == pytest.approx(np.linalg.inv(information)[1, 1], rel=1e-3)


def test_too_short_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="longer window"):
        pulse_bounds(white(1.0), SHARP, np.ones(1), np.zeros(1), *sample_blocks(-1.0, 1.0, 1.0))
