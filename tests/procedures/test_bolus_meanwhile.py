"""Increments of a basal rate between the levels of boluses, against counting them for drawn phases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrology.noise import Levels
from bench.procedures.bolus.meanwhile import Meanwhile

PERIOD_S = 180.0
HERE = Meanwhile(10.0, 0.5)
"""0.5 µL every 180 s."""


def row(number: int, every_s: float, lasting_s: float = 95.0) -> Levels:
    """Return the mean of boluses that follow each other, each from a level to another one `lasting_s` later."""
    windows = []
    for begin_s in 40.0 + every_s * np.arange(number):
        windows += [(begin_s - 5.0, begin_s + 5.0), (begin_s + lasting_s - 5.0, begin_s + lasting_s + 5.0)]
    return Levels.of(windows, [-1.0 / number, 1.0 / number] * number)


def drawn(levels: Levels) -> float:
    """Return the spread of the number of increments that come between the levels, counted one by one."""
    middle_s = 0.5 * (levels.begin_s + levels.end_s)
    counts = []
    for first_s in np.random.default_rng(5).uniform(0.0, PERIOD_S, 4000):
        increments_s = np.arange(first_s - 10.0 * PERIOD_S, middle_s.max() + PERIOD_S, PERIOD_S)
        counts.append(float(np.searchsorted(increments_s, middle_s) @ levels.weights))
    return float(np.std(counts))


@pytest.mark.parametrize("every_s", [100.0, 180.0, 187.0, 300.0, 360.0])
@pytest.mark.parametrize("number", [1, 2, 7])
def test_the_spread_is_that_of_counted_increments(number: int, every_s: float) -> None:
    levels = row(number, every_s)
    assert HERE.spread_of_count(levels) == pytest.approx(drawn(levels), rel=0.05, abs=0.005)


def test_boluses_in_step_with_the_basal_rate_all_err_alike() -> None:
    share = 95.0 / PERIOD_S
    one = math.sqrt(share * (1.0 - share))
    assert HERE.spread_of_count(row(1, 0.0)) == pytest.approx(one)
    assert HERE.spread_of_count(row(10, 2.0 * PERIOD_S)) == pytest.approx(one)
    # Nearly in step they drift through a third of a cycle only; nine evenly spread phases all but cancel.
    assert HERE.spread_of_count(row(10, 187.0)) > 2.0 * one / math.sqrt(10.0)
    assert HERE.spread_of_count(row(9, 100.0)) < 0.5 * one / math.sqrt(9.0)


def test_the_line_tells_what_was_taken_off() -> None:
    line = HERE.component(row(3, 200.0), 2.0)
    assert line.estimate == pytest.approx(10.0 * 95.0 / 3600.0)
    assert (line.unit, line.sensitivity) == ("µL", -2.0)
    assert line.contribution == pytest.approx(2.0 * 0.5 * HERE.spread_of_count(row(3, 200.0)))
