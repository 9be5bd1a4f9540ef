"""Hours of basal in the middle of which the balance was unplugged for a minute: the verdict is what it is without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.results.model import Measurement, TestResult, Verdict
from tests.system.in_process import rig_text, run_plan

PLAN = """\
plan: TP-LONG
title: Hours of basal
pump: {insulin: U-100, basal_increment: 0.05 U}
tests: [{id: BASAL, procedure: basal, rate: 2 U/h, duration: 2 h, blank: 10 min, accept: {mean_error: ±8 %}}]
"""
UNPLUGGED = {"fault": "unplugged", "instrument": "balance", "first": "60 min", "lasting": "1 min"}
TOO_MUCH = {"fault": "dose_scale_error", "factor": 1.12}


def run(folder: Path, *faults: dict[str, Any]) -> TestResult:
    [result] = run_plan(PLAN, rig_text(faults), 3, folder).tests
    return result


def of(result: TestResult, name: str) -> Measurement:
    assert result.evaluation is not None
    return next(one for one in result.evaluation.measurements if one.name == name)


@pytest.mark.parametrize(("faults", "verdict"), [([], Verdict.PASS), ([TOO_MUCH], Verdict.FAIL)])
def test_a_minute_without_a_balance_changes_no_verdict(
    tmp_path: Path, faults: list[dict[str, Any]], verdict: Verdict
) -> None:
    whole, broken = run(tmp_path / "whole", *faults), run(tmp_path / "broken", *faults, UNPLUGGED)
    assert (whole.verdict, broken.verdict) == (verdict, verdict), broken.reason
    for name in ("mean_error", "total_volume"):
        first, second = of(whole, name), of(broken, name)
        assert second.value == pytest.approx(first.value, abs=1e-3)
        assert first.expanded_uncertainty is not None
        assert second.expanded_uncertainty is not None
        assert 1.01 < second.expanded_uncertainty / first.expanded_uncertainty < 3.0
    assert of(broken, "missed_pulses").value == of(whole, "missed_pulses").value == 0.0
    notes = [
        [note for note in each.evaluation.notes if "link was lost" in note]
        for each in (whole, broken)
        if each.evaluation
    ]
    assert [len(each) for each in notes] == [0, 1]
    assert "for 6" in notes[1][0]
