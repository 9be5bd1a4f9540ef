"""Runs as they come back from disk, made from numbers that a test knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.results.model import Evaluation, Measurement, PlannedTest, Pulse, RunResult, TestResult, Verdict

UL_PER_U = 10.0


def measurement(name: str, value: float, unit: str, spread: float = 0.5, **more: Any) -> Measurement:
    title = name.replace("_", " ")
    return Measurement(name=name, title=title, value=value, unit=unit, expanded_uncertainty=spread, **more)


def result(
    test_id: str,
    procedure: str,
    settings: dict[str, Any],
    measurements: Sequence[Measurement] = (),
    pulses: Sequence[Pulse] = (),
    doubts: Sequence[str] = (),
) -> TestResult:
    evaluation = Evaluation(measurements=list(measurements), pulses=list(pulses), doubts=list(doubts))
    return TestResult(
        id=test_id,
        title=test_id,
        procedure=procedure,
        verifies=[],
        settings=settings,
        started_s=0.0,
        ended_s=1.0,
        verdict=Verdict.PASS,
        reason="",
        judged=[],
        evaluation=evaluation,
    )


def boluses(deviations: Sequence[float], volume: str = "1 U", ul: float = 10.0, **more: Any) -> TestResult:
    """Return a bolus test whose boluses deviate from commanded by so many percent."""
    pulses = [
        Pulse(time_s=60.0 * n, volume_ul=ul * (1.0 + 0.01 * each), standard_uncertainty_ul=0.02, kind="bolus")
        for n, each in enumerate(deviations)
    ]
    mean = measurement("mean_error", sum(deviations) / max(1, len(deviations)), "%", 0.4)
    settings = {"volume": volume, "count": len(deviations), "interval": "90 s", "basal": None}
    return result(f"BOLUS-{volume}", "bolus", settings | more.pop("settings", {}), [mean], pulses, **more)


def basal(mean_error: float, after: dict[int, float], rate: str = "1 U/h", **more: Any) -> TestResult:
    measured = [measurement("mean_error", mean_error, "%")]
    measured += [measurement(f"delivered_{hours}h", value, "U", 0.01) for hours, value in after.items()]
    return result(f"BASAL-{rate}", "basal", {"rate": rate, "duration": "24 h"}, measured, **more)


def occlusion(minutes: float, rate: str = "1 U/h", alarm: bool = True) -> TestResult:
    censored = None if alarm else "above"
    measured = [
        measurement("time_to_alarm", minutes, "min", 0.1, censored=censored),
        measurement("missed_volume", minutes / 60.0, "U", 0.01, censored=censored),
    ]
    return result(f"OCCLUSION-{rate}", "occlusion", {"rate": rate, "bolus": None}, measured)


def run(*tests: TestResult, serial: str = "P1", **changes: Any) -> RunResult:
    pump = {"manufacturer": "Maker", "model": "Pump A", "serial_number": serial, "firmware": "1.0"}
    pump |= changes.pop("pump", {})
    facts: dict[str, Any] = {
        "simulated": False,
        "seed": None,
        "plan": "TP-1",
        "plan_title": "",
        "plan_file": "plan.yaml",
        "plan_sha256": "0",
        "decision": "guarded",
        "insulin": "U-100",
        "rig": "bench-3",
        "rig_file": "rig.yaml",
        "rig_sha256": "0",
        "origin_utc": "2026-05-01T08:00:00+00:00",
        "ended_s": 100.0,
        "instruments": {"pump": pump},
        "versions": {"pumpbench": "0.1.0"},
        "complete": True,
        "recording_digest": f"digest of {serial} {[test.id for test in tests]} {changes}",
        "tests": list(tests),
        "not_run": [],
    }
    return RunResult(**{**facts, **changes})


def not_run(test_id: str) -> PlannedTest:
    return PlannedTest(id=test_id, title="", procedure="basal", verifies=[])
