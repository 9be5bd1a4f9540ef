"""`pumpbench score` on a few faults and pumps: what it prints and writes, its exit status, and what it goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from bench.scoring.model import Outcome, Score
from tests.system.in_process import rig_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
PLAN = """
plan: SCORED
title: Two tests that are over soon
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
tests:
  - {id: BOLUS, procedure: bolus, volume: 1 U, count: 5, blank: 5 min,
     accept: {mean_error: ±12 %, within_15_percent: ">= 80 %", reported_difference: ±12 %}}
  - {id: CANCELLED-BOLUS, procedure: bolus, volume: 1 U, count: 3, cancel_after: 50 %, blank: 5 min,
     accept: {cancelled_difference: ±12 %, after_cancel: <= 0.2 U}}
"""
BLIND = """
plan: BLIND
title: A test that looks at nothing but the scatter
pump: {insulin: U-100, basal_increment: 0.05 U, bolus_increment: 0.05 U}
tests:
  - {id: BOLUS, procedure: bolus, volume: 1 U, count: 5, blank: 5 min, accept: {reported_difference: ±90 %}}
"""


def score(tmp_path: Path, plan: str, *options: str) -> tuple[int, Score]:
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    (tmp_path / "rig.yaml").write_text(rig_text(), encoding="utf-8")
    arguments = [
        "--plans",
        str(tmp_path / "plan.yaml"),
        "--rig",
        str(tmp_path / "rig.yaml"),
        "--json",
        str(tmp_path / "score.json"),
    ]
    status = main(["score", *arguments, "--output", str(tmp_path / "kept"), "--jobs", "1", *options])
    return status, Score.model_validate_json((tmp_path / "score.json").read_text(encoding="utf-8"))


def test_two_faults_caught_and_two_healthy_pumps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = ["--faults", "bolus_not_counted", "cancel_ignored", "--healthy", "2", "--md", str(tmp_path / "score.md")]
    status, scored = score(tmp_path, PLAN, *faults)
    assert status == 0
    assert scored.perfect
    # Each test sees its own fault, and none of the other's.
    assert [[each.test for each in fault.own] for fault in scored.faults] == [["BOLUS"], ["CANCELLED-BOLUS"]]
    assert [fault.also for fault in scored.faults] == [[], []]
    assert (scored.healthy, scored.healthy_runs) == (2, 4)
    told = capsys.readouterr().out
    assert told.startswith("SIMULATED. 2 faults and 2 healthy pumps, 2 tests: 8 runs, about 1 min with 1 processes.")
    assert "2 faults: 2 caught; 0 faults of the rig falsely blamed" in told
    page = (tmp_path / "score.md").read_text(encoding="utf-8")
    assert "| `cancel_ignored` | Pump: it says that a bolus is cancelled" in page
    assert f"--plans {tmp_path / 'plan.yaml'} --faults bolus_not_counted cancel_ignored --healthy 2" in page
    # What was run once is not run again.
    kept = next((tmp_path / "kept").glob("*/score.jsonl"))
    before = kept.read_bytes()
    assert score(tmp_path, PLAN, *faults)[0] == 0
    assert kept.read_bytes() == before


def test_a_fault_slips_through_a_plan_that_cannot_see_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, scored = score(tmp_path, BLIND, "--faults", "bolus_not_counted", "--healthy", "0")
    assert status == 1
    assert scored.faults[0].outcome is Outcome.SLIPPED
    assert "slipped through: bolus_not_counted" in capsys.readouterr().out


def test_a_test_that_no_healthy_pump_passes_is_a_false_alarm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = PLAN.replace("reported_difference: ±12 %", "reported_difference: 40 % to 60 %")
    status, scored = score(tmp_path, strict, "--faults", "cancel_ignored", "--own", "--healthy", "1", "--seed", "7")
    assert status == 1
    assert [(alarm.seed, alarm.tried.test) for alarm in scored.false_alarms] == [(7, "BOLUS")]
    assert "false alarm: BOLUS (reported_difference) of healthy pump 7: fail" in capsys.readouterr().out


def test_what_cannot_be_scored_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--faults", "gremlins", "--rig", str(FIXTURES / "simulated.yaml")]) == 2
    assert "there is no fault 'gremlins'; there are" in capsys.readouterr().err
    assert main(["score", "--plans", str(tmp_path / "none.yaml"), "--rig", str(FIXTURES / "simulated.yaml")]) == 2
