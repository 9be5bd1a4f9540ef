"""Whole runs on the simulated bench with an Alaris clinical syringe pump, in mL/h."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.recording.reader import RecordingReader
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from tests.system.in_process import ROOT, run_plan

FIXTURE = ROOT / "fixtures" / "simulated-alaris.yaml"
RIG = FIXTURE.read_text(encoding="utf-8")
PLAN = """\
plan: TP-CLINICAL
title: A short infusion, boluses and an occlusion
pump: {insulin: U-100, delivery: continuous, reservoir: 50 mL}
tests:
  - {id: BASAL, procedure: basal, rate: 3 mL/h, duration: 40 min, blank: 5 min, accept: {mean_error: ±5 %}}
  - {id: BOLUS, procedure: bolus, volume: 0.5 mL, count: 3, blank: 5 min,
     accept: {mean_error: ±5 %, delivery_time: 10 s to 30 s, reported_difference: ±5 %}}
  - {id: SHUT, procedure: occlusion, rate: 30 mL/h, run_in: 2 min, timeout: 10 min, release_observation: 5 min,
     blank: 5 min, accept: {time_to_alarm: <= 5 min, pressure_at_alarm: 36 kPa to 46 kPa, false_alarms: <= 0}}
"""
PRESSURE = "pressure.pressure"
BASAL = "\n".join(PLAN.splitlines()[:5]) + "\n"


def test_a_short_plan_passes(tmp_path: Path) -> None:
    run = run_plan(PLAN, RIG, 1, tmp_path)
    assert [(test.id, test.verdict) for test in run.tests] == [("BASAL", "pass"), ("BOLUS", "pass"), ("SHUT", "pass")]
    truth = read_truth(tmp_path / "twin-truth.jsonl")
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        counted = recording.test("BASAL").series("pump.delivered_ul").value
        [commanded] = recording.events("basal commanded", "BASAL")
        [stopped] = recording.events("basal stopped", "BASAL")
        assert not [each for test in run.tests for each in recording.events("gap", test.id)]
        alarms = [event.data["code"] for event in recording.events("alarm seen", "SHUT")]
        own, sensor = (recording.test("SHUT").series(f"{each}_kpa").value for each in ("pump.line_pressure", PRESSURE))
    assert alarms == ["OCCLUSION"]
    assert own.min() < 10.0
    assert own.max() == pytest.approx(sensor.max(), abs=2.0)  # the pump's own sensor has no error here
    assert counted[-1] == pytest.approx(2000.0, abs=5.0)
    metered_ul = truth.metered_ul(commanded.data["sent_s"], stopped.data["acknowledged_s"])
    assert metered_ul == pytest.approx(2000.0, rel=0.02)


def test_a_rate_below_the_pump_s_least_is_an_error_with_its_limits(tmp_path: Path) -> None:
    run = run_plan(BASAL.replace("3 mL/h", "3 U/h"), RIG, 1, tmp_path)
    [test] = run.tests
    assert test.verdict == "error"
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        told = str([event.data for event in recording.events()])
    assert "0.10 to 1200.00 mL/h, which is 10 to 120000 U/h of U-100" in told


def test_software_without_remote_control_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    rig = RIG.replace("occlusion_pressure: 300 mmHg", "remote_control: false")
    run = run_plan(BASAL, rig, 1, tmp_path)
    [test] = run.tests
    assert test.verdict == "error"
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        told = str([event.data for event in recording.events()])
    assert "does not permit remote control" in told
    assert "versions after 2.3.6" in told


def lacking(plan: str) -> list[str]:
    rig, procedures = load_rig(FIXTURE), registry()
    tests = load_plan(ROOT / "test_plans" / plan, procedures).tests
    return [each for test in tests for each in misfits(rig, procedures[test.procedure].requires(test.settings))]


def test_what_the_pump_lacks_is_refused_by_name_at_collection() -> None:
    assert lacking("smoke.yaml") == lacking("syringe-pump.yaml") == []
    [told] = lacking("clinical-day.yaml")[:1]
    assert "needs a pump with the capability Delivers" in told
    assert told.endswith("which driver alaris_asena does not have")


def test_the_rig_file_is_read_with_its_driver_s_options() -> None:
    pump = load_rig(FIXTURE).pump
    assert pump is not None
    assert (pump.options.syringe, str(pump.options.bolus_rate), str(pump.options.insulin)) == (
        "BD PLASTIPAK 50",
        "100 mL/h",
        "U-100",
    )
