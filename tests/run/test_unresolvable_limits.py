"""A limit that the rig cannot resolve is refused with its arithmetic; the same limit on a finer balance is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.load import load_plan
from bench.procedures import registry
from bench.procedures.base import Context
from bench.rig.load import load_rig
from bench.run.judging import UnresolvableError, check_resolvable

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
plan: TP
title: One pulse at a time
pump: {insulin: U-100, basal_increment: 0.05 U}
tests:
  - id: PULSES
    procedure: bolus
    volume: 0.05 U
    count: 25
    accept: {ACCEPT}
"""


def check(accept: str, readability_mg: float) -> None:
    fine = "    readability: 0.01 mg\n    repeatability: 0.02 mg\n    linearity: 0.02 mg"
    rig = (ROOT / "fixtures" / "simulated.yaml").read_text(encoding="utf-8")
    assert rig.count(fine) == 1
    figures = (
        f"readability: {readability_mg} mg",
        f"repeatability: {readability_mg} mg",
        f"linearity: {readability_mg} mg",
    )
    rig = rig.replace(fine, "".join(f"    {figure}\n" for figure in figures).rstrip("\n"))
    plan = load_plan(PLAN.replace("ACCEPT", accept), registry(), name="plan.yaml")
    (test,) = plan.tests
    check_resolvable(test, registry()["bolus"], Context(plan, load_rig(rig, name="rig.yaml")))


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        ("mean_error: ±5 %", "0.499 mg.*repeatability.*the limit ±5 % is narrower.*finer balance"),
        ("largest_positive_deviation: 5 % to 10 %", "0.499 mg.*the limit 5 % to 10 % is narrower"),
        ('within_15_percent: ">= 95 %"', "no less than the band of ±15 % itself"),
    ],
)
def test_a_coarse_balance_is_told_what_it_cannot_do(accept: str, words: str) -> None:
    with pytest.raises(UnresolvableError, match=f"(?s)PULSES: rig simulated cannot resolve.*{words}"):
        check(accept, 0.1)


@pytest.mark.parametrize("accept", ["mean_error: ±5 %", 'within_15_percent: ">= 80 %"'])
def test_a_fine_balance_is_let_through(accept: str) -> None:
    check(accept, 0.001)
