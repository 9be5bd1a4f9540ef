"""The power procedure on the twin: pumps that stop, that go on and that forget, beside their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.recording.reader import RecordingReader
from bench.results.model import TestResult, Verdict
from bench.twin.truth import read_truth
from bench.validation.course import Course
from bench.validation.truths import truths
from drivers.pump.scpi_insulin_pump import ScpiInsulinPump
from tests.system.in_process import rig_text, run_plan

PLAN = """
plan: P
title: Power
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
conditions: {liquid: water, temperature: 23 °C ± 2 °C}
tests:
  - {id: POWER, procedure: power, rate: 6 U/h, run_in: 10 min, off_for: 5 min, blank: 5 min,
     accept: {voltage_at_alarm: 1.1 V to 1.3 V, alarm_after_return: '>= 1', forgotten_volume: <= 0 U,
              delivered_while_off: <= 0.05 U, error_after_return: ±20 %}}
"""


def run(folder: Path, *faults: dict[str, Any], **pump: Any) -> TestResult:
    (result,) = run_plan(PLAN, rig_text(faults, pump=pump), 3, folder).tests
    return result


def values(result: TestResult) -> dict[str, float]:
    assert result.evaluation is not None
    return {one.name: one.value for one in result.evaluation.measurements if one.value is not None}


def true(folder: Path) -> dict[str, float]:
    with RecordingReader(folder / "recording.sqlite") as recording:
        return dict(truths("power", Course(recording.test("POWER"), read_truth(folder / "twin-truth.jsonl"), 10.0)))


@pytest.mark.parametrize("after", ["stopped", "resumes"])
def test_what_is_measured_is_what_happened(after: str, tmp_path: Path) -> None:
    result = run(tmp_path, after_power_loss=after)
    assert result.verdict is (Verdict.PASS if after == "stopped" else Verdict.FAIL)
    assert result.evaluation is not None
    truth = true(tmp_path)
    for one in result.evaluation.measurements:
        if one.name in truth:
            assert one.value == pytest.approx(truth[one.name], abs=(one.expanded_uncertainty or 0.0) * 1.5 + 1e-9), (
                one.name
            )
    found = values(result)
    # It warns below 1.2 V, in steps of 20 mV.
    assert found["voltage_at_alarm"] == pytest.approx(1.19, abs=0.011)
    assert found["alarm_after_return"] == float(after == "stopped")
    assert found["resumed_by_itself"] == float(after == "resumes")
    assert found["forgotten_volume"] == 0.0


def test_a_pump_that_forgets_is_told_in_words(tmp_path: Path) -> None:
    result = run(tmp_path, {"fault": "battery_forgets"})
    assert result.verdict is Verdict.FAIL
    assert values(result)["forgotten_volume"] == pytest.approx(true(tmp_path)["forgotten_volume"], abs=0.051)
    assert result.evaluation is not None
    assert any("said nothing of the loss" in finding for finding in result.evaluation.findings)
    assert any("has forgotten 1.8" in finding for finding in result.evaluation.findings)


def test_a_pump_that_never_warns_is_a_bound(tmp_path: Path) -> None:
    result = run(tmp_path, low_voltage="0.95 V")
    assert result.verdict is Verdict.FAIL
    assert "voltage at the low-battery alarm < 1.0" in result.reason


def test_an_interrupted_run_gives_the_pump_its_power_back_before_it_is_stopped(tmp_path: Path) -> None:
    """It is told to stop once it hears again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.run.stage.RunStage.wait_unpowered_s", _broken)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, after_power_loss="resumes")
    with RecordingReader(tmp_path / "recording.sqlite") as recording:
        safe = [event.data for event in recording.events("safe state") if "power" in event.data]
    assert all(data["safe"] and data["power"] == "on" and data["pump"] == "stopped" for data in safe)
    assert safe


def test_a_pump_that_comes_back_has_its_watchdog_armed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It forgot that there is one: without, a bench that dies would leave it delivering."""
    armed: list[float] = []
    arm = ScpiInsulinPump.arm_watchdog

    def counted(pump: ScpiInsulinPump, timeout_s: float) -> None:
        armed.append(timeout_s)
        arm(pump, timeout_s)

    monkeypatch.setattr(ScpiInsulinPump, "arm_watchdog", counted)
    run(tmp_path, after_power_loss="resumes")
    assert armed == [60.0, 60.0]


def _broken(*_: object) -> None:
    raise KeyboardInterrupt


def test_without_a_supply_it_is_refused_by_name() -> None:
    from bench.procedures import registry
    from bench.procedures.power.settings import PowerSettings
    from bench.rig.fitness import misfits
    from bench.rig.load import load_rig

    text = rig_text()
    head, _, rest = text.partition("  power:\n")
    kept = rest.splitlines(keepends=True)
    while kept and kept[0].startswith("    "):
        kept.pop(0)
    rig = load_rig(head + "".join(kept), name="rig.yaml")
    settings = PowerSettings.model_validate({"rate": "1 U/h"})
    assert any("needs a power supply" in each for each in misfits(rig, registry()["power"].requires(settings)))
