"""The reservoir test on the twin: what it says is left is what the twin really had left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.plan.model import PlanError
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.results.model import Measurement, RunResult, TestResult, Verdict
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.reservoir_truths import reservoir_truths
from tests.procedures.made_contexts import context
from tests.system.in_process import rig_text, run_plan, said

RESERVOIR = registry()["reservoir"]
ACCEPT = "accept: {remainder_at_low: 17 U to 23 U, remainder_at_empty: ±3 U, last_units_error: ±15 %}"
SHORT = f"procedure: reservoir, remaining: 23 U, put_in: true, rate: 30 U/h, after_empty: 5 min, blank: 5 min, {ACCEPT}"
CHANGED = SHORT.replace("put_in", "new: 100 U, prime: 5 U, after_change: 10 min, put_in")


def run(test: str, folder: Path, faults: Sequence[dict[str, Any]] = (), **simulation: Any) -> RunResult:
    plan = (
        "plan: P\ntitle: made\npump: {insulin: U-100, basal_increment: 0.05 U}\n"
        f"conditions: {{liquid: water, temperature: 23 °C ± 2 °C}}\ntests:\n  - {{id: RES, {test}}}\n"
    )
    return run_plan(plan, rig_text(faults, **simulation), 3, folder)


def value(result: TestResult, name: str) -> Measurement:
    assert result.evaluation is not None
    return next(each for each in result.evaluation.measurements if each.name == name)


def test_everything_is_as_it_was_on_the_twin(tmp_path: Path) -> None:
    (result,) = run(CHANGED, tmp_path).tests
    assert result.verdict is Verdict.PASS, result.reason
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        course = Course(recording.test("RES"), read_truth(tmp_path / "twin-truth.jsonl"), 10.0)
        truths = reservoir_truths(course)
        told = [event.data["volume_ul"] for event in recording.events("reservoir told")]
        asked = [event.data["value"] for event in recording.events("operator asked")]
    assert told == asked == [230.0, 1000.0]
    assert result.evaluation is not None
    assert {each.name for each in result.evaluation.measurements} == set(truths) == set(RESERVOIR.measurements)
    for each in result.evaluation.measurements:
        assert each.value is not None
        assert each.expanded_uncertainty is not None
        assert abs(each.value - truths[each.name]) <= 1.5 * each.expanded_uncertainty, each.name
    # The pump warns at 20 U of its own count, and counts to nothing.
    assert truths["remainder_at_low"] == pytest.approx(20.0, abs=0.5)
    assert truths["remainder_at_empty"] == pytest.approx(0.0, abs=1.5)


def test_a_warning_that_never_comes_fails_and_is_told(tmp_path: Path) -> None:
    (result,) = run(SHORT, tmp_path, [{"fault": "low_warning_missing"}]).tests
    assert result.verdict is Verdict.FAIL
    assert value(result, "remainder_at_low").censored == "below"
    assert "remainder" in result.reason
    assert "never warned" in said(result)


def test_an_alarm_that_comes_late_leaves_the_last_units_undelivered(tmp_path: Path) -> None:
    (result,) = run(SHORT, tmp_path, [{"fault": "empty_alarm_late", "after": "3 U"}]).tests
    # Of the last 5 U before the alarm 3 U are air, but for what the pump gave too little before.
    left_u = value(result, "remainder_at_empty").value or 0.0
    assert value(result, "last_units_error").value == pytest.approx(-60.0, abs=15.0)
    assert left_u == pytest.approx(0.0, abs=0.05)
    # 30 U/h: 23 U last 46 min, the 3 U beyond them 6 min.
    assert re.search("Nothing more came from minute 4[5-9] on, after 23 U of the 23 U .* for [4-7] min", said(result))
    assert "and counted 26" in said(result)
    assert result.verdict is Verdict.FAIL


def test_a_pump_that_counts_too_little_warns_late(tmp_path: Path) -> None:
    (result,) = run(SHORT, tmp_path, [{"fault": "wrong_reservoir_count", "share": "50 %"}]).tests
    # 3 U by its own count are 6 U in truth.
    assert value(result, "remainder_at_low").value == pytest.approx(17.0, abs=0.5)
    assert result.verdict is not Verdict.PASS


def test_a_pump_set_to_another_insulin_than_it_says_delivers_half(tmp_path: Path) -> None:
    (result,) = run(SHORT, tmp_path, [{"fault": "wrong_concentration"}]).tests
    assert value(result, "error_before").value == pytest.approx(-50.0, abs=5.0)
    assert value(result, "remainder_at_low").value == pytest.approx(23.0 - 1.5, abs=0.3)
    assert result.verdict is Verdict.FAIL


def test_a_pump_that_is_only_told_needs_no_operator() -> None:
    rig = load_rig(rig_text(), name="rig.yaml")
    bare = replace(rig, instruments={role: spec for role, spec in rig.instruments.items() if role != "operator"})
    told = _settings(SHORT.replace("put_in: true", "put_in: false"))
    assert misfits(bare, RESERVOIR.requires(told)) == []
    assert any("an operator" in each for each in misfits(bare, RESERVOIR.requires(_settings(SHORT))))
    assert any("an operator" in each for each in misfits(bare, RESERVOIR.requires(_settings(CHANGED))))


@pytest.mark.parametrize(
    ("key", "wrong", "told"),
    [
        ("remaining: 23 U", "remaining: 0 U", "must be more than nothing"),
        ("after_empty: 5 min", "after_empty: 1 min", "3 min or more"),
        ("blank: 5 min", "blank: 1 min", "2 min or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(key: str, wrong: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        _settings(SHORT.replace(key, wrong))


def _settings(test: str) -> Any:
    return context(f"  - {{id: T-1, {test}}}\n").plan.tests[0].settings
