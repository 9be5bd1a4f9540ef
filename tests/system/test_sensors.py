"""A short occlusion plan passes with every pressure sensor and every occluder, in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.recording.reader import RecordingReader
from bench.results.model import RunResult
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.truths import truths
from tests.system.in_process import ROOT, rig_text, run_plan

PLAN = """
plan: TP-SENSORS
title: An occlusion in short
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
tests:
  - {id: OCCLUSION, procedure: occlusion, rate: 30 U/h, run_in: 2 min, timeout: 20 min, release_observation: 4 min,
     blank: 5 min, accept: {time_to_alarm: <= 10 min, peak_pressure: <= 115 kPa, false_alarms: <= 0}}
"""
AT = "sim://twin/pressure"
# The instrument in the rig file, and its emulator.
PRESSURES: dict[str, tuple[dict[str, Any], Any]] = {
    "px409": ({"driver": "omega_px409", "address": AT}, "px409"),
    "px409, absolute in bar at 9600": (
        {"driver": "omega_px409", "address": AT, "baudrate": 9600, "ambient": "1013 hPa"},
        {"emulator": "px409", "unit": "bar", "full_scale": 4.0, "reference": "A", "baudrate": 9600},
    ),
    "keller": ({"driver": "keller_bus", "address": AT, "reference": "gauge"}, "keller"),
    "keller, sealed and without echo": (
        {"driver": "keller_bus", "address": AT, "reference": "sealed gauge", "ambient": "1013 hPa"},
        {"emulator": "keller", "reference": "sealed gauge", "echo": False, "bus_address": 17},
    ),
}
OCCLUDERS: dict[str, tuple[dict[str, Any], Any]] = {
    "numato, valve shut by the released relay": (
        {"driver": "numato_relay", "address": "sim://twin/occluder", "channel": 3, "closed_when": "released"},
        {"emulator": "numato", "channel": 3, "closed_when": "released"},
    ),
    "numato, analogue contact": (
        {
            "driver": "numato_relay",
            "address": "sim://twin/occluder",
            "feedback": {"input": "adc", "pin": 1, "threshold": 700},
        },
        {"emulator": "numato", "contact": 1},
    ),
    "daq970a": (
        {"driver": "scpi_switch", "address": "TCPIP0::occluder.twin::5025::SOCKET", "visa": "@twin", "channel": 101},
        "scpi_switch",
    ),
    "34970a on rs-232": (
        {"driver": "scpi_switch", "address": "sim://twin/occluder", "channel": 220},
        {"emulator": "scpi_switch", "model": "34970A", "interface": "rs232", "channel": 220},
    ),
}


def passes(rig: str, folder: Path) -> RunResult:
    """Run the plan, and hold its time and its pressures against the truth."""
    run = run_plan(PLAN, rig, 1, folder)
    (test,) = run.tests
    assert test.verdict == "pass", test.reason
    assert test.evaluation is not None
    assert test.evaluation.doubts == []
    with RecordingReader(folder / "recording.sqlite") as recording:
        true = truths("occlusion", Course(recording.test("OCCLUSION"), read_truth(folder / "twin-truth.jsonl"), 10.0))
    measured = {each.name: each for each in test.evaluation.measurements}
    for name in ("time_to_alarm", "peak_pressure", "pressure_at_alarm"):
        found = measured[name]
        assert found.value is not None
        assert found.expanded_uncertainty is not None
        assert abs(found.value - true[name]) <= 1.5 * found.expanded_uncertainty, name
    return run


def with_instrument(role: str, instrument: dict[str, Any], emulator: Any) -> str:
    rig = yaml.safe_load(rig_text())
    figures = {
        key: value for key, value in rig["instruments"][role].items() if key in ("calibration", "actuation_delay")
    }
    rig["instruments"][role] = {**figures, **instrument}
    rig["simulation"]["emulators"][role] = emulator
    return yaml.safe_dump(rig, allow_unicode=True)


@pytest.mark.parametrize("name", PRESSURES)
def test_with_every_pressure_sensor(name: str, tmp_path: Path) -> None:
    passes(with_instrument("pressure", *PRESSURES[name]), tmp_path)


@pytest.mark.parametrize("name", OCCLUDERS)
def test_with_every_occluder(name: str, tmp_path: Path) -> None:
    passes(with_instrument("occluder", *OCCLUDERS[name]), tmp_path)


@pytest.mark.parametrize("name", ["simulated-omega", "simulated-keller"])
def test_with_the_rigs_that_are_shipped(name: str, tmp_path: Path) -> None:
    run = passes((ROOT / "fixtures" / f"{name}.yaml").read_text(encoding="utf-8"), tmp_path)
    assert run.simulated


def test_a_range_that_ends_below_the_alarm_s_pressure_is_a_bound(tmp_path: Path) -> None:
    """10 psi are 69 kPa, and the alarm comes at 100: the peak was more, and the limit is not shown to be kept."""
    rig = with_instrument("pressure", PRESSURES["px409"][0], {"emulator": "px409", "unit": "psi", "full_scale": 10.0})
    (test,) = run_plan(PLAN, rig, 1, tmp_path).tests
    assert test.verdict == "inconclusive"
    assert test.evaluation is not None
    peak = next(each for each in test.evaluation.measurements if each.name == "peak_pressure")
    assert peak.censored == "above"
    assert 60.0 < (peak.value or 0.0) < 71.0
