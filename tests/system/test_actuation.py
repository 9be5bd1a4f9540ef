"""A clamp that takes its time: the time to the alarm holds the truth where its delay is declared or felt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.recording.reader import RecordingReader
from bench.results.model import Measurement, TestResult, Verdict
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.truths import truths
from tests.system.in_process import rig_text, run_plan

HEAD = """
plan: P
title: Clamps
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
tests:
"""
ALARM = "rate: 30 U/h, run_in: 2 min, timeout: 20 min, release_observation: 2 min, accept: {time_to_alarm: <= 20 min}"
RELEASED = (
    "rate: 30 U/h, run_in: 2 min, timeout: 20 min, release_observation: 2 min, release_before_alarm_after: 2 min,"
    ' accept: {caught_up_fraction: ">= 10 %"}'
)
CONTACT = {"feedback": {"pin": 2, "shut_when": "high"}}


def run(
    folder: Path, clamp: dict[str, str], occluder: dict[str, Any], *, contact: bool = False, plan: str = ALARM
) -> TestResult:
    rig = yaml.safe_load(rig_text(occluder=clamp))
    del rig["instruments"]["occluder"]["actuation_delay"]
    rig["instruments"]["occluder"].update(occluder)
    if contact:
        rig["simulation"]["emulators"]["occluder"] = {"emulator": "numato", "contact": 2}
    text = f"{HEAD}  - {{id: T-1, procedure: occlusion, blank: 5 min, {plan}}}\n"
    (result,) = run_plan(text, yaml.safe_dump(rig, allow_unicode=True), 3, folder).tests
    assert result.evaluation is not None, result.reason
    return result


def measured(result: TestResult, name: str) -> Measurement:
    assert result.evaluation is not None
    return next(each for each in result.evaluation.measurements if each.name == name)


def course(folder: Path) -> Course:
    with RecordingReader(folder / "recording.sqlite") as recording:
        return Course(recording.test("T-1"), read_truth(folder / "twin-truth.jsonl"), 10.0)


def off_by(result: TestResult, folder: Path, name: str) -> tuple[float, float]:
    """Return by how much a measurement is off, and its expanded uncertainty."""
    found = measured(result, name)
    assert found.value is not None
    assert found.expanded_uncertainty is not None
    return abs(found.value - truths("occlusion", course(folder))[name]), found.expanded_uncertainty


def declared(mean: str, half_width: str, key: str = "actuation_delay") -> dict[str, Any]:
    return {key: {"mean": mean, "half_width": half_width}}


@pytest.mark.parametrize(
    ("closing", "occluder", "contact"),
    [
        ("20 ms", declared("200 ms", "200 ms"), False),
        ("390 ms", declared("200 ms", "200 ms"), False),
        ("450 ms", {}, False),
        ("2 s", declared("2.1 s", "300 ms"), False),
        ("2 s", CONTACT, True),
        ("0 ms", CONTACT, True),
    ],
)
def test_the_time_to_the_alarm_holds_the_truth(
    closing: str, occluder: dict[str, Any], contact: bool, tmp_path: Path
) -> None:
    result = run(tmp_path, {"closing_time": closing}, occluder, contact=contact)
    off_min, expanded_min = off_by(result, tmp_path, "time_to_alarm")
    assert off_min <= expanded_min
    lines = {line.name: line for line in measured(result, "time_to_alarm").budget}
    if contact:
        # A contact is asked every few milliseconds: the delay itself has no part in the budget.
        assert expanded_min * 60.0 < 0.1
        assert "by the contact at the valve" in lines["when the occluder was switched"].source
        assert "actuation delay of the occluder" not in lines
    else:
        assert "actuation delay of the occluder" in lines


def test_two_seconds_that_nobody_mentions_are_seen_by_a_contact_alone(tmp_path: Path) -> None:
    slow, said = {"closing_time": "2 s"}, declared("50 ms", "50 ms")
    blind = run(tmp_path / "blind", slow, said)
    off_min, expanded_min = off_by(blind, tmp_path / "blind", "time_to_alarm")
    assert off_min * 60.0 == pytest.approx(1.95, abs=0.05)
    assert off_min > 5.0 * expanded_min
    felt = run(tmp_path / "felt", slow, said | CONTACT, contact=True)
    off_min, expanded_min = off_by(felt, tmp_path / "felt", "time_to_alarm")
    assert off_min <= expanded_min
    assert felt.evaluation is not None
    note = next(each for each in felt.evaluation.notes if "contact" in each)
    assert "shut 2 s after the command, where the rig file says 0.05 s ± 0.05 s: the contact is believed" in note


def test_a_clamp_of_which_nothing_is_known_is_noted(tmp_path: Path) -> None:
    result = run(tmp_path, {"closing_time": "100 ms"}, {})
    assert result.evaluation is not None
    note = next(each for each in result.evaluation.notes if "neither declared in the rig file" in each)
    assert "0 s to 0.5 s is assumed" in note


@pytest.mark.parametrize(
    ("occluder", "contact"),
    [
        (declared("50 ms", "50 ms") | declared("1 s", "100 ms", "opening_delay"), False),
        (CONTACT, True),
    ],
)
def test_a_clamp_that_opens_slowly(occluder: dict[str, Any], contact: bool, tmp_path: Path) -> None:
    clamp = {"closing_time": "50 ms", "opening_time": "1 s"}
    result = run(tmp_path, clamp, occluder, contact=contact, plan=RELEASED)
    off_u, expanded_u = off_by(result, tmp_path, "missed_volume")
    assert off_u <= expanded_u
    names = {line.name for line in measured(result, "missed_volume").budget}
    assert "when the occluder was opened" in names
    assert ("opening delay of the occluder" in names) is not contact


def test_both_instants_of_the_valve_are_in_the_recording(tmp_path: Path) -> None:
    run(tmp_path, {"closing_time": "2 s", "opening_time": "300 ms"}, CONTACT, contact=True)
    seen = course(tmp_path)
    closed_s = seen.noted_s("occluder", seen.record.start_s)
    opened_s = seen.noted_s("occluder", closed_s)
    for kind, true_s, takes_s in (("occluder closed", closed_s, 2.0), ("occluder opened", opened_s, 0.3)):
        (event,) = seen.record.events(kind)
        assert event.data["moved_from_s"] <= true_s <= event.data["moved_to_s"] <= event.data["acknowledged_s"]
        assert event.data["moved_to_s"] - event.data["moved_from_s"] < 0.02
        assert true_s - event.data["sent_s"] == pytest.approx(takes_s, abs=0.02)


def test_a_valve_that_does_not_move_is_found_out_by_its_contact(tmp_path: Path) -> None:
    rig = yaml.safe_load(rig_text([{"fault": "valve_stuck_open"}]))
    rig["instruments"]["occluder"].update(CONTACT)
    rig["simulation"]["emulators"]["occluder"] = {"emulator": "numato", "contact": 2}
    text = f"{HEAD}  - {{id: T-1, procedure: occlusion, blank: 5 min, {ALARM}}}\n"
    (result,) = run_plan(text, yaml.safe_dump(rig, allow_unicode=True), 3, tmp_path).tests
    assert result.verdict is Verdict.ERROR
    assert "within 5 s the contact at the valve does not say that the line is shut" in result.reason
