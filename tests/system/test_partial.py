"""An aborted long test shows what was recorded until then, marked as partial, and never passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.procedures import registry
from bench.reporting.html import test_html as html_of_test
from bench.results.model import RunResult, TestResult, Verdict
from bench.run.evaluate import evaluate_run
from bench.run.partial import NOT_JUDGED
from tests.system.in_process import rig_text, run_plan

TESTS = {
    "basal": "rate: 2 U/h, duration: 4 h, blank: 10 min, accept: {mean_error: ±50 %}",
    "idle": "duration: 4 h, accept: {unintended_rate: ±5 U/h}",
    "blank": 'duration: 4 h, accept: {evaporation_rate: "<= 50 mg/h"}',
    "profile": "blank: 10 min, duration: 4 h, segments: [{at: 0 min, rate: 2 U/h}], accept: {mean_error: ±50 %}",
    "wear": "blank: 10 min, duration: 24 h, segments: [{at: 0 h, rate: 2 U/h}], accept: {mean_error: ±50 %}",
    "check": "blank: 10 min, accept: {zero_return: ±5 mg}",
}
PLAN = """\
plan: TP-PART
title: A test that is not driven to its end
pump: {{insulin: U-100, basal_increment: 0.05 U}}
tests:
  - {{id: T, procedure: {procedure}, {rest}}}
"""


def aborted(procedure: str, after_s: float, folder: Path) -> RunResult:
    """Run a test whose balance falls silent."""
    silent = {"fault": "silent_instrument", "instrument": "balance", "first": f"{after_s} s"}
    return run_plan(PLAN.format(procedure=procedure, rest=TESTS[procedure]), rig_text([silent]), 1, folder)


def never_passed(test: TestResult) -> bool:
    return test.verdict is Verdict.ERROR and all(
        (each.verdict, each.reason, each.probability_of_conformity) == (Verdict.INCONCLUSIVE, NOT_JUDGED, None)
        for each in test.judged
    )


@pytest.mark.parametrize("procedure", ["basal", "idle", "blank", "profile", "wear"])
@pytest.mark.parametrize("after_s", [60.0, 610.0, 1800.0])
def test_what_was_recorded_is_shown_and_nothing_of_it_passes(procedure: str, after_s: float, tmp_path: Path) -> None:
    (test,) = aborted(procedure, after_s, tmp_path / "run").tests
    assert never_passed(test)
    assert test.judged
    assert test.reason.startswith("balance: lost while it was recorded")
    assert test.evaluation is not None, test.reason
    assert test.evaluation.partial.startswith(f"Aborted after {after_s / 60 + 0.18:.0f} min of about ")
    assert test.evaluation.doubts[0].startswith(test.evaluation.partial)


def test_the_part_is_measured_rightly_and_told_alike_from_the_recording(tmp_path: Path) -> None:
    run = aborted("basal", 3600.0, tmp_path / "run")
    (test,) = run.tests
    assert test.evaluation is not None
    total = next(each for each in test.evaluation.measurements if each.name == "total_volume")
    # 50 min at 2 U/h: 33 pulses, of which the last may be cut off.
    assert total.value == pytest.approx(1.65, rel=0.05)
    assert evaluate_run(tmp_path / "run", registry()).tests == run.tests
    html = html_of_test(test, simulated=True)
    assert "Measurements against limits (PARTIAL: of what was recorded until the abort, not judged)" in html
    assert "v-pass" not in html
    assert "v-error" in html


def test_a_short_test_is_not_evaluated_in_part(tmp_path: Path) -> None:
    (test,) = aborted("check", 610.0, tmp_path / "run").tests
    assert test.verdict is Verdict.ERROR
    assert test.evaluation is None


def test_a_part_that_cannot_be_evaluated_leaves_the_abort_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no levels")

    monkeypatch.setattr(type(registry()["basal"]), "evaluate", broken)
    run = aborted("basal", 60.0, tmp_path / "run")
    assert run.tests[0].verdict is Verdict.ERROR
    assert run.tests[0].evaluation is None
    assert run.tests[0].reason.endswith("(the part that was recorded could not be evaluated: ValueError: no levels)")
