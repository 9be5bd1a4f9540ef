"""A bench that fails its check judges no pump in that run: driven on the twin, whose balance or pump is really off."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.procedures import registry
from bench.results.model import RunResult, Verdict
from bench.run.evaluate import evaluate_run
from tests.system.in_process import rig_text, run_plan

CHECK = (
    "  - {id: CHECK, procedure: check, weight: 20 g ± 0.08 mg, repeats: 3, blank: 5 min, accept: {weight_error: ±1 mg}}"
)
BOLUS = "  - {id: BOLUS, procedure: bolus, volume: 1 U, count: 5, blank: 5 min, accept: {mean_error: ±12 %}}"
DOSES = (
    "  - {id: DOSES, procedure: check, dose: 5 U ± 0.05 U, doses: 3, repeats: 3, settle: 60 s, blank: 5 min,"
    " accept: {dose_error: ±10 %}}"
)
HEAVY = {"fault": "balance_scale_error", "error": "30 %"}
STRONG_PUMP = {"fault": "dose_scale_error", "factor": 1.25}


def plan(*tests: str) -> str:
    head = "plan: P\ntitle: made\npump: {insulin: U-100}\nconditions: {liquid: water, temperature: 23 °C ± 2 °C}"
    return "\n".join([head, "tests:", *tests, ""])


def verdicts(run: RunResult) -> dict[str, Verdict]:
    return {test.id: test.verdict for test in run.tests}


@pytest.mark.parametrize("tests", [(CHECK, BOLUS), (BOLUS, CHECK)], ids=["check first", "check last"])
def test_no_pump_is_judged_by_a_balance_that_fails_its_check(tests: tuple[str, ...], tmp_path: Path) -> None:
    run = run_plan(plan(*tests), rig_text([HEAVY]), 3, tmp_path)
    assert verdicts(run) == {"CHECK": Verdict.FAIL, "BOLUS": Verdict.INCONCLUSIVE}
    (bolus,) = (test for test in run.tests if test.id == "BOLUS")
    assert bolus.reason.startswith("CHECK, a check of this bench in the same run, failed (weight_error, limit ±1 mg): ")
    assert bolus.judged[0].verdict is Verdict.FAIL  # what was measured stays
    again = evaluate_run(tmp_path, registry())
    assert again.tests == run.tests


def test_a_pump_is_judged_by_a_balance_that_passes_its_check(tmp_path: Path) -> None:
    run = run_plan(plan(CHECK, BOLUS), rig_text([STRONG_PUMP]), 3, tmp_path)
    assert verdicts(run) == {"CHECK": Verdict.PASS, "BOLUS": Verdict.FAIL}


def test_a_pump_in_place_of_a_doser_is_no_excuse_for_itself(tmp_path: Path) -> None:
    run = run_plan(plan(DOSES, BOLUS), rig_text([STRONG_PUMP]), 3, tmp_path)
    assert verdicts(run) == {"DOSES": Verdict.FAIL, "BOLUS": Verdict.FAIL}
