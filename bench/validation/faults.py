"""Whether each fault that the twin can have is seen by the test made for it: no pass, and words that tell of it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.results.model import TestResult, Verdict
from bench.rig.fitness import misfits
from bench.rig.model import Rig
from bench.twin.faults import Fault
from bench.twin.settings import PumpSettings, Simulation
from bench.validation.runs import drive
from bench.validation.twin_rig import twin_for
from bench.validation.world import draw_world

_TESTS: Mapping[str, str] = {
    "basal": "procedure: basal, rate: 1 U/h, duration: 2 h, blank: 10 min, "
    "accept: {mean_error: ±12 %, missed_pulses: <= 2}",
    "slow basal": "procedure: basal, rate: 0.5 U/h, duration: 1 h, blank: 10 min, accept: {mean_error: ±18 %}",
    "bolus": "procedure: bolus, volume: 1 U, count: 5, blank: 5 min, accept: {mean_error: ±12 %, "
    'within_15_percent: ">= 80 %", reported_difference: ±12 %}',
    "long bolus": "procedure: bolus, volume: 5 U, count: 3, blank: 5 min, "
    "accept: {mean_error: ±12 %, delivery_time: 180 s to 210 s, tail_fraction: <= 5 %}",
    "cancelled bolus": "procedure: bolus, volume: 1 U, count: 3, cancel_after: 50 %, blank: 5 min, "
    "accept: {cancelled_difference: ±12 %, after_cancel: <= 0.2 U}",
    "spread bolus": "procedure: bolus, volume: 1 U, count: 2, shape: dual, now: 40 %, over: 20 min, blank: 5 min, "
    "accept: {course_error: <= 20 %, mean_error: ±12 %}",
    "idle": "procedure: idle, duration: 1 h, accept: {unintended_rate: ±0.04 U/h, unintended_pulses: <= 0}",
    "high": "procedure: idle, duration: 1 h, head_height: 50 cm, accept: {unintended_rate: ±0.04 U/h}",
    "occlusion": "procedure: occlusion, rate: 3 U/h, run_in: 15 min, timeout: 75 min, release_observation: 10 min, "
    "blank: 10 min, accept: {time_to_alarm: <= 60 min, pressure_at_alarm: 80 kPa to 130 kPa, missed_volume: <= 3 U, "
    "stored_bolus: <= 2.5 U, false_alarms: <= 0}",
    "blank": "procedure: blank, duration: 2 h, accept: {evaporation_rate: ±0.5 mg/h, rate_stability: ±0.5 mg/h, "
    "noise_10s: <= 0.03 mg, disturbances_per_hour: <= 2, temperature_range: <= 2 K}",
    "check": "procedure: check, weight: 20 g ± 0.08 mg, repeats: 4, blank: 5 min, accept: {weight_error: ±0.5 mg, "
    "repeatability: <= 0.1 mg, zero_return: ±0.3 mg}",
    "doses": "procedure: check, dose: 5 U ± 0.1 U, doses: 3, repeats: 3, settle: 1 min, "
    "blank: 5 min, accept: {dose_error: ±8 %}",
    "reservoir": "procedure: reservoir, remaining: 25 U, put_in: true, rate: 30 U/h, last_units: 20 U, "
    "after_empty: 5 min, blank: 5 min, accept: {remainder_at_low: 17 U to 23 U, remainder_at_empty: ±3 U, "
    "last_units_error: ±15 %}",
    "bolus into occlusion": "procedure: occlusion, bolus: 5 U, run_in: 5 min, timeout: 10 min, "
    "release_observation: 10 min, blank: 10 min, accept: {time_to_alarm: <= 2 min, peak_pressure: <= 150 kPa}",
    "low level": "procedure: occlusion, level: low, rate: 6 U/h, run_in: 10 min, timeout: 40 min, "
    "release_observation: 5 min, blank: 10 min, accept: {pressure_at_alarm: 45 kPa to 75 kPa}",
    "three occlusions": "procedure: occlusion, repeats: 3, rate: 15 U/h, run_in: 5 min, timeout: 40 min, "
    "release_observation: 5 min, blank: 10 min, accept: {longest_time_to_alarm: <= 12 min, compliance_change: ±10 %}",
    "release": "procedure: occlusion, release_before_alarm_after: 8 min, rate: 6 U/h, run_in: 10 min, timeout: 40 min, "
    'release_observation: 10 min, blank: 10 min, accept: {caught_up_fraction: ">= 75 %", occlusion_alarms: <= 0}',
    "highest rate": "procedure: occlusion, occlude: false, rate: 30 U/h, duration: 30 min, blank: 10 min, "
    "accept: {false_alarms: <= 0, false_alarm_rate: <= 10 /h}",
    "narrowed line": "procedure: occlusion, partial_occlusion: needle valve, rate: 6 U/h, duration: 30 min, "
    "blank: 10 min, accept: {line_pressure: <= 5 kPa, flow_error: ±12 %, occlusion_alarms: <= 0}",
    "power": "procedure: power, rate: 6 U/h, run_in: 10 min, off_for: 5 min, blank: 10 min, "
    'accept: {voltage_at_alarm: 1.1 V to 1.3 V, delivered_while_off: <= 0.1 U, alarm_after_return: ">= 1", '
    "forgotten_volume: <= 0 U, error_after_return: ±20 %}",
    "profile": "procedure: profile, duration: 215 min, blank: 15 min, segments: [{at: 0 min, rate: 1 U/h}, "
    "{at: 58.5 min, rate: 2 U/h}, {at: 122.25 min, rate: 0.5 U/h}], overlay: [{at: 140 min, temporary: 50 %, "
    "lasting: 30 min}, {at: 185 min, suspend: 10 min}], accept: {mean_error: ±12 %, largest_segment_error: <= 15 %, "
    "temporary_error: ±35 %, lost_at_changes: ±0.015 U, largest_loss_at_change: <= 0.03 U, clock_error: ±1 %, "
    "largest_excess_delay: <= 3 min, suspended_volume: ±0.05 U}",
    "wear": "procedure: wear, duration: 6 h, part: 1 h, blank: 15 min, segments: [{at: 0 min, rate: 2 U/h}], "
    "accept: {error_drift: ±60 %, mean_error: ±18 %}",
}
"""Short tests with limits such as labels state, wide enough for a healthy pump's wander."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault, the test that should see it, and what the result must speak of (a regular expression)."""

    fault: Mapping[str, Any]
    test: str
    seen: str
    made: bool = True
    """Whether the test was made for this fault; otherwise it only has to see that something is wrong."""

    @property
    def name(self) -> str:
        """The fault's name."""
        return str(self.fault["fault"])


TRIALS: tuple[Trial, ...] = (
    Trial({"fault": "dose_scale_error", "factor": 1.25}, "basal", "mean_error"),
    Trial({"fault": "dose_scale_error", "factor": 0.75}, "bolus", "mean_error"),
    Trial({"fault": "missed_pulses"}, "basal", "missed"),
    Trial({"fault": "extra_pulses"}, "basal", "mean_error|extra|doubled"),
    Trial({"fault": "slow_leak"}, "basal", "mean_error"),
    Trial({"fault": "slow_leak"}, "occlusion", "alarm|stored|missed"),
    Trial({"fault": "no_alarm"}, "occlusion", "no .*alarm|time_to_alarm"),
    Trial({"fault": "late_alarm", "delay": "50 min"}, "occlusion", "time_to_alarm"),
    Trial({"fault": "late_alarm", "delay": "1 h"}, "occlusion", "time_to_alarm"),
    Trial({"fault": "false_alarm"}, "basal", "OCCLUSION", made=False),
    Trial({"fault": "false_alarm"}, "highest rate", "false_alarms"),
    Trial({"fault": "threshold_too_high"}, "occlusion", "pressure_at_alarm"),
    Trial({"fault": "threshold_too_high"}, "low level", "pressure_at_alarm"),
    Trial({"fault": "no_alarm_during_bolus"}, "bolus into occlusion", "time_to_alarm"),
    Trial({"fault": "level_ignored"}, "low level", "pressure_at_alarm"),
    Trial({"fault": "slow_leak"}, "release", "caught_up_fraction"),
    Trial({"fault": "partial_occlusion", "factor": 1000}, "narrowed line", "line_pressure"),
    Trial({"fault": "stiffness_fades"}, "three occlusions", "compliance_change"),
    Trial({"fault": "battery_forgets"}, "power", "has forgotten .* U"),
    Trial({"fault": "valve_stuck_open"}, "occlusion", "line was not shut; look at the clamp"),
    Trial({"fault": "bubble"}, "basal", "mean_error|missed"),
    Trial({"fault": "lost_partial_pulse"}, "profile", "lost_at_changes"),
    Trial({"fault": "profile_shifted"}, "profile", "did not change its rate when it was told"),
    Trial({"fault": "clock_fast"}, "profile", "clock_error"),
    Trial({"fault": "temporary_ignored"}, "profile", "temporary_error"),
    Trial({"fault": "double_after_resume"}, "profile", "largest_loss_at_change"),
    Trial({"fault": "scale_error_below", "rate": "0.6 U/h"}, "profile", "largest_segment_error"),
    Trial({"fault": "delivery_fades", "by": "120 %"}, "wear", "error_drift"),
    Trial({"fault": "balance_bump"}, "basal", "bump|jump|step|disturb"),
    Trial({"fault": "balance_drift"}, "slow basal", "drift|evaporation|mean_error"),
    Trial({"fault": "balance_frozen"}, "basal", "frozen|repeats|same value|unchanged"),
    Trial({"fault": "balance_scale_error", "error": "30 %"}, "bolus", "mean_error", made=False),
    Trial({"fault": "balance_scale_error", "error": "30 %"}, "check", "weight_error"),
    Trial({"fault": "evaporation"}, "slow basal", "evaporat|drift|loses"),
    Trial({"fault": "bolus_cut_short"}, "long bolus", "delivery_time|mean_error"),
    Trial({"fault": "reported_not_delivered"}, "bolus", "mean_error|within_15|reported"),
    Trial({"fault": "bolus_not_counted"}, "bolus", "reported_difference"),
    Trial({"fault": "cancel_ignored"}, "cancelled bolus", "cancelled_difference.*after_cancel"),
    Trial({"fault": "extended_as_normal"}, "spread bolus", "course_error"),
    Trial({"fault": "leak_at_rest"}, "idle", "unintended_rate.*leak|leak.*unintended_rate"),
    Trial({"fault": "siphon"}, "high", "unintended_rate.*siphon|siphon.*unintended_rate"),
    Trial({"fault": "startup_overdelivery"}, "basal", "mean_error"),
    Trial({"fault": "weak_stiffness"}, "occlusion", "time_to_alarm"),
    Trial({"fault": "partial_occlusion"}, "long bolus", "OCCLUSION|delivery_time|tail", made=False),
    Trial({"fault": "partial_occlusion"}, "narrowed line", "line_pressure"),
    Trial({"fault": "empty_reservoir"}, "basal", "mean_error|missed"),
    Trial({"fault": "occluder_leaks"}, "occlusion", "alarm|time_to_alarm"),
    Trial({"fault": "sensor_offset"}, "occlusion", "pressure"),
    Trial({"fault": "warm_room"}, "basal", "air was .* warm"),
    Trial({"fault": "thick_needle"}, "bolus", "mean_error", made=False),
    Trial({"fault": "thick_needle"}, "doses", "dose_error"),
    Trial({"fault": "silent_instrument", "instrument": "balance", "first": "20 min"}, "basal", "balance"),
    Trial({"fault": "garbled_line", "instrument": "balance", "first": "20 min"}, "basal", "balance"),
    Trial({"fault": "garbled_line", "instrument": "balance", "every": 7, "first": "20 min"}, "basal", "garbled lines"),
    Trial({"fault": "unplugged", "instrument": "balance", "lasting": "5 min"}, "basal", "did not come back within"),
    Trial({"fault": "balance_bump"}, "blank", "disturbances_per_hour"),
    Trial({"fault": "balance_drift"}, "blank", "rate_stability"),
    Trial({"fault": "balance_frozen"}, "blank", "frozen"),
    Trial({"fault": "evaporation"}, "blank", "evaporation_rate"),
    Trial({"fault": "balance_scale_error", "error": "0.1 %"}, "check", "weight_error"),
    Trial({"fault": "draught"}, "basal", "moved|draught|disturb|bump|jump|step|gust|noise|vibrat"),
    Trial({"fault": "draught"}, "blank", "disturbances_per_hour|noise_10s"),
    Trial({"fault": "needle_touching"}, "basal", "bump|jump|step|disturb|needle"),
    Trial({"fault": "needle_touching"}, "blank", "disturbances_per_hour|rate_stability"),
    Trial({"fault": "tare_in_mid_run"}, "basal", "tare|bump|jump|step|disturb"),
    Trial({"fault": "wrong_unit"}, "basal", "but in mom"),
    Trial({"fault": "low_warning_missing"}, "reservoir", "remainder_at_low"),
    Trial({"fault": "empty_alarm_late"}, "reservoir", "remainder_at_empty|last_units_error"),
    Trial({"fault": "wrong_reservoir_count"}, "reservoir", "remainder_at_low|last_units_error"),
    Trial({"fault": "wrong_concentration"}, "basal", "mean_error"),
)


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """What came of a trial."""

    fault: str
    settings: str
    test: str
    verdict: str
    reason: str
    seen: bool
    """The verdict is no pass, and the result speaks of what the fault does."""


def fault_plan(test: str, pump: PumpSettings) -> Plan:
    """Return a plan of one of the tests that faults are tried on; see `Trial.test`."""
    text = f"""
plan: VALIDATION-FAULTS
title: A test that should see a fault
pump: {{insulin: {pump.insulin}, basal_increment: {pump.pulse}, bolus_increment: {pump.pulse}}}
conditions: {{liquid: water, temperature: 23 °C ± 2 °C}}
decision: guarded
tests:
  - {{id: TRIAL, {_TESTS[test]}}}
"""
    return load_plan(text, registry(), name="faults.yaml")


def fits(trial: Trial, rig: Rig, pump: PumpSettings, procedures: Container[str]) -> bool:
    """Whether the test that should see a fault is one of some procedures and can be run on the twin of a rig.

    A daily check, which no pump takes part in, is asked for by no procedure of a study: it goes with the others.
    """
    (test,) = fault_plan(trial.test, pump).tests
    needs = registry()[test.procedure].requires(test.settings)
    wanted = test.procedure in procedures or test.procedure == "check"
    return wanted and not misfits(twin_for(rig, needs), needs)


def try_fault(trial: Trial, rig: Rig, seed: int, folder: Path) -> FaultSeen:
    """Drive the test that should see a fault, in a world of the seed with that fault, and look what it says."""
    twin = _twin(trial.test, rig)
    world = draw_world(twin, seed)
    plan = fault_plan(trial.test, world.pump)
    (result,) = drive(plan, twin, set_up(world, plan, trial.fault), folder).tests
    seen = result.verdict is not Verdict.PASS and speaks_of(result, trial.seen)
    settings = ", ".join(f"{key} {value}" for key, value in trial.fault.items() if key != "fault")
    return FaultSeen(trial.name, settings, trial.test, result.verdict.value, result.reason, seen)


def _twin(test: str, rig: Rig) -> Rig:
    (planned,) = fault_plan(test, PumpSettings()).tests
    return twin_for(rig, registry()[planned.procedure].requires(planned.settings))


def set_up(world: Simulation, plan: Plan, fault: Mapping[str, Any] | None) -> Simulation:
    """Return a world with a fault, or none, in which what the plan's first test declares of its setting up is true."""
    faults: list[Fault] = [] if fault is None else [TypeAdapter[Any](Fault).validate_python(dict(fault))]
    changed: dict[str, Any] = {"faults": faults}
    height = getattr(plan.tests[0].settings, "head_height", None)
    if height is not None:
        changed["plant"] = world.plant.model_copy(update={"head_height": height})
    return world.model_copy(update=changed)


def speaks_of(result: TestResult, pattern: str) -> bool:
    """Tell whether a result's words, or the names of what did not pass in it, have a regular expression."""
    told = " ".join([_said(result), *(j.measurement for j in result.judged if j.verdict is not Verdict.PASS)])
    return re.search(pattern, told, re.IGNORECASE | re.DOTALL) is not None


def _said(test: TestResult) -> str:
    words = [test.reason, *(judged.reason for judged in test.judged)]
    if test.evaluation is not None:
        words += [*test.evaluation.doubts, *test.evaluation.findings, *test.evaluation.notes]
    return "\n".join(words)
