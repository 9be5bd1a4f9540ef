"""`pumpbench plan-size`: its answers, its arithmetic, its exit status, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.plan.load import load_plan
from bench.procedures import registry
from bench.procedures.base import Context
from bench.rig.load import load_rig

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "bench-3.yaml"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["plan-size", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def words(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["plan-size", *arguments]) == status
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["plan-size", *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_counting_gives_the_table_with_its_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    counting = answer(capsys, "--reliability", "95 %", "--confidence", "95 %")["counting"]
    assert [plan["count"] for plan in counting["plans"]] == [59, 93, 124, 153]
    assert counting["least_to_greatest"] == 93
    text = words(capsys, "--reliability", "99 %")
    assert "0.99^299 = 0.04954 ≤ 0.05" in text
    assert "not doses of one pump" in text


def test_measuring_needs_the_table_s_number_and_more_for_power(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--limit", "±5 %", "--sd", "2 %", "--bias", "1 %", "--reliability", "90 %"]
    (plan,) = answer(capsys, *arguments)["measuring"]["plans"]
    assert plan["by_expectation"] == 50
    assert plan["by_expectation_k"] == pytest.approx(1.9990, abs=1e-4)
    assert plan["by_expectation_probability"] == pytest.approx(0.5, abs=0.05)
    assert plan["by_power"] > 100
    assert plan["by_power_probability"] >= 0.9
    text = words(capsys, *arguments)
    assert "k = 1.9990 for 50 items, so k·SD = 3.998 % of the 4 %" in text
    assert "one dose from each pump" in text


def test_pumps_and_boluses(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--limit", "-10 % to +10 %", "--sd", "2 %", "--pump-sd", "1.5 %"]
    several = answer(capsys, *arguments)["measuring"]["plans"]
    assert [plan["boluses_each"] for plan in several] == [1, 2, 5, 10, 25, 50, 100]
    (one,) = answer(capsys, *arguments, "--boluses", "25")["measuring"]["plans"]
    assert one == several[4]
    assert "pumps, 90 % power" in words(capsys, *arguments)


def test_what_no_number_shows_is_said_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert "NO number of pumps can show this" in words(capsys, "--limit", "±5 %", "--sd", "4 %", status=1)


def test_what_was_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "--count", "93", "--failures", "1")["shown"]["confidence_reached"] > 0.95
    assert "NOT shown with 95 %" in words(capsys, "--count", "92", "--failures", "1", status=1)


@pytest.mark.parametrize(("rate", "target"), [("1 U/h", 0.2), ("0.1 U/h", 3.0)])
def test_hours_are_the_least_that_do_by_the_procedure_s_own_foretelling(
    capsys: pytest.CaptureFixture[str], rate: str, target: float
) -> None:
    asked = ["--basal", rate, "--uncertainty", f"{target} %", "--rig", str(RIG)]
    needs = {need["blank_min"]: need for need in answer(capsys, *asked)["weighing"]["needs"]}
    need = needs[240.0]
    for hours, enough in ((need["amount"], True), (need["amount"] - 1, False)):
        text = (
            "plan: P\ntitle: T\npump: {insulin: U-100}\ntests:\n- id: A\n  procedure: basal\n"
            f"  rate: {rate}\n  duration: {hours} h\n  blank: 240 min\n  accept: {{mean_error: ±90 %}}\n"
        )
        plan = load_plan(text, registry(), name="plan.yaml")
        context = Context(plan, load_rig(RIG))
        foretold, _ = registry()["basal"].planned_uncertainty(plan.tests[0].settings, context)["mean_error"]
        assert (foretold <= target) == enough
    assert "standard uncertainties" in words(capsys, *asked)


def test_boluses_and_a_rig_that_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--bolus", "0.05 U", "--rig", str(RIG)]
    needs = answer(capsys, *asked, "--uncertainty", "2 %")["weighing"]["needs"]
    assert needs[-1]["amount"] is not None
    assert needs[-1]["amount"] > 10
    assert "This rig cannot" in words(capsys, *asked, "--uncertainty", "0.0001 %", status=1)


REFUSED = {
    "no unit": (["--sd", "2", "--limit", "±5 %"], "'2' has no unit"),
    "share as a number": (["--reliability", "0.95"], "'0.95' has no unit"),
    "all of them": (["--reliability", "100 %"], "lies not between 0 % and 100 %"),
    "one side": (["--limit", "<= 5 %", "--sd", "2 %"], "has one side only"),
    "no spread": (["--limit", "±5 %"], "need each other"),
    "mean outside": (["--limit", "±5 %", "--sd", "1 %", "--bias", "7 %"], "nothing can be shown"),
    "no pump sd": (["--limit", "±5 %", "--sd", "1 %", "--boluses", "5"], "doses of one pump resemble each other"),
    "bias alone": (["--bias", "1 %"], "belong to --limit and --sd"),
    "no rig": (["--basal", "1 U/h", "--uncertainty", "1 %"], "need --uncertainty (such as '1 %') and --rig"),
    "rig alone": (["--rig", "rig.yaml"], "belong to --basal or --bolus"),
    "both": (["--basal", "1 U/h", "--uncertainty", "1 %", "--rig", "r", "--count", "3"], "leave out --limit"),
    "no rate": (["--basal", "0 U/h", "--uncertainty", "1 %", "--rig", "r"], "more than nothing"),
    "not a rate": (["--basal", "1 U", "--uncertainty", "1 %", "--rig", "r"], "is a volume where a rate is meant"),
    "failures": (["--count", "3", "--failures", "4"], "between 0 and --count"),
    "counted limit": (["--count", "3", "--limit", "±5 %", "--sd", "1 %"], "leave out --limit"),
    "count": (["--count", "0"], "no number of 1 or more"),
    "insulin": (["--insulin", "U-7"], "no insulin concentration"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, expected = REFUSED[case]
    assert expected in refusal(capsys, *arguments)


def test_a_rig_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan-size", "--basal", "1 U/h", "--uncertainty", "1 %", "--rig", "no.yaml"]) == 2
    assert "no.yaml" in capsys.readouterr().err
