"""From measurements to a test's verdict, and before that: can the rig resolve the plan's limits at all?"""

from __future__ import annotations

from typing import NamedTuple

from bench.metrology.decision import judge
from bench.metrology.reasons import probability_text
from bench.plan.decision import Decision
from bench.plan.model import Plan, PlanTest
from bench.procedures.base import Context, Procedure
from bench.results.model import Evaluation, Judged, Verdict
from bench.run.remedies import Asked, remedies

NOTHING_JUDGED = "no limit given: nothing is judged"
"""Reason of a verdict that nobody asked for: readings of other software are often only to be measured."""


class UnresolvableError(Exception):
    """A limit is finer than this rig can decide: the test is refused before the pump is started."""

    is_bench_refusal = True

    def __init__(self, test_id: str, rig: str, lines: list[str]) -> None:
        self.test_id = test_id
        self.lines = lines
        super().__init__("\n  ".join([f"{test_id}: rig {rig} cannot resolve what the plan asks for:", *lines]))


class TestVerdict(NamedTuple):
    """What a test came to."""

    judged: list[Judged]
    verdict: Verdict
    reason: str


def check_resolvable(test: PlanTest, procedure: Procedure, context: Context) -> None:
    """Check that the rig's foreseeable uncertainty leaves room within each of the test's limits.

    Raises:
        UnresolvableError: it does not, by whatever rule; the text has the arithmetic and what would do.

    """
    asked = Asked(test.settings, procedure, context)
    lines = []
    for name, limit in test.accept.items():
        refusal = asked.refusal(name, limit)
        if refusal is not None:
            ways = remedies(asked, name, limit)
            lines.append(f"{name}: {asked.refusal(name, limit, ways) or refusal}")
    if lines:
        raise UnresolvableError(test.id, context.rig.rig, lines)


def judge_test(test: PlanTest, evaluation: Evaluation, plan: Plan) -> TestVerdict:
    """Judge each `accept:` line of a test by the plan's decision rule, and the test by its lines.

    A doubt makes the test inconclusive whatever its numbers are; else the worst line decides: fail, then inconclusive.
    """
    measured = {measurement.name: measurement for measurement in evaluation.measurements}
    judged = [
        judge(measured[name], limit, plan.decision, plan.pump.insulin)
        if name in measured
        else _not_measured(name, limit.text)
        for name, limit in test.accept.items()
    ]
    if evaluation.doubts:
        return TestVerdict(judged, Verdict.INCONCLUSIVE, " ".join(evaluation.doubts))
    if not judged:
        return TestVerdict(judged, Verdict.INCONCLUSIVE, NOTHING_JUDGED)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        reasons = [each.reason for each in judged if each.verdict is verdict]
        if reasons:
            return TestVerdict(judged, verdict, "; ".join(reasons))
    return TestVerdict(judged, Verdict.PASS, _all_met(judged, plan.decision))


def _all_met(judged: list[Judged], decision: Decision) -> str:
    met = {1: "its limit is", 2: "both limits are"}.get(len(judged), f"all {len(judged)} limits are")
    known = [each.probability_of_conformity for each in judged if each.probability_of_conformity is not None]
    least = f"; least probability of conformity {probability_text(min(known))}" if known else ""
    return f"{met} met ({_inside(decision)}{least})"


def _inside(decision: Decision) -> str:
    if decision.rule == "simple":
        return "simple: value inside"
    if decision.rule == "guarded":
        return f"guarded: value ± {'' if decision.r == 1.0 else f'{decision.r:g} '}U inside"
    return f"{decision}: kept"


def _not_measured(name: str, limit: str) -> Judged:
    return Judged(
        measurement=name,
        limit=limit,
        unit="",
        lower=None,
        upper=None,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{name} could not be measured",
    )
