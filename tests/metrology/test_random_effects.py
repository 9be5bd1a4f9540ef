"""Variance components and the future dose's interval: by hand, in exact cases, and in simulated confidence."""

import math
from itertools import repeat

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]
from scipy.stats import chi2, f_oneway  # type: ignore[import-untyped]

from bench.metrology.random_effects import future_dose_interval, half_width
from bench.metrology.tolerance import normal_interval, two_sided_factor
from bench.metrology.variance_components import MeanSquare, analyse_scatter, difference, upper_excess

Floats = NDArray[np.float64]


def made(
    rng: np.random.Generator, design: list[list[int]], sds: tuple[float, float, float]
) -> tuple[list[float], list[int], list[tuple[int, int]]]:
    """Return doses, devices and runs; `design` has the doses of each run of each device, `sds` device, run, dose."""
    values: list[float] = []
    devices: list[int] = []
    runs: list[tuple[int, int]] = []
    for device, counts in enumerate(design):
        of_device = rng.normal(0.0, sds[0])
        for run, count in enumerate(counts):
            level = of_device + rng.normal(0.0, sds[1])
            values += (level + rng.normal(0.0, sds[2], count)).tolist()
            devices += repeat(device, count)
            runs += repeat((device, run), count)
    return values, devices, runs


def test_equal_numbers_give_the_textbook_analysis_of_variance() -> None:
    values, devices, _ = made(np.random.default_rng(1), [[6]] * 4, (2.0, 0.0, 1.0))
    groups = np.reshape(values, (4, 6))
    found = analyse_scatter(values, devices)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.doses.value == pytest.approx(np.mean(np.var(groups, axis=1, ddof=1)))
    assert found.devices.value == pytest.approx(np.var(np.mean(groups, axis=1), ddof=1))
    assert found.devices.value * 6 / found.doses.value == pytest.approx(f_oneway(*groups).statistic)
    assert found.between_devices is not None
    assert found.between_devices.estimate == pytest.approx(found.devices.value - found.doses.value / 6)
    assert found.between_runs is None
    assert len(found.residuals) == 24
    assert np.std(found.residuals) ** 2 == pytest.approx(found.doses.value)


def test_three_levels_by_hand() -> None:
    values = [1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 10.0, 12.0]
    devices = list("aaaabbbb")
    runs = [1, 1, 2, 2, 1, 1, 2, 2]
    found = analyse_scatter(values, devices, runs)
    assert (found.device_count, found.run_count, found.count) == (2, 4, 8)
    assert found.doses.value == pytest.approx(2.0)  # each run's two values lie 2 apart
    assert found.runs.value == pytest.approx((8.0 + 32.0) / 2)  # run means 2, 6 and 3, 11
    assert found.devices.value == pytest.approx(4.5)  # device means 4 and 7
    assert found.between_runs is not None
    assert found.between_runs.estimate == pytest.approx(20.0 - 2.0 / 2)
    assert found.between_devices is not None
    assert found.between_devices.estimate == 0.0  # 4.5 less half of 20


def test_one_dose_a_device_is_a_sample_of_devices() -> None:
    values = [1.0, 2.5, 2.0, 4.0, 3.5]
    found, scatter = future_dose_interval(values, range(5), 0.95, 0.95)
    plain = normal_interval(values, 0.95, 0.95)
    assert (found.lower, found.upper) == pytest.approx((plain.lower, plain.upper))
    assert scatter.within is None
    assert scatter.effective_count == pytest.approx(5.0)


def test_interval_is_the_published_closed_form() -> None:
    """Mean ± z·√U with the modified large-sample U, written out for 30 devices of 4 doses each."""
    values, devices, _ = made(np.random.default_rng(3), [[4]] * 30, (1.0, 0.0, 1.0))
    found, _ = future_dose_interval(values, devices, 0.95, 0.95)
    groups = np.reshape(values, (30, 4))
    between, within = np.var(np.mean(groups, axis=1), ddof=1), np.mean(np.var(groups, axis=1, ddof=1))
    parts = [(31 / 30 * between, 29 / chi2.ppf(0.05, 29)), (0.75 * within, 90 / chi2.ppf(0.05, 90))]
    upper = sum(part for part, _ in parts) + math.hypot(*(part * (ratio - 1.0) for part, ratio in parts))
    howe = 1.959964 * math.sqrt(31 / 30 * 29 / chi2.ppf(0.05, 29))
    half = 1.959964 * math.sqrt(upper) * max(1.0, two_sided_factor(30, 0.95, 0.95) / howe)
    assert two_sided_factor(30, 0.95, 0.95) > howe
    assert (found.lower, found.upper) == pytest.approx((np.mean(values) - half, np.mean(values) + half), rel=1e-6)


def test_alike_devices_tell_as_much_as_their_doses_and_unlike_ones_as_their_number() -> None:
    rng = np.random.default_rng(4)
    alike = [future_dose_interval(*made(rng, [[10]] * 6, (0.0, 0.0, 1.0))[:2], 0.95, 0.95)[1] for _ in range(60)]
    unlike = [future_dose_interval(*made(rng, [[10]] * 6, (1.0, 0.0, 0.05))[:2], 0.95, 0.95)[1] for _ in range(60)]
    assert np.median([one.effective_count for one in alike]) > 40.0
    assert np.median([one.effective_count for one in unlike]) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("device_count", [2, 4, 12, 32])
@pytest.mark.parametrize("doses", [2, 25])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_interval_has_at_least_the_confidence_that_it_states(device_count: int, doses: int, share: float) -> None:
    """Mean squares are drawn from their distributions; `share` is the devices' part of the variance of a dose."""
    rng, draws = np.random.default_rng(7), 4000
    of_mean = share + (1.0 - share) / doses
    freedom = device_count - 1.0, device_count * (doses - 1.0)
    between = of_mean * rng.chisquare(freedom[0], draws) / freedom[0]
    within = (1.0 - share) * rng.chisquare(freedom[1], draws) / freedom[1]
    mean = rng.normal(0.0, math.sqrt(of_mean / device_count), draws)
    half = np.array(
        [
            half_width(
                [(1.0 + 1.0 / device_count, MeanSquare(b, freedom[0])), (1.0 - 1.0 / doses, MeanSquare(w, freedom[1]))],
                device_count,
                0.95,
                0.95,
            )
            for b, w in zip(between, within, strict=True)
        ]
    )
    confidence = np.mean(ndtr(mean + half) - ndtr(mean - half) >= 0.95)
    assert confidence > 0.95 - 4.0 * math.sqrt(0.95 * 0.05 / draws)
    if share > 0.5 and doses > 2:
        assert confidence < 0.98  # and is not wide for nothing


@pytest.mark.parametrize(
    ("design", "sds"),
    [([[25], [25], [12], [5], [25], [2]], (0.5, 0.0, 1.0)), ([[9, 3], [9], [6, 6, 5], [5], [9, 2]], (0.5, 0.5, 1.0))],
)
def test_unequal_numbers_and_runs_hold_too(design: list[list[int]], sds: tuple[float, float, float]) -> None:
    rng, draws = np.random.default_rng(11), 500
    scale = math.hypot(*sds)
    held, between = 0, 0
    for _ in range(draws):
        found, scatter = future_dose_interval(*_arguments(made(rng, design, sds)))
        held += ndtr(found.upper / scale) - ndtr(found.lower / scale) >= 0.95
        assert scatter.between_devices is not None
        between += scatter.between_devices.lower <= sds[0] ** 2 <= scatter.between_devices.upper
    assert held / draws > 0.95 - 4.0 * math.sqrt(0.95 * 0.05 / draws)
    assert between / draws == pytest.approx(0.95, abs=4.0 * math.sqrt(0.95 * 0.05 / draws))


def _arguments(
    doses: tuple[list[float], list[int], list[tuple[int, int]]],
) -> tuple[list[float], list[int], float, float, list[tuple[int, int]]]:
    values, devices, runs = doses
    return values, devices, 0.95, 0.95, runs


def test_interval_of_a_difference_of_variances_holds_the_truth() -> None:
    rng, draws = np.random.default_rng(13), 1500
    within = 0
    for first, second in zip(2.0 * rng.chisquare(5, draws) / 5, 0.5 * rng.chisquare(40, draws) / 40, strict=True):
        found = difference(MeanSquare(float(first), 5.0), MeanSquare(float(second), 40.0))
        within += found.lower <= 1.5 <= found.upper
    assert within / draws == pytest.approx(0.95, abs=4.0 * math.sqrt(0.95 * 0.05 / draws))


def test_upper_limit_of_a_variance_is_the_textbook_s() -> None:
    # Chi-squared with 10 degrees of freedom: its 5 % quantile is 3.940.
    assert upper_excess(10.0, 0.95) == pytest.approx(10.0 / 3.940 - 1.0, abs=1e-3)


def test_labels_and_single_devices_are_refused() -> None:
    with pytest.raises(ValueError, match="one device tells nothing of how devices differ"):
        future_dose_interval([1.0, 2.0, 3.0], ["a", "a", "a"], 0.95, 0.95)
    with pytest.raises(ValueError, match="3 values need as many devices and runs, not 2 and 2"):
        analyse_scatter([1.0, 2.0, 3.0], ["a", "b"])
    with pytest.raises(ValueError, match="coverage"):
        future_dose_interval([1.0, 2.0, 3.0], ["a", "b", "b"], 95.0, 0.95)
