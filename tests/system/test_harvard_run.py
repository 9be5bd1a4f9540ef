"""Whole runs on the simulated bench with a Harvard syringe pump: basal and boluses, steady and in pulses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.recording.reader import RecordingReader
from bench.rig.load import load_rig
from bench.twin.truth import read_truth
from tests.system.in_process import ROOT, run_plan
from tests.system.test_new_era_run import PULSED, STEADY

FIXTURE = ROOT / "fixtures" / "simulated-harvard.yaml"


def rig(basal: str, model: str) -> str:
    data = yaml.safe_load(FIXTURE.read_text(encoding="utf-8"))
    data["simulation"]["emulators"]["pump"]["model"] = model
    if basal == "steady":
        pump = data["instruments"]["pump"]
        pump["basal"] = "steady"
        del pump["pulse"]
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


@pytest.mark.parametrize(("basal", "model", "plan"), [("pulsed", "phd_ultra", PULSED), ("steady", "legato", STEADY)])
def test_a_short_plan_passes(basal: str, model: str, plan: str, tmp_path: Path) -> None:
    run = run_plan(plan, rig(basal, model), 1, tmp_path)
    assert [(test.id, test.verdict) for test in run.tests] == [("BASAL", "pass"), ("BOLUS", "pass")]
    truth = read_truth(tmp_path / "twin-truth.jsonl")
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        counted = recording.test("BASAL").series("pump.delivered_ul").value
        [commanded] = recording.events("basal commanded", "BASAL")
        [stopped] = recording.events("basal stopped", "BASAL")
        assert not recording.events("gap", "BASAL")
        assert not recording.events("old alarms acknowledged")
    assert counted[-1] == pytest.approx(20.0, abs=0.06)
    metered_ul = truth.metered_ul(commanded.data["sent_s"], stopped.data["acknowledged_s"])
    assert metered_ul == pytest.approx(20.0, rel=0.03)


def test_the_rig_file_is_read_with_its_driver_s_options() -> None:
    pump = load_rig(FIXTURE).pump
    assert pump is not None
    assert (pump.options.basal, str(pump.options.pulse), str(pump.options.insulin)) == ("pulsed", "0.05 U", "U-100")
    assert (pump.options.force, str(pump.options.syringe_volume), pump.serial_number) == (50, "1 mL", "D401460")
