"""Mean absolute errors and what weighing leaves open in them, against draws."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.shares import mean_size, mean_size_standard_uncertainty

Floats = NDArray[np.float64]


def test_mean_size() -> None:
    assert mean_size([3.0, -1.0, 2.0, -2.0]) == 2.0


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_what_noise_leaves_open_in_a_mean_size(spread: float) -> None:
    """Errors of several sizes with noise of 1 % each and 0.5 % in common: excess and scatter of 4000 draws."""
    rng = np.random.default_rng(7)
    true = rng.normal(0.3 * spread, spread, 40)
    excess, own, common = mean_size_standard_uncertainty(true.tolist(), 1.0, 0.5)
    drawn: Floats = np.abs(true + rng.normal(0.0, 1.0, (4000, 40)) + rng.normal(0.0, 0.5, (4000, 1))).mean(axis=1)
    assert excess == pytest.approx(float(drawn.mean()) - mean_size(true.tolist()), abs=0.12)
    scatter = float(drawn.std())
    # Never promising less than there is, nor half as much again.
    assert 0.9 * scatter <= np.hypot(own, common) <= 1.8 * scatter


def test_without_noise_nothing_is_open() -> None:
    assert mean_size_standard_uncertainty([3.0, -1.0], 0.0, 0.0) == (0.0, 0.0, 0.0)
