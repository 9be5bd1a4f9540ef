"""Balances that stand still: one that is stuck is told from one that is coarse and quiet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.procedures.basal.procedure import PROCEDURE
from bench.procedures.base import Context
from bench.procedures.bolus.procedure import PROCEDURE as BOLUS
from bench.quantities import Quantity
from tests.procedures.made_contexts import UL_PER_MG, context
from tests.procedures.made_recordings import Made, pulses_mg
from tests.procedures.test_basal_evaluation import BLANK_S, INTERVAL_S, TEST, made, schedule

Floats = NDArray[np.float64]
DIGIT_MG = 0.1
MINUTES = 60.0
END_S = 2.0 * BLANK_S + 60.0 * MINUTES
KNOWN = "{insulin: U-100, basal_increment: 0.05 U}"


def basal(pump: str = KNOWN) -> Context:
    return context(TEST % ("1 U/h", MINUTES, "mean_error: ±5 %"), pump=pump)


def coarse(of: Context) -> Context:
    """Return a test on a balance that shows tenths of a milligram."""
    assert of.rig.balance is not None
    balance = of.rig.balance.model_copy(update={"readability": Quantity(DIGIT_MG, "mg")})
    return Context(of.plan, dataclasses.replace(of.rig, instruments={**of.rig.instruments, "balance": balance}))


def shown(course_mg: Callable[[Floats], Floats], noise_mg: float, digit_mg: float) -> Made:
    recording = made(MINUTES)
    time_s = np.arange(0.25, recording.duration_s, 0.25)
    noise = np.random.default_rng(1).normal(0.0, noise_mg, time_s.size)
    mass = digit_mg * np.round((course_mg(time_s) + noise) / digit_mg)
    recording.channels["balance.mass_g"] = (time_s, 1e-3 * mass)
    return recording


def pulsed(time_s: Floats) -> Floats:
    """A dose of 0.05 U every three minutes, five digits of a coarse balance."""
    return pulses_mg(time_s, [(at_s, 0.5 / UL_PER_MG) for at_s in schedule(MINUTES)]) + 0.02


def even(time_s: Floats) -> Floats:
    return 10.0 / 3600.0 / UL_PER_MG * np.clip(time_s - BLANK_S, 0.0, 60.0 * MINUTES)


def stuck(recording: Made, begin_s: float, end_s: float) -> Made:
    time_s, mass_g = recording.channels["balance.mass_g"]
    still = (time_s > begin_s) & (time_s < end_s)
    mass_g[still] = mass_g[np.flatnonzero(still)[0]]
    return recording


def frozen(recording: Made, of: Context) -> list[str]:
    found = PROCEDURE.evaluate(of.plan.tests[0].settings, recording.in_memory(), of)
    return [doubt for doubt in found.doubts if "frozen" in doubt]


@pytest.mark.parametrize("course", [pulsed, even])
@pytest.mark.parametrize("noise_mg", [0.0, 0.01])
def test_a_coarse_and_quiet_balance_is_not_stuck(course: Callable[[Floats], Floats], noise_mg: float) -> None:
    """In the blanks and between doses it shows one value for minutes, as it should."""
    recording = shown(course, noise_mg, DIGIT_MG)
    mass_g = recording.channels["balance.mass_g"][1]
    longest = max(len(part) for part in np.split(mass_g, np.flatnonzero(np.diff(mass_g)) + 1))
    assert 0.25 * longest > 60.0
    assert frozen(recording, coarse(basal())) == []


@pytest.mark.parametrize("course", [pulsed, even])
@pytest.mark.parametrize("pump", [KNOWN, "{insulin: U-100}", "{insulin: U-100, delivery: continuous}"])
def test_a_coarse_balance_that_misses_what_was_due_is_stuck(course: Callable[[Floats], Floats], pump: str) -> None:
    """A quarter of an hour holds 2.5 mg, of which the pump may have given one dose before and owe one."""
    recording = stuck(shown(course, 0.02, DIGIT_MG), 1500.0, 2500.0)
    (doubt,) = frozen(recording, coarse(basal(pump)))
    assert "1 times" in doubt
    assert "mg were due meanwhile" in doubt


def test_a_coarse_balance_that_misses_one_dose_is_not_called_stuck() -> None:
    """Six minutes without a dose may be a pump's: what one dose less explains is for the pulses to tell."""
    first_s = schedule(MINUTES)[5]
    recording = stuck(shown(pulsed, 0.02, DIGIT_MG), first_s - 2.0, first_s + INTERVAL_S - 2.0)
    assert frozen(recording, coarse(basal())) == []


@pytest.mark.parametrize("begin_s", [100.0, 1500.0, END_S - 300.0])
def test_a_balance_whose_noise_moves_the_last_digit_is_stuck_where_it_stops(begin_s: float) -> None:
    """Whether something was due or not."""
    of = basal()
    recording = stuck(shown(pulsed, 0.015, 0.01), begin_s, begin_s + 120.0)
    (doubt,) = frozen(recording, of)
    assert f"the longest 120 s from minute {begin_s / 60.0:.1f} on" in doubt


def test_what_was_due_ends_where_the_line_is_shut() -> None:
    recording = stuck(shown(pulsed, 0.02, DIGIT_MG), 1500.0, 2500.0)
    recording.events.append((1500.0, "occluder closed", {"sent_s": 1500.0, "acknowledged_s": 1500.0}))
    assert frozen(recording, coarse(basal())) == []


@pytest.mark.parametrize(("lasting_s", "told"), [(28.0, False), (60.0, True)])
def test_boluses_that_do_not_show_are_told_from_rests_between_them(lasting_s: float, told: bool) -> None:
    """Boluses of 1 U, a hundred digits each, every five minutes: after each the balance stands still for minutes."""
    begins = [BLANK_S + 300.0 * index for index in range(4)]
    recording = Made(begins[-1] + 300.0 + BLANK_S)
    recording.climate()
    recording.events = [(0.0, "blank started", {}), (BLANK_S - 1.0, "blank ended", {})]
    for index, at_s in enumerate(begins):
        command = {"index": index, "volume_ul": 10.0, "sent_s": at_s, "acknowledged_s": at_s}
        done = {"index": index, "reported_ul": 10.0, "active_s": at_s + 39.5}
        recording.events += [(at_s, "bolus commanded", command), (at_s + 40.0, "bolus done", done)]
    time_s = np.arange(0.25, recording.duration_s, 0.25)
    come_ul = sum(10.0 * np.clip((time_s - at_s) / 40.0, 0.0, 1.0) for at_s in begins)
    recording.channels["balance.mass_g"] = (time_s, 1e-3 * DIGIT_MG * np.round(come_ul / UL_PER_MG / DIGIT_MG))
    recording = stuck(recording, begins[1] - 30.0, begins[1] - 30.0 + lasting_s)
    settings = "{id: T-1, procedure: bolus, volume: 1 U, count: 4, settle: 60 s, interval: 5 min, blank: 10 min"
    of = coarse(context(f"  - {settings}, accept: {{mean_error: ±5 %}}}}\n"))
    found = BOLUS.evaluate(of.plan.tests[0].settings, recording.in_memory(), of)
    assert any("frozen" in doubt for doubt in found.doubts) == told
