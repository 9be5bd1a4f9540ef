"""The other kinds of occlusion tests on the twin: what they say of a pump, a line or a clamp with a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.recording.reader import RecordingReader
from bench.results.model import TestResult, Verdict
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.truths import truths
from tests.system.in_process import rig_text, run_plan

HEAD = """
plan: P
title: Kinds of occlusion
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
tests:
"""


def run(words: str, folder: Path, *faults: dict[str, Any]) -> TestResult:
    plan = f"{HEAD}  - {{id: T-1, procedure: occlusion, blank: 5 min, {words}}}\n"
    (result,) = run_plan(plan, rig_text(faults), 3, folder).tests
    return result


def value(result: TestResult, name: str) -> float:
    assert result.evaluation is not None
    (found,) = [each.value for each in result.evaluation.measurements if each.name == name]
    assert found is not None
    return found


def true(folder: Path, name: str) -> float:
    with RecordingReader(folder / "recording.sqlite") as recording:
        course = Course(recording.test("T-1"), read_truth(folder / "twin-truth.jsonl"), 10.0)
        return truths("occlusion", course)[name]


def words(result: TestResult) -> tuple[list[str], list[str]]:
    assert result.evaluation is not None
    return [*result.evaluation.findings, *result.evaluation.notes], result.evaluation.doubts


def test_false_alarms_are_counted_and_the_time_that_they_cost_is_not_due(tmp_path: Path) -> None:
    """Every 150th pulse at 30 U/h, ten pulses a minute: three alarms in fifty minutes."""
    plan = "rate: 30 U/h, occlude: false, duration: 50 min, accept: {false_alarms: <= 0, flow_error: ±10 %}"
    result = run(plan, tmp_path, {"fault": "false_alarm", "every": 150})
    assert result.verdict is Verdict.FAIL
    assert "occlusion alarms while flowing 3 breaks the limit" in result.reason
    assert value(result, "false_alarm_rate") == pytest.approx(7.754 / (50.0 / 60.0), rel=0.01)
    assert value(result, "flow_error") == pytest.approx(0.0, abs=5.0)
    told, doubts = words(result)
    assert "3 times while the line was open, first after 15.0 min" in told[0]
    assert doubts == []


def test_a_narrowed_line_tells_pressure_flow_and_alarm(tmp_path: Path) -> None:
    """A thousand times the resistance at 6 U/h: 25 kPa once it has built up, and all of it comes in the end."""
    plan = "rate: 6 U/h, partial_occlusion: needle valve, duration: 1 h, accept: {occlusion_alarms: <= 0}"
    result = run(plan, tmp_path, {"fault": "partial_occlusion", "factor": 1000.0})
    assert result.verdict is Verdict.PASS, result.reason
    assert value(result, "line_pressure") == pytest.approx(25.0, rel=0.06)
    assert value(result, "flow_error") == pytest.approx(0.0, abs=6.0)
    notes, doubts = words(result)
    assert "The line was narrowed by the lab, as declared: needle valve." in notes
    assert doubts == []


def test_a_narrowed_line_whose_pump_alarms(tmp_path: Path) -> None:
    plan = "rate: 15 U/h, partial_occlusion: needle valve, duration: 1 h, accept: {time_to_alarm: <= 30 min}"
    result = run(plan, tmp_path, {"fault": "partial_occlusion", "factor": 5000.0})
    assert result.verdict is Verdict.PASS, result.reason
    assert value(result, "peak_pressure") == pytest.approx(102.0, abs=3.0)
    assert value(result, "occlusion_alarms") == 1.0
    assert value(result, "time_to_alarm") == pytest.approx(true(tmp_path, "time_to_alarm"), abs=0.002)


def test_what_leaked_while_shut_is_never_caught_up(tmp_path: Path) -> None:
    plan = (
        "rate: 6 U/h, release_before_alarm_after: 8 min, run_in: 5 min, timeout: 40 min,"
        ' accept: {caught_up_fraction: ">= 75 %"}'
    )
    assert run(plan, tmp_path / "healthy").verdict is Verdict.PASS
    leaking = run(plan, tmp_path / "leaking", {"fault": "slow_leak"})
    assert leaking.verdict is Verdict.FAIL
    assert value(leaking, "missed_after_release") > 0.9
    for name, most in (("caught_up_fraction", 2.0), ("missed_after_release", 0.015), ("missed_volume", 0.01)):
        assert value(leaking, name) == pytest.approx(true(tmp_path / "leaking", name), abs=most), name


def test_an_alarm_before_the_release_is_told(tmp_path: Path) -> None:
    plan = (
        "rate: 15 U/h, release_before_alarm_at: 120 kPa, run_in: 3 min, timeout: 40 min, release_observation: 2 min,"
        " accept: {occlusion_alarms: <= 0}"
    )
    result = run(plan, tmp_path)
    assert result.verdict is Verdict.FAIL
    assert result.evaluation is not None
    assert any("before the line was to be opened (120 kPa)" in finding for finding in result.evaluation.findings)


def test_occlusions_that_were_not_all_driven_are_a_doubt(tmp_path: Path) -> None:
    """The reservoir's own count says empty in the second of three."""
    plan = (
        "rate: 15 U/h, repeats: 3, run_in: 3 min, timeout: 40 min, release_observation: 2 min,"
        " accept: {time_to_alarm: <= 30 min}"
    )
    text = f"{HEAD}  - {{id: T-1, procedure: occlusion, blank: 5 min, {plan}}}\n"
    (result,) = run_plan(text, rig_text(pump={"reservoir": "4 U", "low_reservoir": "1 U"}), 3, tmp_path).tests
    assert result.verdict is Verdict.INCONCLUSIVE
    doubts = " ".join(words(result)[1])
    assert "EMPTY" in doubts
    assert "Only 1 of 3 occlusions" in doubts
    # What was driven to its end is evaluated.
    assert value(result, "time_to_alarm") == pytest.approx(6.2, abs=0.5)


def test_a_clamp_that_does_not_shut_is_not_the_pumps_fault(tmp_path: Path) -> None:
    plan = "rate: 15 U/h, run_in: 3 min, timeout: 12 min, accept: {time_to_alarm: <= 10 min}"
    result = run(plan, tmp_path, {"fault": "valve_stuck_open"})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "came through all the same: the line was not shut; look at the clamp" in result.reason
