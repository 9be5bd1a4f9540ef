"""What becomes of a fault, from what the tests said."""

from __future__ import annotations

import pytest

from bench.results.model import Verdict
from bench.scoring.model import FalseAlarm, FaultScore, Outcome, Score, Tried
from bench.scoring.text import findings, markdown, summary


def tried(test: str, verdict: str, *, named: bool = True, procedure: str = "basal") -> Tried:
    reason = "" if verdict == "pass" else f"{test} says why"
    return Tried(
        test=test, procedure=procedure, verdict=Verdict(verdict), not_met=["mean_error"], reason=reason, named=named
    )


def fault(
    place: str, own: list[Tried], others: list[Tried] | None = None, lacking: list[str] | None = None
) -> FaultScore:
    return FaultScore(
        fault="a_fault",
        settings="",
        place=place,
        what="it does something.",
        own=own,
        others=others or [],
        lacking=lacking or [],
    )


PASS, FAIL, OPEN = tried("OWN", "pass"), tried("OWN", "fail"), tried("OWN", "inconclusive")


@pytest.mark.parametrize(
    ("scored", "outcome", "blamed"),
    [
        (fault("Pump", [FAIL]), Outcome.CAUGHT, 0),
        (fault("Line", [OPEN]), Outcome.DOUBTED, 0),
        (fault("Pump", [tried("OWN", "fail", named=False)]), Outcome.DOUBTED, 0),
        (fault("Pump", [PASS]), Outcome.SLIPPED, 0),
        (fault("Pump", [PASS], [tried("OTHER", "fail")]), Outcome.BY_OTHERS, 0),
        (fault("Pump", [PASS], [tried("OTHER", "inconclusive")]), Outcome.DOUBTED, 0),
        (fault("Pump", [FAIL, tried("SECOND", "pass")]), Outcome.BY_OTHERS, 0),
        (fault("Pump", [FAIL], lacking=["SECOND is not in the plan set"]), Outcome.BY_OTHERS, 0),
        (fault("Pump", [], lacking=["OWN needs a power supply"]), Outcome.UNTRIED, 0),
        (fault("Balance", [OPEN]), Outcome.CAUGHT, 0),
        (fault("Wire", [tried("OWN", "error")]), Outcome.CAUGHT, 0),
        (fault("Balance", [tried("OWN", "inconclusive", named=False)]), Outcome.DOUBTED, 0),
        (fault("Balance", [FAIL]), Outcome.CAUGHT, 1),
        (fault("Vessel", [OPEN], [tried("OTHER", "fail")]), Outcome.CAUGHT, 1),
        (fault("Balance", [tried("OWN", "fail", procedure="check")]), Outcome.CAUGHT, 0),
    ],
)
def test_what_becomes_of_a_fault(scored: FaultScore, outcome: Outcome, blamed: int) -> None:
    assert scored.outcome is outcome
    assert len(scored.false_blames) == blamed


def test_a_check_that_fails_withdraws_the_blame_in_its_own_plan_alone() -> None:
    check = tried("CHECK", "fail", procedure="check").model_copy(update={"plan": "a.yaml"})
    blank = tried("BLANK", "fail", procedure="blank").model_copy(update={"plan": "b.yaml"})
    here, there = (tried("BOLUS", "fail").model_copy(update={"plan": plan}) for plan in ("a.yaml", "b.yaml"))
    scored = fault("Balance", [check], [blank, here, there])
    assert scored.withdrawn == [here]
    assert scored.false_blames == [there]
    sound = check.model_copy(update={"verdict": Verdict.PASS})
    assert fault("Balance", [OPEN], [sound, here]).false_blames == [here]
    assert fault("Pump", [FAIL], [check, here]).withdrawn == []
    page = markdown(score(fault("Balance", [check], [here])), "command")
    assert "- 1 fault of the rig where a failed check of the bench withdraws such a blame." in page
    assert "| CHECK | fail | caught; blame by BOLUS withdrawn | BOLUS |" in page


def score(*faults: FaultScore, alarms: list[FalseAlarm] | None = None, own_only: bool = False) -> Score:
    return Score(
        rig="simulated",
        plans=["p.yaml"],
        tests=["OWN"],
        left_out=[],
        seed=1,
        own_only=own_only,
        faults=list(faults),
        healthy=2,
        healthy_runs=2,
        false_alarms=alarms or [],
    )


def test_only_full_marks_are_perfect() -> None:
    alarm = FalseAlarm(seed=2, tried=OPEN)
    assert score(fault("Pump", [FAIL])).perfect
    assert not score(fault("Pump", [FAIL]), alarms=[alarm]).perfect
    assert not score(fault("Pump", [FAIL]), fault("Pump", [PASS], [tried("OTHER", "fail")])).perfect


def test_text_and_page_name_what_went_wrong() -> None:
    alarm = FalseAlarm(seed=2, tried=OPEN)
    scored = score(fault("Pump", [PASS]), fault("Balance", [FAIL]), alarms=[alarm])
    told = "\n".join(findings(scored))
    assert "slipped through: a_fault (it does something.): OWN passed" in told
    assert "falsely blamed: a_fault made OWN fail a healthy pump: OWN says why" in told
    assert "false alarm: OWN (mean_error) of healthy pump 2: inconclusive: OWN says why" in told
    assert "2 faults: 1 caught, 1 slipped through; 1 fault of the rig falsely blamed" in "\n".join(summary(scored))
    page = markdown(scored, "pumpbench score --md FILE")
    assert "Made by `pumpbench score --md FILE`" in page
    assert "| `a_fault` | Balance: it does something | OWN | fail | caught, **pump falsely blamed** | – |" in page


def test_a_page_of_own_tests_alone_claims_nothing_of_others() -> None:
    page = markdown(score(fault("Pump", [FAIL]), own_only=True), "command")
    assert "| fail | caught | not tried |" in page
