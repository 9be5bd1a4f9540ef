"""Whole runs on the simulated bench with a New Era syringe pump: basal and boluses, steady and in pulses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.recording.reader import RecordingReader
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from tests.system.in_process import ROOT, run_plan

FIXTURE = ROOT / "fixtures" / "simulated-new-era.yaml"
PLAN = """\
plan: TP-SYRINGE
title: A short basal rate and boluses
pump: {{insulin: U-100, {pump}}}
tests:
  - {{id: BASAL, procedure: basal, rate: 3 U/h, duration: 40 min, blank: 5 min, accept: {{mean_error: ±8 %{more}}}}}
  - {{id: BOLUS, procedure: bolus, volume: 1 U, count: 3, blank: 5 min,
     accept: {{mean_error: ±8 %, delivery_time: 35 s to 45 s, reported_difference: ±8 %}}}}
"""
PULSED = PLAN.format(pump="basal_increment: 0.05 U, bolus_increment: 0.05 U", more=", missed_pulses: <= 0")
STEADY = PLAN.format(pump="delivery: continuous", more="")


def rig(basal: str) -> str:
    data = yaml.safe_load(FIXTURE.read_text(encoding="utf-8"))
    if basal == "steady":
        pump = data["instruments"]["pump"]
        pump["basal"] = "steady"
        del pump["pulse"]
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


@pytest.mark.parametrize(("basal", "plan"), [("pulsed", PULSED), ("steady", STEADY)])
def test_a_short_plan_passes(basal: str, plan: str, tmp_path: Path) -> None:
    run = run_plan(plan, rig(basal), 1, tmp_path)
    assert [(test.id, test.verdict) for test in run.tests] == [("BASAL", "pass"), ("BOLUS", "pass")]
    truth = read_truth(tmp_path / "twin-truth.jsonl")
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        counted = recording.test("BASAL").series("pump.delivered_ul").value
        [commanded] = recording.events("basal commanded", "BASAL")
        [stopped] = recording.events("basal stopped", "BASAL")
        assert not recording.events("gap", "BASAL")
        # The reset at power-up was told when the rig was opened, and nothing since.
        assert [event.data["codes"] for event in recording.events("old alarms acknowledged")] == [["POWER"]]
    assert counted[-1] == pytest.approx(20.0, abs=0.06)
    metered_ul = truth.metered_ul(commanded.data["sent_s"], stopped.data["acknowledged_s"])
    assert metered_ul == pytest.approx(20.0, rel=0.03)


def test_a_syringe_of_another_concentration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"set to U-100 and plan TP-SYRINGE is for U-200"):
        run_plan(PULSED.replace("U-100", "U-200"), rig("pulsed"), 1, tmp_path)


def test_the_rig_file_is_read_with_its_driver_s_options() -> None:
    pump = load_rig(FIXTURE).pump
    assert pump is not None
    assert (pump.options.basal, str(pump.options.pulse), str(pump.options.insulin)) == ("pulsed", "0.05 U", "U-100")
