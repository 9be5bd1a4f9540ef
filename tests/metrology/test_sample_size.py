"""Sample sizes against tables of factors, and the probability of success against simulated studies."""

import math

import numpy as np
import pytest

from bench.metrology.random_effects import future_dose_interval
from bench.metrology.sample_size import Claim, expected_half_width, least_devices, success_probability
from bench.metrology.tolerance import normal_interval, two_sided_factor


def test_as_foretold_is_the_number_at_which_the_table_s_factor_fits() -> None:
    # Room of 4 and an SD of 2 need k ≤ 2; the table of 90 % held with 95 % confidence has 1.9990 at 50.
    claim = Claim(-5.0, 5.0, 0.90, 0.95, 1.0, 2.0)
    assert least_devices(claim, 1) == 50
    assert expected_half_width(claim, 50, 1) == pytest.approx(2.0 * 1.9990, abs=2e-4)
    assert two_sided_factor(49, 0.90, 0.95) > 2.0


def test_more_doses_a_pump_spare_pumps_only_as_far_as_pumps_are_alike() -> None:
    unlike = Claim(-10.0, 10.0, 0.95, 0.95, 1.0, 2.0, 1.5)
    by_doses = [least_devices(unlike, doses, 0.9) or 0 for doses in (1, 5, 25, 100)]
    assert by_doses == sorted(by_doses, reverse=True)
    assert by_doses[-1] > 5
    nearly_all_between = Claim(-10.0, 10.0, 0.95, 0.95, 1.0, 0.1, 2.5)
    assert least_devices(nearly_all_between, 1, 0.9) == least_devices(nearly_all_between, 100, 0.9)


@pytest.mark.parametrize(("devices", "doses"), [(12, 1), (12, 10), (40, 2)])
def test_probability_of_success_is_that_of_simulated_studies(devices: int, doses: int) -> None:
    claim = Claim(-5.0, 5.5, 0.95, 0.95, 1.0, 1.2, 0.8)
    rng, studies, kept = np.random.default_rng(devices), 600, 0
    labels = np.repeat(np.arange(devices), doses).tolist()
    for _ in range(studies):
        of_devices = np.repeat(rng.normal(claim.mean, claim.device_sd, devices), doses)
        values = (of_devices + rng.normal(0.0, claim.sd, devices * doses)).tolist()
        found = (
            future_dose_interval(values, labels, 0.95, 0.95)[0] if doses > 1 else normal_interval(values, 0.95, 0.95)
        )
        kept += found.within(claim.lower, claim.upper)
    expected = success_probability(claim, devices, doses)
    assert kept / studies == pytest.approx(expected, abs=4.0 * math.sqrt(0.25 / studies))


def test_power_is_reached_and_not_one_device_earlier() -> None:
    claim = Claim(-5.0, 5.0, 0.95, 0.95, 0.5, 1.2, 0.8)
    devices = least_devices(claim, 5, 0.9)
    assert devices is not None
    assert success_probability(claim, devices, 5) >= 0.9 > success_probability(claim, devices - 1, 5)


def test_what_no_number_shows_is_known() -> None:
    hopeless = Claim(-5.0, 5.0, 0.95, 0.95, 0.0, 4.0)
    assert not hopeless.possible
    assert least_devices(hopeless, 1) is None
    assert Claim(-5.0, 5.0, 0.95, 0.95, 0.0, 2.0).possible


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sd": 0.0}, "scatter is greater than 0"),
        ({"device_sd": -1.0}, "scatter is greater than 0"),
        ({"mean": 7.0}, "nothing can be shown"),
        ({"coverage": 95.0}, "coverage lies between 0 and 1"),
    ],
)
def test_what_cannot_be_planned_is_refused(change: dict[str, float], words: str) -> None:
    good = {"lower": -5.0, "upper": 5.0, "coverage": 0.95, "confidence": 0.95, "mean": 0.0, "sd": 1.0}
    with pytest.raises(ValueError, match=words):
        Claim(**{**good, **change})
