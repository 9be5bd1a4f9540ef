"""What a reviewer signs: the head says what is missing, what is overdue, and which requirement is verified by what."""

from __future__ import annotations

import re

from bench.reporting.header import run_header_html
from bench.results.model import Certificate, PlannedTest, RunResult, Verdict
from tests.reporting.sample_result import sample_run
from tests.reporting.test_report_html import Reader

RUN = sample_run()


def words(run: RunResult) -> str:
    return Reader(run_header_html(run)).words


def certificate(due: str | None, *, overdue: bool) -> Certificate:
    return Certificate(
        certificate="CAL-118", due=due, overdue=overdue, expanded_uncertainty="0.03 mg", coverage_factor=2.0
    )


def passed_but(**changes: object) -> RunResult:
    passed = [test for test in RUN.tests if test.verdict is Verdict.PASS]
    return RunResult.model_validate({**RUN.model_dump(), "tests": [test.model_dump() for test in passed], **changes})


LEFT = PlannedTest(id="BASAL-LEFT", title="Left out", procedure="basal", verifies=["REQ-017", "REQ-LEFT"]).model_dump()


def test_requirements_take_the_worst_verdict_of_their_tests() -> None:
    found = words(RUN)
    basal = [test for test in RUN.tests if "REQ-017" in test.verifies]
    assert Verdict.FAIL in {test.verdict for test in basal}
    listed = ", ".join(f"{test.id} {test.verdict.value}" for test in basal)
    assert f"✕FAILREQ-017{listed}" in found


def test_part_of_a_plan_is_no_pass_and_names_what_was_left_out() -> None:
    run = passed_but(not_run=[LEFT])
    found = words(run)
    assert f"INCOMPLETE {len(run.tests)} of the plan's {len(run.tests) + 1} tests" in found
    assert "Part of the plan." in found
    assert "BASAL-LEFT Left out" in found
    assert f"Not run: 1 of the plan's {len(run.tests) + 1} tests" in found
    assert "NOT RUNREQ-LEFTBASAL-LEFT not run" in found
    assert "NOT RUNREQ-017" in found


def test_a_run_that_was_ended_says_by_what() -> None:
    found = words(passed_but(complete=False, ended_by="SIGTERM while BASAL-1U was driven", not_run=[LEFT]))
    assert "Incomplete run. It was ended by: SIGTERM while BASAL-1U was driven." in found
    assert "BASAL-LEFT Left out" in found
    assert "Part of the plan" not in found


def test_a_whole_run_has_no_such_banner() -> None:
    found = words(passed_but())
    assert "✓PASS" in found
    assert "Incomplete" not in found
    assert "INCOMPLETE" not in found


def test_certificates_stand_beside_the_instruments() -> None:
    run = RUN.model_copy(
        update={"calibrations": {"balance": certificate("2027-03-01", overdue=False), "pressure": None}}
    )
    found = words(run)
    assert "CAL-118due 2027-03-01U = 0.03 mg (k = 2)" in found
    assert "no certificate stated" in found
    assert "overdue" not in found.lower()


def test_an_overdue_calibration_is_a_warning_at_the_top() -> None:
    found = words(RUN.model_copy(update={"calibrations": {"balance": certificate("2026-01-01", overdue=True)}}))
    warning = found.index("Calibration overdue when the run began: balance (CAL-118, due 2026-01-01)")
    assert warning < found.index("Decision rule")
    assert "OVERDUE since 2026-01-01" in found


def test_what_did_not_pass_is_told_first_with_a_link_worst_first() -> None:
    text = run_header_html(RUN)
    links = re.findall(r'<a href="#(test-[^"]+)">', text)
    assert links == [
        f"test-{each}" for each in ("BASAL-0.1U", "OCC-0.1U", "OCC-BOLUS", "BASAL-2U", "BOLUS-1U", "BOLUS-10U")
    ]
    assert "No alarm came within 3 h" in text[: text.index("Decision rule")]
    assert text.index("Decision rule") < text.index("bench-basis") < text.index("Instruments")
    one = RUN.model_copy(update={"tests": [test for test in RUN.tests if test.id == "OCC-0.1U"]})
    assert "not-passed" not in run_header_html(one)


def test_limits_are_counted_and_the_seed_is_told() -> None:
    found = words(RUN)
    limits = [judged for test in RUN.tests for judged in test.judged]
    met = sum(judged.verdict is Verdict.PASS for judged in limits)
    assert f"{met} of {len(limits)} limits met" in found
    assert "SIMULATED, seed 7" in found
    assert "2026-11-22 14:03:07 UTC (simulated time)" in found


def test_there_are_lines_to_sign() -> None:
    found = words(RUN)
    assert "NameDateSignaturePreparedReviewedApproved" in found


def test_a_simulated_pump_is_named_by_its_model_with_what_that_leaves_out() -> None:
    model = {"model": "pump <of> tests", "source": ["a study"], "not_modelled": ["bubbles"], "changed": ["pulse_sd"]}
    found = words(passed_but(simulated=True, pump_model=model))
    assert "Simulated pumppump <of> tests, with other pulse_sd" in found
    assert "Its figures come from:a study" in found
    assert "It does not model:bubbles" in found
    assert "Simulated pump" not in words(passed_but(simulated=True))
