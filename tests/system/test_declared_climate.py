"""Air that the rig file declares is marked as not measured, and leaves more open than air that a sensor read."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.results.model import TestResult, Verdict
from tests.system.in_process import rig_text, run_plan, said, smoke_text


def of_warmth(test: TestResult) -> float:
    assert test.evaluation is not None
    mean = next(each for each in test.evaluation.measurements if each.name == "mean_error")
    return next(line.contribution for line in mean.budget if line.name == "temperature of the air")


def test_a_declared_climate_is_marked_and_widens_the_budget(tmp_path: Path) -> None:
    rig = yaml.safe_load(rig_text())
    rig["instruments"]["climate"] = {
        "driver": "fixed_climate",
        "temperature": "23 °C",
        "pressure": "1013.25 hPa",
        "humidity": "50 %",
    }
    (measured,) = run_plan(smoke_text(), rig_text(), 1, tmp_path / "measured", ["BOLUS-1U"]).tests
    declared_rig = yaml.safe_dump(rig, allow_unicode=True)
    (declared,) = run_plan(smoke_text(), declared_rig, 1, tmp_path / "declared", ["BOLUS-1U"]).tests
    assert declared.verdict is Verdict.PASS
    assert "declared in the rig file, not measured" in said(declared)
    assert "declared in the rig file" not in said(measured)
    assert of_warmth(declared) > 2.0 * of_warmth(measured)
