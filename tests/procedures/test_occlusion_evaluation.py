"""Occlusion tests evaluated from recordings in which alarm, pressure, leak and stored volume are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.procedures.base import Context
from bench.procedures.occlusion.procedure import PROCEDURE
from bench.quantities import Quantity
from bench.results.model import Component, Evaluation, Measurement
from bench.run.judging import judge_test
from tests.procedures.made_contexts import UL_PER_MG, context
from tests.procedures.made_recordings import Made

Floats = NDArray[np.float64]
RATE_UL_PER_H = 30.0
BLANK_S, CLOSED_S, ALARM_S, OPENED_S, RELEASE_S = 300.0, 900.0, 2700.0, 2765.0, 300.0
END_S = OPENED_S + RELEASE_S + BLANK_S + 5.0
PUMP_AHEAD_S = 4000.125
LEAKED_UL, STORED_UL = 1.5, 13.0
BASAL = """
  - {id: T-1, procedure: occlusion, rate: 3 U/h, run_in: 10 min, timeout: 40 min, release_observation: 5 min,
     blank: 5 min, accept: {time_to_alarm: <= 35 min, false_alarms: <= 0}}
"""
BOLUS = BASAL.replace("rate: 3 U/h", "bolus: 5 U")


@cache
def made_context(test: str) -> Context:
    return context(test)


def without_delay(made_for: Context) -> Context:
    """Return the same on a rig whose file says nothing of how fast the clamp shuts."""
    rig = made_for.rig
    assert rig.occluder is not None
    silent = rig.occluder.model_copy(update={"actuation_delay": None})
    return Context(made_for.plan, dataclasses.replace(rig, instruments={**rig.instruments, "occluder": silent}))


def switch(at_s: float, kind: str) -> tuple[float, str, dict[str, Any]]:
    return at_s, kind, {"sent_s": at_s - 0.05, "acknowledged_s": at_s}


def clock(at_s: float) -> tuple[float, str, dict[str, Any]]:
    return at_s, "pump clock", {"pump_time_s": at_s + PUMP_AHEAD_S, "before_s": at_s, "after_s": at_s}


def alarm(raised_s: float, read_s: float, code: str = "OCCLUSION") -> tuple[float, str, dict[str, Any]]:
    data = {"sequence": 1, "code": code, "text": "told so", "pump_time_s": raised_s + PUMP_AHEAD_S, "time_s": read_s}
    return read_s, "alarm seen", data


def made(*happened: tuple[float, str, dict[str, Any]], alarmed: bool = True) -> Made:
    """Return the course of a basal test whose line is shut, alarms and is opened; 3 U/h, that is 30 µL/h."""
    recording = Made(END_S + 2.0)
    recording.climate()
    basal = {"rate_ul_per_h": RATE_UL_PER_H, "sent_s": BLANK_S, "acknowledged_s": BLANK_S}
    recording.events = [
        (0.0, "blank started", {}),
        (BLANK_S, "blank ended", {}),
        clock(BLANK_S),
        (BLANK_S, "basal commanded", basal),
        switch(CLOSED_S, "occluder closed"),
        alarm(ALARM_S, ALARM_S + 0.8) if alarmed else (ALARM_S, "no alarm", {"waited_s": ALARM_S - CLOSED_S}),
        clock(ALARM_S + 1.0),
        (ALARM_S + 2.0, "pump state", {"state": "alarm"}),
        (ALARM_S + 2.0, "basal stopped", {}),
        switch(OPENED_S, "occluder opened"),
        (OPENED_S + RELEASE_S, "blank started", {}),
        (END_S, "blank ended", {}),
        *happened,
    ]
    return recording


def mass(leaked_ul: float = LEAKED_UL, stored_ul: float = STORED_UL) -> Callable[[Floats], Floats]:
    """Flow until the line is shut, a leak while it is, then what was stored; evaporation all the time."""

    def curve(time_s: Floats) -> Floats:
        seen_s = time_s - 1.0
        flowed = RATE_UL_PER_H / 3600.0 * np.clip(seen_s - BLANK_S, 0.0, CLOSED_S - BLANK_S - 1.0)
        leaked = leaked_ul * np.clip((seen_s - CLOSED_S) / (ALARM_S - CLOSED_S), 0.0, 1.0)
        stored = stored_ul * (1.0 - np.exp(-np.clip(time_s - OPENED_S, 0.0, None) / 2.0))
        return (flowed + leaked + stored) / UL_PER_MG - 0.05 / 3600.0 * time_s

    return curve


def pressure(recording: Made, zero_kpa: float = 0.3, greatest_kpa: float = 90.0) -> None:
    time_s = np.arange(0.1, recording.duration_s, 0.2)
    shut = (time_s >= CLOSED_S) & (time_s < OPENED_S)
    rising = greatest_kpa * np.clip((time_s - CLOSED_S) / (ALARM_S - CLOSED_S), 0.0, 1.0)
    noise = np.random.default_rng(1).normal(0.0, 0.04, time_s.size)
    recording.channels["pressure.pressure_kpa"] = (time_s, np.where(shut, rising, 0.0) + zero_kpa + noise)


def measured(found: Evaluation) -> dict[str, Measurement]:
    return {one.name: one for one in found.measurements}


def evaluate(recording: Made, test: str = BASAL) -> Evaluation:
    made_for = made_context(test)
    return PROCEDURE.evaluate(made_for.plan.tests[0].settings, recording.in_memory(), made_for)


def test_every_measurement_of_a_known_occlusion() -> None:
    recording = made()
    recording.balance(mass(), seed=1)
    pressure(recording)
    found = measured(evaluate(recording))
    due_u = RATE_UL_PER_H * (ALARM_S - CLOSED_S) / 3600.0 / 10.0
    expected = {
        "time_to_alarm": (ALARM_S - CLOSED_S) / 60.0,
        "pressure_at_alarm": 90.0,
        "peak_pressure": 90.0,
        "missed_volume": due_u - LEAKED_UL / 10.0,
        "stored_bolus": STORED_UL / 10.0,
        # What was due and did not leak away, and what came back: each over 90 kPa.
        "compliance": (10.0 * due_u - LEAKED_UL) / 90.0,
        "compliance_released": STORED_UL / 90.0,
        "false_alarms": 0.0,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        one = found[name]
        assert one.value is not None
        assert one.expanded_uncertainty is not None
        assert one.value == pytest.approx(value, abs=one.expanded_uncertainty + 1e-9), name
        assert one.censored is None
    # Tight enough to mean something: a tenth of a second, half a kilopascal, two hundredths of a unit.
    for name, most in (
        ("time_to_alarm", 0.002),
        ("peak_pressure", 0.7),
        ("stored_bolus", 0.03),
        ("missed_volume", 0.03),
        ("compliance", 0.012),
        ("compliance_released", 0.004),
    ):
        assert (found[name].expanded_uncertainty or 0.0) < most


@pytest.mark.parametrize("open_after_s", [1.0, 5.0, 12.0])
def test_a_line_that_is_opened_soon_after_the_alarm_is_weighed_before_its_opening(open_after_s: float) -> None:
    """The level at the alarm and the pressure at the opening are those of the shut line, whatever comes then."""
    earlier_s = OPENED_S - ALARM_S - open_after_s
    recording = made()
    recording.events = [
        (at_s - earlier_s, kind, {key: told - earlier_s for key, told in data.items()})
        if kind == "occluder opened"
        else (at_s, kind, data)
        for at_s, kind, data in recording.events
    ]
    shut = mass(stored_ul=0.0)
    recording.balance(lambda time_s: shut(time_s) + mass()(time_s + earlier_s) - shut(time_s + earlier_s), seed=1)
    pressure(recording)
    time_s, kpa = recording.channels["pressure.pressure_kpa"]
    recording.channels["pressure.pressure_kpa"] = (time_s, np.where(time_s < OPENED_S - earlier_s, kpa, 0.3))
    found = measured(evaluate(recording))
    missed_ul = RATE_UL_PER_H * (ALARM_S - CLOSED_S) / 3600.0 - LEAKED_UL
    for name, true in (
        ("missed_volume", missed_ul / 10.0),
        ("stored_bolus", STORED_UL / 10.0),
        ("compliance", missed_ul / 90.0),
        ("compliance_released", STORED_UL / 90.0),
    ):
        one = found[name]
        assert one.value == pytest.approx(true, abs=one.expanded_uncertainty), name
        assert (one.expanded_uncertainty or 0.0) < 0.1 * true


@pytest.mark.parametrize(("leaked_ul", "counts"), [(0.0, False), (5.0, True)])
def test_a_load_that_does_not_change_has_no_error_over_the_load(leaked_ul: float, counts: bool) -> None:
    recording = made()
    recording.balance(mass(leaked_ul), seed=1)
    pressure(recording)
    found = measured(evaluate(recording))
    missed, stored = (
        {line.name: line.contribution for line in found[name].budget} for name in ("missed_volume", "stored_bolus")
    )
    for name in ("calibration", "linearity"):
        # By noise two loads that are the same differ a little, and so does the balance's error.
        assert (missed[name] == pytest.approx(stored[name])) == counts
        assert missed[name] < 0.15 * stored[name] or counts


def test_the_shut_line_tells_the_noise_as_a_blank_does() -> None:
    """Half an hour more without delivery: the noise is known better, and what only was there is in it."""

    def repeatability(swings_mg: float, seed: int) -> Component:
        recording = made()
        course = mass(leaked_ul=0.0)
        shut_s = (CLOSED_S + 30.0, ALARM_S - 30.0)

        def curve(time_s: Floats) -> Floats:
            swing = swings_mg * np.sin(2.0 * np.pi * (time_s - shut_s[0]) / 120.0)
            return course(time_s) + np.where((time_s > shut_s[0]) & (time_s < shut_s[1]), swing, 0.0)

        recording.balance(curve, seed)
        missed = measured(evaluate(recording))["missed_volume"]
        return next(line for line in missed.budget if line.name == "repeatability")

    quiet = [repeatability(0.0, seed) for seed in range(6)]
    assert all("shut line" in line.source for line in quiet)
    # Two blanks of five minutes alone leave three.
    assert np.mean([line.degrees_of_freedom or np.inf for line in quiet]) > 5.0
    assert repeatability(0.1, 0).contribution > 2.0 * quiet[0].contribution


def test_a_tail_beyond_the_observation_is_in_the_stored_volume() -> None:
    """A fifth of it creeps out with 75 s, of which 2 % are still to come 5 min after the opening."""
    late_ul, constant_s = 5.0, 75.0
    at_end_ul = late_ul * np.exp(-RELEASE_S / constant_s)

    def curve(time_s: Floats) -> Floats:
        since_s = np.clip(time_s - OPENED_S, 0.0, None)
        return mass()(time_s) + late_ul * -np.expm1(-since_s / constant_s) / UL_PER_MG

    inside, values = [], []
    for seed in range(30):
        recording = made()
        recording.balance(curve, seed, interval_s=0.5)
        pressure(recording)
        found = measured(evaluate(recording))["stored_bolus"]
        assert found.value is not None
        values.append(found.value)
        inside.append(abs(found.value - (STORED_UL + late_ul) / 10.0) <= (found.expanded_uncertainty or 0.0))
        assert any("tail" in line.name for line in found.budget)
    assert np.mean(inside) >= 0.9
    # Without the tail it would be too little by this much, on average.
    assert at_end_ul / 10.0 > 0.008
    assert np.mean(values) == pytest.approx((STORED_UL + late_ul) / 10.0, abs=0.005)


@pytest.mark.parametrize("pushes", [1.04, 0.8])
def test_a_pump_pushes_into_the_shut_line_what_it_did_through_the_open_one(pushes: float) -> None:
    """4 % too much is within what is assumed of any pump, 20 % too little contradicts it: both are weighed before."""

    def curve(time_s: Floats) -> Floats:
        flowed = RATE_UL_PER_H / 3600.0 * np.clip(time_s - 1.0 - BLANK_S, 0.0, CLOSED_S - BLANK_S - 1.0)
        return mass(leaked_ul=0.0)(time_s) + (pushes - 1.0) * flowed / UL_PER_MG

    recording = made()
    recording.balance(curve, seed=1)
    pressure(recording)
    found = measured(evaluate(recording))
    one = found["compliance"]
    true = pushes * RATE_UL_PER_H * (ALARM_S - CLOSED_S) / 3600.0 / 90.0
    assert one.value == pytest.approx(true, abs=0.01 * true)
    # Two per cent against the pressure, instead of the five of what no weighing confirms.
    assert 0.02 * true < (one.expanded_uncertainty or 0.0) < 0.035 * true
    source = next(line.source for line in one.budget if "pushed" in line.name)
    assert float(source.split(" %")[0]) == pytest.approx(100.0 * pushes, abs=1.0)
    assert ("assumed" in source) == (pushes > 1.0)

    for _, kind, data in recording.events:
        if kind == "basal commanded":
            data["assumed"] = True
    unknown = measured(evaluate(recording))["compliance"]
    assert unknown.value == pytest.approx(true / pushes, rel=0.01)
    assert (unknown.expanded_uncertainty or 0.0) > 0.045 * true


def test_a_bolus_through_the_open_line_tells_what_the_pump_pushes() -> None:
    def command(index: int, at_s: float) -> tuple[float, str, dict[str, Any]]:
        return at_s, "bolus commanded", {"index": index, "volume_ul": 50.0, "sent_s": at_s, "acknowledged_s": at_s}

    recording = made()
    recording.events = [event for event in recording.events if event[1] not in ("basal commanded", "basal stopped")]
    recording.events += [command(0, 330.0), (530.0, "bolus done", {"index": 0, "reported_ul": 50.0, "active_s": 529.5})]
    recording.events.append(command(1, ALARM_S - 150.0))
    came_ul = 46.0

    def curve(time_s: Floats) -> Floats:
        through = came_ul * np.clip((time_s - 330.0) / 200.0, 0.0, 1.0) / UL_PER_MG
        back = STORED_UL * -np.expm1(-np.clip(time_s - OPENED_S, 0.0, None) / 2.0) / UL_PER_MG
        return np.asarray(through + back, dtype=np.float64)

    recording.balance(curve, seed=7)
    pressure(recording)
    one = measured(evaluate(recording, BOLUS))["compliance"]
    assert "92.0 %" in next(line.source for line in one.budget if "pushed" in line.name)


def test_a_pump_that_draws_back_is_told_by_the_two_compliances() -> None:
    recording = made()
    recording.balance(mass(stored_ul=9.0), seed=1)
    pressure(recording)
    found = evaluate(recording)
    (note,) = [note for note in found.notes if "compliance" in note]
    assert "0.15" in note
    assert "0.1 µL/kPa by what it gave back" in note


def test_the_peak_is_no_less_than_the_pressure_at_the_alarm() -> None:
    """The line stays at what raised the alarm: noise makes any second of that minute the greatest, or the alarm's."""
    found = held_at_the_peak(60)
    at_alarm, peaks = (np.array(values) for values in zip(*found, strict=True))
    assert np.all(peaks >= at_alarm)
    # Neither is pulled up by the other, beside what noise leaves of a second: 0.02 kPa.
    assert np.mean(peaks) == pytest.approx(90.0, abs=0.02)
    assert np.mean(at_alarm) == pytest.approx(90.0, abs=0.01)


def held_at_the_peak(number: int) -> list[tuple[float, float]]:
    found = []
    recording = made()
    recording.balance(mass(), seed=1)
    for seed in range(number):
        pressure(recording)
        time_s, kpa = recording.channels["pressure.pressure_kpa"]
        noise = np.random.default_rng(seed).normal(0.0, 0.04, time_s.size)
        high = (time_s >= ALARM_S - 30.0) & (time_s < OPENED_S)
        recording.channels["pressure.pressure_kpa"] = (time_s, np.where(high, 90.3 + noise, kpa))
        by_name = measured(evaluate(recording))
        values = by_name["pressure_at_alarm"].value, by_name["peak_pressure"].value
        assert values[0] is not None
        assert values[1] is not None
        found.append((values[0], values[1]))
    return found


@pytest.mark.parametrize(("stored_ul", "told"), [(15.0, False), (13.8, True)])
def test_both_compliances_have_the_error_of_one_certificate(stored_ul: float, told: bool) -> None:
    """A poor certificate makes both wrong alike, so that it hides no 8 % between them."""
    recording = made()
    recording.balance(mass(leaked_ul=0.0, stored_ul=stored_ul), seed=1)
    pressure(recording)
    usual = made_context(BASAL)
    sensor = usual.rig.pressure
    assert sensor is not None
    assert sensor.calibration is not None
    poor = sensor.calibration.model_copy(update={"expanded_uncertainty": Quantity(9.0, "kPa")})
    instruments = {**usual.rig.instruments, "pressure": sensor.model_copy(update={"calibration": poor})}
    of = Context(usual.plan, dataclasses.replace(usual.rig, instruments=instruments))
    found = PROCEDURE.evaluate(of.plan.tests[0].settings, recording.in_memory(), of)
    by_name = measured(found)
    for name in ("compliance", "compliance_released"):
        assert (by_name[name].expanded_uncertainty or 0.0) > 0.095 * (by_name[name].value or 0.0)
    assert any("by what it gave back" in note for note in found.notes) == told


def test_volumes_are_within_their_own_uncertainty() -> None:
    due_u = RATE_UL_PER_H * (ALARM_S - CLOSED_S) / 3600.0 / 10.0
    stored: list[bool] = []
    missed: list[bool] = []
    for seed in range(100):
        recording = made()
        recording.balance(mass(), seed, interval_s=0.5)
        found = measured(evaluate(recording))
        for one, truth, hits in (
            (found["stored_bolus"], STORED_UL / 10.0, stored),
            (found["missed_volume"], due_u - LEAKED_UL / 10.0, missed),
        ):
            assert one.value is not None
            hits.append(abs(one.value - truth) <= (one.expanded_uncertainty or 0.0))
    assert np.mean(stored) >= 0.95
    assert np.mean(missed) >= 0.95


def test_no_alarm_is_a_bound_and_fails_its_limit() -> None:
    """Thirty minutes without an alarm: certainly more than 25 min, and nothing is known of 35 min."""
    recording = made(alarmed=False)
    recording.balance(mass(), seed=2)
    pressure(recording)
    found = evaluate(recording)
    time_to_alarm = measured(found)["time_to_alarm"]
    assert time_to_alarm.censored == "above"
    assert time_to_alarm.value == pytest.approx(30.0, abs=0.001)
    assert measured(found)["missed_volume"].censored == "above"
    assert measured(found)["pressure_at_alarm"].value is None
    assert found.findings == [
        "No occlusion alarm came within 30.0 min of the line being shut, though the pressure in it rose to 90 kPa: the"
        " line was shut, and the pump pushed on."
    ]
    for limit, verdict in (("<= 25 min", "fail"), ("<= 35 min", "inconclusive")):
        plan = context(BASAL.replace("<= 35 min", limit)).plan
        assert judge_test(plan.tests[0], found, plan).verdict == verdict


def test_an_alarm_while_flowing_is_false_and_leaves_the_rest_open() -> None:
    recording = made()
    recording.events = [event for event in recording.events if event[0] < CLOSED_S]
    recording.events += [alarm(600.0, 600.5), (900.0, "basal stopped", {}), (1000.0, "blank started", {})]
    recording.events += [(1600.0, "blank ended", {})]
    recording.balance(mass(leaked_ul=0.0, stored_ul=0.0), seed=3)
    pressure(recording, greatest_kpa=0.0)
    found = evaluate(recording)
    assert measured(found)["false_alarms"].value == 1.0
    assert measured(found)["time_to_alarm"].value is None
    assert "never shut" in measured(found)["stored_bolus"].note
    plan = made_context(BASAL).plan
    assert judge_test(plan.tests[0], found, plan).verdict == "fail"


def test_another_alarm_is_doubted_by_its_name() -> None:
    recording = made(alarm(2000.0, 2000.5, "EMPTY"), alarmed=False)
    recording.balance(mass(), seed=4)
    pressure(recording)
    found = evaluate(recording)
    assert any("EMPTY" in doubt for doubt in found.doubts)
    assert measured(found)["time_to_alarm"].censored == "above"


def test_a_sensor_far_from_zero_is_doubted() -> None:
    recording = made()
    recording.balance(mass(), seed=5)
    pressure(recording, zero_kpa=30.0)
    assert any(
        "The pressure sensor showed 30.0 kPa with the line open" in doubt for doubt in evaluate(recording).doubts
    )


def test_without_pressure_there_is_a_doubt_and_no_number() -> None:
    recording = made()
    recording.balance(mass(), seed=6)
    found = evaluate(recording)
    assert measured(found)["peak_pressure"].value is None
    assert found.doubts


def test_time_to_alarm_knows_how_slow_a_clamp_may_be() -> None:
    """50 ms ± 50 ms by the rig file; anything from 0 s to 0.5 s where it is silent, which moves the middle, too."""
    recording = made()
    recording.balance(mass(), seed=12)
    pressure(recording)
    made_for = made_context(BASAL)
    stated = measured(evaluate(recording))["time_to_alarm"]
    settings = made_for.plan.tests[0].settings
    silent = measured(PROCEDURE.evaluate(settings, recording.in_memory(), without_delay(made_for)))["time_to_alarm"]
    for found, half_s, source in ((stated, 0.05, "rig file: 50 ms ± 50 ms"), (silent, 0.25, "not stated in the rig")):
        delay = next(line for line in found.budget if line.name == "actuation delay of the occluder")
        assert delay.standard_uncertainty == pytest.approx(half_s / 3**0.5)
        assert source in delay.source
        assert (found.expanded_uncertainty or 0.0) * 60.0 > 0.95 * half_s
        assert {"rate of the pump's clock", "resolution of the pump's clock"} <= {line.name for line in found.budget}
    # The relay switched 25 ms before its confirmation, the clamp 50 ms or 250 ms later.
    assert stated.value == pytest.approx((ALARM_S - CLOSED_S + 0.025 - 0.05) / 60.0, abs=1e-6)
    assert silent.value == pytest.approx((ALARM_S - CLOSED_S + 0.025 - 0.25) / 60.0, abs=1e-6)


def test_pressure_beyond_the_range_is_a_bound_and_cannot_pass() -> None:
    """A voltmeter that ends at 60 kPa: that the peak was 60 kPa is not known, only that it was more."""
    recording = made()
    recording.balance(mass(), seed=9)
    pressure(recording)
    time_s, kpa = recording.channels["pressure.pressure_kpa"]
    recording.channels["pressure.pressure_kpa"] = (time_s, np.where(kpa > 60.3, np.inf, kpa))
    found = evaluate(recording)
    peak = measured(found)["peak_pressure"]
    assert peak.censored == "above"
    assert peak.value == pytest.approx(60.0, abs=0.5)
    assert "readings were beyond the sensor's range, from 20.0 min on" in peak.note
    assert measured(found)["pressure_at_alarm"].value is None
    assert "beyond the sensor's range" in measured(found)["pressure_at_alarm"].note
    for limit, verdict in (("<= 65 kPa", "inconclusive"), ("<= 50 kPa", "fail")):
        plan = context(BASAL.replace("time_to_alarm: <= 35 min", f"peak_pressure: {limit}")).plan
        judged = judge_test(plan.tests[0], found, plan)
        assert judged.verdict == verdict, judged.reason


@pytest.mark.parametrize(("lost_s", "doubted"), [(0.35, False), (2.0, True)])
def test_lost_readings_of_the_pressure_are_doubted(lost_s: float, doubted: bool) -> None:
    recording = made()
    recording.balance(mass(), seed=10)
    pressure(recording)
    time_s, kpa = recording.channels["pressure.pressure_kpa"]
    lost = (time_s > 1500.0) & (time_s < 1500.0 + lost_s)
    recording.channels["pressure.pressure_kpa"] = (time_s, np.where(lost, np.nan, kpa))
    doubts = [doubt for doubt in evaluate(recording).doubts if "pressure are missing" in doubt]
    assert len(doubts) == doubted
    assert measured(evaluate(recording))["peak_pressure"].censored is None


def test_a_balance_beyond_its_range_is_doubted() -> None:
    """A second of overload is no gap that would be told by itself."""
    recording = made()
    recording.balance(mass(), seed=11)
    pressure(recording)
    time_s, mass_g = recording.channels["balance.mass_g"]
    touched = (time_s > 1500.0) & (time_s < 1501.0)
    recording.channels["balance.mass_g"] = (time_s, np.where(touched, np.inf, mass_g))
    doubts = evaluate(recording).doubts
    assert ["balance was beyond its range" in doubt for doubt in doubts] == [True]


def test_a_bolus_is_due_as_fast_as_it_went_through_the_open_line() -> None:
    """A bolus of 5 U took 199.75 s through the open line; its alarm came 60 s after the command: 1.502 U were due."""

    def command(index: int, at_s: float) -> tuple[float, str, dict[str, Any]]:
        return at_s, "bolus commanded", {"index": index, "volume_ul": 50.0, "sent_s": at_s, "acknowledged_s": at_s}

    recording = made()
    recording.events = [event for event in recording.events if event[1] not in ("basal commanded", "basal stopped")]
    done = {"index": 0, "reported_ul": 50.0, "active_s": 509.0}
    recording.events += [command(0, 310.0), (510.5, "bolus done", done)]
    recording.events.append(command(1, ALARM_S - 60.0))
    recording.balance(mass(leaked_ul=0.0), seed=7)
    pressure(recording)
    found = measured(evaluate(recording, BOLUS))
    assert found["time_to_alarm"].value == pytest.approx(1.0)
    assert found["missed_volume"].value == pytest.approx(1.502, abs=found["missed_volume"].expanded_uncertainty)
    # Known to ±0.75 s, it leaves 0.75/199.75 of what was due open.
    through = next(line for line in found["missed_volume"].budget if line.name.startswith("time of the bolus"))
    assert through.contribution == pytest.approx(1.502 * 0.75 / 199.75 / 3**0.5, rel=1e-3)
    # The clamp was at rest long before: how fast it shuts has no part in this.
    assert not any("occluder" in line.name for line in found["time_to_alarm"].budget)


@pytest.mark.parametrize(("code", "minutes"), [("OCCLUSION", 0.5), ("EMPTY", None)])
def test_an_alarm_before_the_bolus_is_evaluated(code: str, minutes: float | None) -> None:
    command = {"index": 0, "volume_ul": 50.0, "sent_s": 310.0, "acknowledged_s": 310.0}
    recording = made()
    unwanted = ("basal commanded", "basal stopped", "alarm seen")
    recording.events = [event for event in recording.events if event[1] not in unwanted]
    recording.events += [
        (310.0, "bolus commanded", command),
        (510.0, "bolus done", {"index": 0, "reported_ul": 50.0, "active_s": 509.0}),
        alarm(CLOSED_S + 30.0, CLOSED_S + 30.5, code),
        (CLOSED_S + 30.5, "no bolus into the shut line", {"code": code, "text": "told so"}),
    ]
    recording.balance(mass(leaked_ul=0.0, stored_ul=0.0), seed=13)
    pressure(recording)
    found = evaluate(recording, BOLUS)
    time_to_alarm, missed = measured(found)["time_to_alarm"], measured(found)["missed_volume"]
    if minutes is None:
        assert time_to_alarm.value is None
        assert "ended early" in time_to_alarm.note
        assert any("EMPTY" in doubt for doubt in found.doubts)
    else:
        assert time_to_alarm.value == pytest.approx(minutes, abs=0.001)
        assert missed.value == pytest.approx(0.0, abs=missed.expanded_uncertainty)
        assert any("came before the bolus" in note for note in found.notes)
        assert found.doubts == []


def test_figures_hold_every_event(tmp_path: Path) -> None:
    recording = made()
    recording.balance(mass(), seed=8)
    pressure(recording)
    made_for = made_context(BASAL)
    record = recording.record(tmp_path / "r.sqlite")
    found = PROCEDURE.evaluate(made_for.plan.tests[0].settings, record, made_for)
    assert [figure.name for figure in found.figures] == ["pressure", "mass", "release", "compliance"]
    marks = [(mark.label, mark.x) for mark in found.figures[0].marks]
    assert [label for label, _ in marks] == ["line shut", "alarm", "line opened", "limit: alarm within 35 min"]
    assert dict(marks)["limit: alarm within 35 min"] == pytest.approx((CLOSED_S + 35.0 * 60.0) / 60.0, abs=0.01)
    assert dict(marks)["alarm"] == pytest.approx(ALARM_S / 60.0)
    assert all("Simulated." in figure.caption for figure in found.figures)
