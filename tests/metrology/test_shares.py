"""Shares and mean absolute errors, and what weighing leaves open in them, against draws and probabilities."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.budget import component, measurement
from bench.metrology.decision import judge
from bench.metrology.shares import (
    mean_size,
    mean_size_standard_uncertainty,
    probability_within,
    share_standard_uncertainty,
    share_within,
    share_without_noise,
)
from bench.quantities import parse_limit
from bench.results.model import Verdict

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


def test_what_is_far_from_every_edge_was_counted_and_keeps_a_limit_of_all() -> None:
    errors = [-9.5, 3.0, 0.2, 8.8]
    own, common = share_standard_uncertainty(errors, 15.0, [1.0] * 4, 0.3)
    assert (own, common) == (0.0, 0.0)
    lines = [component("own", own, "%"), component("common", common, "%")]
    share = measurement("share", "share", share_within(errors, 15.0), "%", lines)
    judged = judge(share, parse_limit(">= 100 %", "ratio"), "guarded")
    assert judged.verdict is Verdict.PASS
    assert share_without_noise(errors, 15.0, 1.0) == (100.0, 0.0)
    near, _ = share_standard_uncertainty([*errors, 12.5], 15.0, [1.0] * 5, 0.3)
    chance = 1.0 - probability_within(12.5, 15.0, 1.0)  # 0.6 %: that is no longer nothing
    assert near == pytest.approx(100.0 * math.sqrt(chance * (1.0 - chance)) / 5, rel=1e-3)
