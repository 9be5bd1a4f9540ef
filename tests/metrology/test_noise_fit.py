"""White, flicker and walk fitted to a blank: near what was put in, by whatever balance it was shown."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.noise_fit import fit_noise
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
