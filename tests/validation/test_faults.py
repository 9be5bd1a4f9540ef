"""Every fault of the twin has a trial, a trial sees what it should, and a healthy pump passes the same tests.

A slice of what `pumpbench score` tries in full; docs/score.md has what came of it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.rig.load import load_rig
from bench.twin.faults import REGISTRY
from bench.validation.batch import TaskError
from bench.validation.faults import TRIALS, Trial, try_fault
from bench.validation.study import FaultTask, fault_study
from tests.system.in_process import rig_text

RIG = rig_text()


def test_every_fault_is_tried() -> None:
    assert {trial.name for trial in TRIALS} == set(REGISTRY)


OF_DAYS = ("lost_partial_pulse", "clock_fast", "delivery_fades")


@pytest.mark.parametrize(
    "name",
    [
        *("no_alarm_during_bolus", "level_ignored", "stiffness_fades", "valve_stuck_open"),
        *OF_DAYS,
        *("tare_in_mid_run", "wrong_unit"),
        *("bolus_not_counted", "cancel_ignored", "extended_as_normal", "leak_at_rest", "siphon"),
    ],
)
def test_a_fault_is_seen(name: str, tmp_path: Path) -> None:
    trial = next(each for each in TRIALS if each.name == name)
    seen = try_fault(trial, load_rig(RIG, name="rig.yaml"), 3, tmp_path / "run")
    assert seen.seen, f"{seen.verdict}: {seen.reason}"
    assert seen.reason


SLICE = ("balance_drift", "draught", "thick_needle", "low_warning_missing", "wrong_reservoir_count")
OF_THE_BENCH_OR_THE_RESERVOIR = [
    *(each for each in TRIALS if each.name in SLICE and each.test in ("blank", "doses", "reservoir")),
    *(each for each in TRIALS if each.test == "check"),
]
HEALTHY = ("bolus", "idle", "check", "doses", "reservoir", "power", "low level", "release")


@pytest.mark.parametrize("trial", OF_THE_BENCH_OR_THE_RESERVOIR, ids=lambda each: each.name)
def test_a_trial_of_the_bench_or_the_reservoir_sees_it(trial: Trial, tmp_path: Path) -> None:
    seen = try_fault(trial, load_rig(RIG, name="rig.yaml"), 3, tmp_path / "run")
    assert seen.seen, f"{seen.verdict}: {seen.reason}"


def test_a_fault_that_does_nothing_is_not_seen(tmp_path: Path) -> None:
    trial = dataclasses.replace(TRIALS[1], fault={"fault": "dose_scale_error", "factor": 1.0})
    seen = try_fault(trial, load_rig(RIG, name="rig.yaml"), 3, tmp_path / "run")
    assert (seen.seen, seen.verdict) == (False, "pass")


@pytest.mark.parametrize("test", HEALTHY)
def test_a_healthy_pump_passes_what_faults_are_tried_on(test: str, tmp_path: Path) -> None:
    healthy = dataclasses.replace(TRIALS[0], test=test, fault={"fault": "dose_scale_error", "factor": 1.0})
    seen = try_fault(healthy, load_rig(RIG, name="rig.yaml"), 3, tmp_path / "run")
    assert seen.verdict == "pass", seen.reason


def test_what_goes_wrong_in_another_process_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"dose_scale_error 0 3: RigFileError: .*a rig file is a mapping"):
        fault_study("[]", [0, 1], 3, tmp_path, jobs=2)
    assert FaultTask("", 0, 3, "").key == "dose_scale_error 0 3"
