"""Pulses found in staircases that are known, in a balance's noise: each missed, doubled and extra one, no other."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.noise import estimate
from bench.metrology.pulse_train import PulseTrain
from bench.metrology.pulses import find_pulses
from tests.metrology.conftest import STEP_S, lagged

Floats = NDArray[np.float64]
BLANK_S = 600.0
MakeNoise = Callable[..., Floats]


def staircase(
    make: MakeNoise,
    seed: int,
    pulses: list[tuple[float, float]],
    end_s: float,
    loss_mg_per_h: float = 0.05,
    **noise: float,
) -> tuple[Floats, Floats]:
    """Return what a 0.01 mg balance shows of pulses `(instant, mg)` between two blanks."""
    time_s = np.arange(round((end_s + BLANK_S) / STEP_S), dtype=np.float64) * STEP_S
    true_mg = np.zeros(len(time_s))
    for instant_s, mass_mg in pulses:
        true_mg += np.where(time_s >= instant_s, mass_mg, 0.0)
    shown = lagged(true_mg) - loss_mg_per_h / 3600.0 * time_s + make(np.random.default_rng(seed), len(time_s), **noise)
    return time_s, np.round(shown, 2)


def found_in(time_s: Floats, mass_mg: Floats, pulse_mg: float, interval_s: float, end_s: float) -> PulseTrain:
    before, after = time_s < BLANK_S, time_s > end_s + 60.0
    noise = estimate([(time_s[before], mass_mg[before]), (time_s[after], mass_mg[after])], 0.01)
    return find_pulses(time_s, mass_mg, noise, pulse_mg, interval_s, (BLANK_S, end_s), 0.05 / 3600.0)


def regular(interval_s: float, count: int, pulse_mg: float = 0.499, phase: float = 1.0) -> list[tuple[float, float]]:
    return [(BLANK_S + (i + phase) * interval_s, pulse_mg) for i in range(count)]


@pytest.mark.parametrize(("interval_s", "count"), [(18.0, 80), (60.0, 40), (180.0, 40), (1800.0, 6)])
@pytest.mark.parametrize("phase", [0.4, 0.97])
def test_every_pulse_once(balance_noise: MakeNoise, interval_s: float, count: int, phase: float) -> None:
    rng = np.random.default_rng(5)
    true = [(t, 0.499 * rng.normal(1.0, 0.08)) for t, _ in regular(interval_s, count, phase=phase)]
    end_s = BLANK_S + count * interval_s
    train = found_in(*staircase(balance_noise, 1, true, end_s), 0.499, interval_s, end_s)
    assert [pulse.kind for pulse in train.pulses] == ["expected"] * count
    assert train.disturbances == []
    assert train.interval_s == pytest.approx(interval_s, rel=0.01)
    errors = np.array([pulse.mass_mg for pulse in train.pulses]) - np.array([mass for _, mass in true])
    stated = np.array([pulse.standard_uncertainty_mg for pulse in train.pulses])
    assert np.mean(np.abs(errors) < 2.3 * stated) >= 0.9
    assert np.max(np.abs(np.array([p.time_s for p in train.pulses]) - [t for t, _ in true])) < 2.5


def test_missed_doubled_and_extra(balance_noise: MakeNoise) -> None:
    pulses = regular(180.0, 60)
    times = [t for t, _ in pulses]
    for index in (11, 30, 31, 47):
        pulses[index] = (times[index], 0.0)
    pulses[12] = (times[12], 0.998)
    pulses.append((times[20] + 90.0, 0.5))
    pulses.append((times[40] + 65.0, 0.5))
    end_s = BLANK_S + 60.5 * 180.0
    train = found_in(*staircase(balance_noise, 2, pulses, end_s), 0.499, 180.0, end_s)
    assert [p.time_s for p in train.of("missed")] == pytest.approx([times[i] for i in (11, 30, 31, 47)], abs=4.0)
    assert [p.time_s for p in train.of("doubled")] == pytest.approx([times[12]], abs=3.0)
    assert [p.time_s for p in train.of("extra")] == pytest.approx([times[20] + 90.0, times[40] + 65.0], abs=3.0)
    assert len(train.of("expected")) == 60 - 4 - 1
    assert all(abs(p.mass_mg) < 4.0 * p.standard_uncertainty_mg for p in train.of("missed"))
    assert train.disturbances == []


@pytest.mark.parametrize(
    ("interval_s", "apart_s", "first_share"),
    [(180.0, 4.0, 0.35), (180.0, 9.5, 0.65), (180.0, 13.0, 0.35), (30.0, 7.9, 0.47), (30.0, 12.5, 0.31)],
)
def test_split_pulses_are_one_each(
    balance_noise: MakeNoise, interval_s: float, apart_s: float, first_share: float
) -> None:
    pulses = regular(interval_s, 20)
    times = [t for t, _ in pulses]
    for index in (6, 13):
        pulses[index] = (times[index], first_share * 0.499)
        pulses.append((times[index] + apart_s, (1.0 - first_share) * 0.499))
    end_s = BLANK_S + 20.5 * interval_s
    train = found_in(*staircase(balance_noise, 3, pulses, end_s), 0.499, interval_s, end_s)
    assert [p.time_s for p in train.of("split")] == pytest.approx([times[6], times[13]], abs=3.0)
    assert [p.mass_mg for p in train.of("split")] == pytest.approx([0.499, 0.499], abs=0.06)
    assert len(train.of("expected")) == 18
    assert train.disturbances == []


def test_first_and_last_pulses_missed(balance_noise: MakeNoise) -> None:
    end_s = BLANK_S + 30.5 * 180.0
    pulses = regular(180.0, 30)[2:-2]
    train = found_in(*staircase(balance_noise, 3, pulses, end_s), 0.499, 180.0, end_s)
    assert [p.kind for p in train.pulses] == ["missed"] * 2 + ["expected"] * 26 + ["missed"] * 2


def test_a_pump_that_delivers_nothing(balance_noise: MakeNoise) -> None:
    end_s = BLANK_S + 3600.0
    train = found_in(*staircase(balance_noise, 4, [], end_s), 0.499, 180.0, end_s)
    assert [p.kind for p in train.pulses] == ["missed"] * 19


def test_a_bump_is_no_pulse(balance_noise: MakeNoise) -> None:
    end_s = BLANK_S + 40 * 180.0
    bumped = [*regular(180.0, 40, phase=0.5), (BLANK_S + 1800.0, 3.0), (BLANK_S + 4500.0, -0.6), (300.0, 0.5)]
    train = found_in(*staircase(balance_noise, 5, bumped, end_s), 0.499, 180.0, end_s)
    assert [d.time_s for d in train.disturbances] == pytest.approx([300.0, 2400.0, 5100.0], abs=3.0)
    assert [d.step_mg for d in train.disturbances] == pytest.approx([0.5, 3.0, -0.6], abs=0.1)
    assert train.of("extra", "missed", "doubled") == []


@pytest.mark.parametrize(("charge_mg", "kinds"), [(0.0, []), (3.0, ["drift"])])
def test_what_creeps_after_every_pulse_is_no_disturbance_but_static_charge_at_the_begin_is(
    balance_noise: MakeNoise, charge_mg: float, kinds: list[str]
) -> None:
    """6 U/h: a pulse in 30 s, 8 % of each comes with 20 s; the stop bends what is left by a third of a milligram."""
    pulses, end_s = regular(30.0, 60), BLANK_S + 60.5 * 30.0
    time_s, mass_mg = staircase(balance_noise, 4, pulses, end_s + BLANK_S)
    for instant_s, pulse_mg in pulses:
        since_s = np.maximum(0.0, time_s - instant_s)
        mass_mg -= np.where(time_s >= instant_s, 0.08 * pulse_mg * np.exp(-since_s / 20.0), 0.0)
    mass_mg += charge_mg * np.exp(-np.maximum(0.0, time_s - BLANK_S + 60.0) / 300.0)
    train = found_in(time_s, mass_mg, 0.499, 30.0, end_s)
    assert [each.kind for each in train.disturbances] == kinds
    assert kinds or [pulse.kind for pulse in train.pulses] == ["expected"] * 60


def test_other_pulses_than_the_plan_says(balance_noise: MakeNoise) -> None:
    """A pump that meters 0.1 U every 6 min where 0.05 U every 3 min was expected: no pulse is missed."""
    end_s = BLANK_S + 20 * 360.0
    train = found_in(*staircase(balance_noise, 6, regular(360.0, 20, 0.998, 0.5), end_s), 0.499, 180.0, end_s)
    assert {p.kind for p in train.pulses} == {"expected"}
    assert train.interval_s == pytest.approx(360.0, rel=0.01)
    assert train.pulse_mg == pytest.approx(0.998, rel=0.05)


def test_smeared_pulses_are_not_called_missed(balance_noise: MakeNoise) -> None:
    """A clogged line gives each pulse over minutes: as much liquid, and no steps."""
    end_s = BLANK_S + 30 * 180.0
    drops = [
        (t + delay, 0.499 / 60.0) for t, _ in regular(180.0, 30, phase=0.1) for delay in np.arange(0.0, 180.0, 3.0)
    ]
    train = found_in(*staircase(balance_noise, 9, drops, end_s), 0.499, 180.0, end_s)
    assert train.pulses == []
    assert "not in steps" in train.unresolved


@pytest.mark.parametrize(("interval_s", "pulse_mg"), [(2.0, 0.499), (2.0, 0.25), (5.0, 0.25)])
def test_pulses_faster_than_the_balance_settles(balance_noise: MakeNoise, interval_s: float, pulse_mg: float) -> None:
    """Every pulse of a fast train is told by its rhythm, one that did not come and a doubled one, too."""
    pulses = regular(interval_s, 200, pulse_mg, 0.7)
    pulses[60] = (pulses[60][0], 0.0)
    pulses[61] = (pulses[61][0], 2.0 * pulse_mg)
    pulses[130] = (pulses[130][0], 0.0)
    end_s = BLANK_S + 200 * interval_s
    train = found_in(*staircase(balance_noise, 7, pulses, end_s), pulse_mg, interval_s, end_s)
    odd = [(number, pulse.kind) for number, pulse in enumerate(train.pulses) if pulse.kind != "expected"]
    assert odd == [(60, "missed"), (61, "doubled"), (130, "missed")]
    assert len(train.pulses) == 200
    assert np.max(np.abs(np.array([p.time_s for p in train.pulses]) - [t for t, _ in pulses])) < 0.5
    assert train.disturbances == []
    assert train.detection is not None
    assert train.detection.probability_of_miss < 1e-4


def test_what_cannot_be_resolved_is_not_guessed(balance_noise: MakeNoise) -> None:
    end_s = BLANK_S + 3600.0
    noisy = found_in(*staircase(balance_noise, 8, regular(180.0, 20, 0.1), end_s, white_mg=0.3), 0.1, 180.0, end_s)
    assert noisy.pulses == []
    assert "does not stand out" in noisy.unresolved
