"""Which interval doses allow: by device, by run, or by dose, and what is said of it."""

import numpy as np
import pytest
from scipy.special import ndtr  # type: ignore[import-untyped]

from bench.metrology.dose_interval import dose_interval
from bench.metrology.normality import checked_interval
from bench.metrology.random_effects import future_dose_interval


def test_one_run_of_one_device_is_a_sample_of_its_doses() -> None:
    values = np.random.default_rng(1).normal(size=20).tolist()
    found = dose_interval(values, ["a"] * 20, ["r"] * 20, 0.95, 0.95)
    plain, _, _ = checked_interval(values, 0.95, 0.95)
    assert (found.lower, found.upper) == (plain.lower, plain.upper)
    assert "this device, in a run like this" in found.holds_for
    assert "one device tells nothing of others" in found.words


def test_runs_of_one_device_are_its_units_and_devices_come_before_runs() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(rng.normal(), 1.0, 10) for _ in range(6)]).tolist()
    runs = np.repeat(np.arange(6), 10).tolist()
    devices = np.repeat(np.arange(3), 20).tolist()
    by_run = dose_interval(values, ["a"] * 60, runs, 0.95, 0.95)
    assert (by_run.lower, by_run.upper) == pytest.approx(_ends(future_dose_interval(values, runs, 0.95, 0.95)[0]))
    assert "6 runs" in by_run.method
    by_device = dose_interval(values, devices, runs, 0.95, 0.95)
    nested = future_dose_interval(values, devices, 0.95, 0.95, runs)[0]
    assert (by_device.lower, by_device.upper) == pytest.approx(_ends(nested))
    assert by_device.upper - by_device.lower > by_run.upper - by_run.lower


def test_interval_without_a_distribution_holds_by_the_number_of_devices() -> None:
    """Doses of devices that differ by an exponential offset: least to greatest does at least what is stated."""
    rng, draws, held, stated = np.random.default_rng(3), 0, 0, 0.0
    for _ in range(300):
        offsets = rng.exponential(3.0, 50)
        values = (offsets[:, None] + rng.normal(0.0, 0.2, (50, 4))).ravel()
        found = dose_interval(
            values.tolist(), np.repeat(np.arange(50), 4).tolist(), np.repeat(np.arange(50), 4).tolist(), 0.95, 0.95
        )
        if found.enough:  # the check did not see it
            continue
        assert "distribution-free" in found.method
        draws, stated = draws + 1, found.achieved_confidence
        held += _share(found.lower, found.upper) >= 0.95
    assert draws > 250
    assert stated == pytest.approx(1.0 - 50 * 0.95**49 + 49 * 0.95**50)
    assert held / draws > stated - 4.0 * (0.25 / draws) ** 0.5


def _share(lower: float, upper: float) -> float:
    offsets = -3.0 * np.log(1.0 - (np.arange(4000) + 0.5) / 4000)
    return float(np.mean(ndtr((upper - offsets) / 0.2) - ndtr((lower - offsets) / 0.2)))


def _ends(found: object) -> tuple[float, float]:
    return found.lower, found.upper  # type: ignore[attr-defined]
