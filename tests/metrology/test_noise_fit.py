"""White, flicker and walk fitted to a blank: near what was put in, by whatever balance it was shown."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.noise_fit import between_pulses, fit_noise
from tests.metrology.conftest import STEP_S

Floats = NDArray[np.float64]


def test_a_finer_balance_has_the_same_noise_on_a_smaller_scale(balance_noise: Callable[..., Floats]) -> None:
    """Six places are five places in other units: the filter and the shares of the densities do not know them."""
    shown = np.round(balance_noise(np.random.default_rng(4), 12_000), 2)
    time_s = STEP_S * np.arange(len(shown), dtype=np.float64)
    coarse = fit_noise([(time_s, shown)], 0.01)
    fine = fit_noise([(time_s, 0.01 * shown)], 1e-4)
    assert 0.6 < coarse.lag_s < 1.3
    assert (fine.lag_s, fine.average_s) == (coarse.lag_s, coarse.average_s)
    assert fine.densities == pytest.approx(1e-4 * coarse.densities, rel=1e-3)


def test_stretches_between_rare_pulses() -> None:
    """From when a tail has gone until shortly before the next pulse; not between pulses that come often."""
    time_s = STEP_S * np.arange(60_000, dtype=np.float64)
    mass_mg = np.sum(time_s[:, None] > np.array([600.0, 780.0, 4380.0]), axis=1).astype(np.float64)
    stretches = between_pulses(time_s, mass_mg, np.array([600.0, 780.0, 4380.0]))
    assert len(stretches) == 1
    assert stretches[0][0][0] == pytest.approx(930.0)
    assert stretches[0][0][-1] == pytest.approx(4375.0, abs=0.2)
    assert np.all(stretches[0][1] == 2.0)
