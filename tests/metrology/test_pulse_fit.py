"""Pulses of known mass and instant in a balance's noise: weighed near the Cramér-Rao bound, and no surer than it is."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.noise_fit import fit_noise
from bench.metrology.pulse_fit import PulseFit, fit_pulses
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
    instants = onsets + rng.normal(0.5, 0.2, count)
    return fit_pulses(time_s, shown, instants, noise), masses, onsets


@pytest.mark.parametrize(
    ("interval_s", "count", "tail_share", "bound_mg"),
    [(180.0, 40, 0.0, 0.0090), (180.0, 40, 0.08, 0.0090), (30.0, 60, 0.08, 0.0105), (5.0, 60, 0.0, 0.016)],
)
def test_near_the_bound(
    balance_noise: MakeNoise, interval_s: float, count: int, tail_share: float, bound_mg: float
) -> None:
    """`bound_mg` is near the bound of one pulse with a drift of its own; drift of the run makes up for all else."""
    fit, masses, onsets = weighed(balance_noise, 1, interval_s, count, tail_share)
    errors = fit.mass_mg - masses
    assert math.sqrt(np.mean(errors**2)) < 1.25 * bound_mg
    assert abs(np.mean(errors)) < 0.4 * bound_mg
    assert np.mean(np.abs(errors) < 2.0 * fit.mass_uncertainty_mg) > 0.8
    assert np.std(fit.time_s - onsets) < 0.1
    assert abs(np.mean(fit.time_s - onsets)) < 0.3
    assert fit.response.tail_share == pytest.approx(tail_share, abs=0.03)
    assert fit.response.width_s == pytest.approx(1.0, abs=0.1)
    assert not np.any(fit.disagrees)


def test_a_mean_is_much_surer_than_its_pulses(balance_noise: MakeNoise) -> None:
    """Neighbours share levels, so that their errors cancel in a mean."""
    fit, masses, _ = weighed(balance_noise, 2, 30.0, 60)
    stated = fit.mean_uncertainty_mg(range(60))
    assert stated < 0.4 * float(np.mean(fit.mass_uncertainty_mg)) / math.sqrt(1.0)
    assert abs(float(np.mean(fit.mass_mg - masses))) < 3.0 * stated
    assert -0.6 < fit.correlation(20, 21) < -0.2
    assert abs(fit.correlation(20, 30)) < 0.05


@pytest.mark.parametrize(
    ("instants", "what"),
    [([], "no pulses"), ([50.0, 50.0], "ascend"), ([-1.0], "outside"), ([99.0, 500.0], "outside")],
)
def test_what_cannot_be_weighed_is_refused(instants: list[float], what: str) -> None:
    time_s = np.arange(1000, dtype=np.float64) * STEP_S
    mass_mg = np.random.default_rng(1).normal(0.0, 0.01, 1000)
    noise = fit_noise([(time_s, mass_mg)], 0.01)
    with pytest.raises(ValueError, match=what):
        fit_pulses(time_s, mass_mg, np.array(instants), noise)
