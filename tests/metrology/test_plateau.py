"""Settled steps against steps that are known."""

import numpy as np
import pytest

from bench.metrology.plateau import level, step


def test_step_is_the_difference_of_levels_less_the_drift() -> None:
    time_s = np.arange(0.0, 100.0, 0.1)
    mass_mg = np.where(time_s < 50.0, 0.0, 10.0) - 2e-3 * time_s
    before, after = level(time_s, mass_mg, (10, 40)), level(time_s, mass_mg, (60, 90))
    assert before is not None
    assert after is not None
    assert step(before, after, -2e-3) == pytest.approx(10.0, abs=1e-9)
    assert step(before, after, 0.0) == pytest.approx(10.0 - 0.1, abs=1e-9)


def test_level_needs_readings() -> None:
    time_s = np.arange(0.0, 10.0, 0.1)
    mass_mg = np.full_like(time_s, np.nan)
    assert level(time_s, mass_mg, (0, 10)) is None
    assert level(time_s, np.ones_like(time_s), (20, 30)) is None
    mass_mg[:6] = 1.0
    found = level(time_s, mass_mg, (0, 10))
    assert found is not None
    assert (found.mass, found.readings) == (1.0, 6)
    assert found.time_s == pytest.approx(0.25)
