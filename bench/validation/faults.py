"""Whether each fault that the twin can have is seen by the test made for it: no pass, and words that tell of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.plan.load import load_plan
from bench.plan.model import Plan
from bench.procedures import registry
from bench.results.model import TestResult, Verdict
from bench.rig.model import Rig
from bench.twin.faults import Fault
from bench.twin.settings import PumpSettings
from bench.validation.runs import drive
from bench.validation.world import draw_world

_TESTS: Mapping[str, str] = {
    "basal": "procedure: basal, rate: 1 U/h, duration: 2 h, blank: 10 min, "
    "accept: {mean_error: ±12 %, missed_pulses: <= 2}",
    "slow basal": "procedure: basal, rate: 0.5 U/h, duration: 1 h, blank: 10 min, accept: {mean_error: ±18 %}",
    "bolus": "procedure: bolus, volume: 1 U, count: 5, blank: 5 min, accept: {mean_error: ±12 %, "
    'within_15_percent: ">= 80 %", reported_difference: ±12 %}',
    "long bolus": "procedure: bolus, volume: 5 U, count: 3, blank: 5 min, "
    "accept: {mean_error: ±12 %, delivery_time: 180 s to 210 s, tail_fraction: <= 5 %}",
    "occlusion": "procedure: occlusion, rate: 3 U/h, run_in: 15 min, timeout: 75 min, release_observation: 10 min, "
    "blank: 10 min, accept: {time_to_alarm: <= 60 min, pressure_at_alarm: 80 kPa to 130 kPa, missed_volume: <= 3 U, "
    "stored_bolus: <= 2.5 U, false_alarms: <= 0}",
    "profile": "procedure: profile, duration: 215 min, blank: 15 min, segments: [{at: 0 min, rate: 1 U/h}, "
    "{at: 58.5 min, rate: 2 U/h}, {at: 122.25 min, rate: 0.5 U/h}], overlay: [{at: 140 min, temporary: 50 %, "
    "lasting: 30 min}, {at: 185 min, suspend: 10 min}], accept: {mean_error: ±12 %, largest_segment_error: <= 15 %, "
    "temporary_error: ±35 %, lost_at_changes: ±0.015 U, largest_loss_at_change: <= 0.035 U, clock_error: ±1 %, "
    "largest_excess_delay: <= 3 min, suspended_volume: ±0.05 U}",
}
"""Short tests with limits such as labels state, wide enough for a healthy pump's wander."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault, the test that should see it, and what the result must speak of (a regular expression)."""

    fault: Mapping[str, Any]
    test: str
    seen: str

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
    Trial({"fault": "false_alarm"}, "basal", "OCCLUSION"),
    Trial({"fault": "bubble"}, "basal", "mean_error|missed"),
    Trial({"fault": "lost_partial_pulse"}, "profile", "lost_at_changes"),
    Trial({"fault": "profile_shifted"}, "profile", "did not change its rate when it was told"),
    Trial({"fault": "clock_fast"}, "profile", "clock_error"),
    Trial({"fault": "temporary_ignored"}, "profile", "temporary_error"),
    Trial({"fault": "double_after_resume"}, "profile", "largest_loss_at_change"),
    Trial({"fault": "scale_error_below", "rate": "0.6 U/h"}, "profile", "largest_segment_error"),
    Trial({"fault": "balance_bump"}, "basal", "bump|jump|step|disturb"),
    Trial({"fault": "balance_drift"}, "slow basal", "drift|evaporation|mean_error"),
    Trial({"fault": "balance_frozen"}, "basal", "frozen|repeats|same value|unchanged"),
    Trial({"fault": "balance_scale_error", "error": "30 %"}, "bolus", "mean_error"),
    Trial({"fault": "evaporation"}, "slow basal", "evaporat|drift|loses"),
    Trial({"fault": "bolus_cut_short"}, "long bolus", "delivery_time|mean_error"),
    Trial({"fault": "reported_not_delivered"}, "bolus", "mean_error|within_15|reported"),
    Trial({"fault": "startup_overdelivery"}, "basal", "mean_error"),
    Trial({"fault": "weak_stiffness"}, "occlusion", "time_to_alarm"),
    Trial({"fault": "partial_occlusion"}, "long bolus", "OCCLUSION|delivery_time|tail"),
    Trial({"fault": "empty_reservoir"}, "basal", "mean_error|missed"),
    Trial({"fault": "occluder_leaks"}, "occlusion", "alarm|time_to_alarm"),
    Trial({"fault": "sensor_offset"}, "occlusion", "pressure"),
    Trial({"fault": "warm_room"}, "basal", "air was .* warm"),
    Trial({"fault": "thick_needle"}, "bolus", "mean_error"),
    Trial({"fault": "silent_instrument", "instrument": "balance", "first": "20 min"}, "basal", "balance"),
    Trial({"fault": "garbled_line", "instrument": "balance", "first": "20 min"}, "basal", "balance"),
    Trial({"fault": "garbled_line", "instrument": "balance", "every": 7, "first": "20 min"}, "basal", "garbled lines"),
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


def try_fault(trial: Trial, rig: Rig, seed: int, folder: Path) -> FaultSeen:
    """Drive the test that should see a fault, in a world of the seed with that fault, and look what it says."""
    world = draw_world(rig, seed)
    fault: Fault = TypeAdapter(Fault).validate_python(dict(trial.fault))
    world = world.model_copy(update={"faults": [fault]})
    plan = fault_plan(trial.test, world.pump)
    (result,) = drive(plan, rig, world, folder).tests
    told = " ".join([_said(result), *(j.measurement for j in result.judged if j.verdict is not Verdict.PASS)])
    seen = result.verdict is not Verdict.PASS and re.search(trial.seen, told, re.IGNORECASE | re.DOTALL) is not None
    settings = ", ".join(f"{key} {value}" for key, value in trial.fault.items() if key != "fault")
    return FaultSeen(trial.name, settings, trial.test, result.verdict.value, result.reason, seen)


def _said(test: TestResult) -> str:
    words = [test.reason, *(judged.reason for judged in test.judged)]
    if test.evaluation is not None:
        words += [*test.evaluation.doubts, *test.evaluation.notes]
    return "\n".join(words)
