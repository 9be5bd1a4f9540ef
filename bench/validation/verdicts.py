"""How verdicts come out for pumps drawn around a limit: false accepts, false rejects, and what is left open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.metrology.decision import judge
from bench.plan.decision import Decision
from bench.procedures import registry
from bench.procedures.base import Context
from bench.quantities import Quantity
from bench.results.model import Verdict
from bench.rig.model import Rig
from bench.twin.faults.of_metering import DoseScaleError
from bench.twin.settings import PumpSettings, Simulation
from bench.validation.plans import short_plan
from bench.validation.runs import compare, drive
from bench.validation.world import Draw, draw_world

MEASUREMENT = "mean_error"
RULES = (Decision.SIMPLE, Decision.GUARDED)
REACH = 3.0
"""Pumps are drawn so many expanded uncertainties to either side of the limit: beyond, every verdict is sure."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One pump, what it really did, what was stated and how each rule judged it."""

    seed: int
    procedure: str
    truth: float
    value: float
    expanded: float
    limit: float
    verdicts: dict[str, str]
    reasons: dict[str, str]

    @property
    def good(self) -> bool:
        """Whether the pump really kept the limit."""
        return abs(self.truth) <= self.limit


@dataclass(frozen=True, slots=True)
class Rates:
    """What a rule did with good and with bad pumps."""

    rule: str
    pumps: int
    good: int
    bad: int
    false_accepts: int
    false_rejects: int
    inconclusive: int
    unexplained: int
    """Inconclusive verdicts whose reason does not name the measurement, the limit or a doubt."""


def decide(rig: Rig, procedure: str, seed: int, limit_percent: float, expanded_percent: float, folder: Path) -> Decided:
    """Drive one pump whose mean error is drawn around ±`limit_percent`, and judge it by every rule.

    Args:
        rig: with a `simulation:`.
        procedure: `basal` or `bolus`.
        seed: of pump and world.
        limit_percent: of the mean error, either way.
        expanded_percent: expanded uncertainty of such a test, which says how far around the limit pumps are drawn.
        folder: of the run.

    """
    world = pump_near_limit(draw_world(rig, seed), seed, limit_percent, expanded_percent)
    limit = f"±{limit_percent:g} %"
    plan = short_plan(procedure, world.pump, limit)
    run = drive(plan, rig, world, folder)
    (test,) = run.tests
    if test.evaluation is None or test.evaluation.partial:
        raise RuntimeError(f"{procedure}, seed {seed}: not evaluated: {test.reason}")
    truth = next(each for each in compare(run, folder, seed, world.pump.insulin.ul_per_u) if each.name == MEASUREMENT)
    measured = next(each for each in test.evaluation.measurements if each.name == MEASUREMENT)
    judged = {str(rule): judge(measured, plan.tests[0].accept[MEASUREMENT], rule) for rule in RULES}
    doubts = " ".join(test.evaluation.doubts)
    return Decided(
        seed,
        procedure,
        truth.truth,
        truth.value,
        truth.expanded,
        limit_percent,
        {rule: Verdict.INCONCLUSIVE.value if doubts else one.verdict.value for rule, one in judged.items()},
        {rule: doubts or one.reason for rule, one in judged.items()},
    )


def pump_near_limit(world: Simulation, seed: int, limit_percent: float, expanded_percent: float) -> Simulation:
    """Return a world whose pump errs by about ±`limit_percent`, drawn evenly around it."""
    draw = Draw(seed, stream=2000)
    size = limit_percent + draw.around(REACH * expanded_percent)
    error = size if draw.around(1.0) > 0.0 else -size
    zero = Quantity(0.0, "%")
    pump = world.pump.model_copy(
        update={"device_bias_sd": zero, "slow_sd": zero, "startup_excess": zero, "stiction": zero}
    )
    scale = DoseScaleError(fault="dose_scale_error", factor=1.0 + error / 100.0)
    return world.model_copy(update={"pump": pump, "faults": [*world.faults, scale]})


def planned_percent(rig: Rig, procedure: str, pump: PumpSettings) -> float:
    """Return the expanded uncertainty of the mean error that the rig file foretells for a short test."""
    plan = short_plan(procedure, pump)
    (test,) = plan.tests
    planned = registry()[procedure].planned_uncertainty(test.settings, Context(plan, rig))
    return planned[MEASUREMENT][0]


def rates(decided: Iterable[Decided], rule: str) -> Rates:
    """Count what a rule did."""
    chosen = list(decided)
    good = [each for each in chosen if each.good]
    bad = [each for each in chosen if not each.good]
    open_ = [each for each in chosen if each.verdicts[rule] == Verdict.INCONCLUSIVE.value]
    return Rates(
        rule,
        len(chosen),
        len(good),
        len(bad),
        sum(each.verdicts[rule] == Verdict.PASS.value for each in bad),
        sum(each.verdicts[rule] == Verdict.FAIL.value for each in good),
        len(open_),
        sum(not explained(each.reasons[rule]) for each in open_),
    )


def explained(reason: str) -> bool:
    """Return whether an inconclusive verdict tells what is open: a value against its limit, or a doubt."""
    return len(reason.split()) >= 5


@dataclass(frozen=True, slots=True)
class Operating:
    """Share of verdicts among pumps of about one true error, in terms of the limit."""

    ratio: float
    pumps: int
    passed: float
    failed: float
    inconclusive: float


def operating_characteristic(decided: Sequence[Decided], rule: str, bins: int = 9) -> list[Operating]:
    """Return how verdicts change with the pumps' true error, over bins of as many pumps each."""
    ordered = sorted(decided, key=lambda each: abs(each.truth) / each.limit)
    found = []
    for part in np.array_split(np.arange(len(ordered)), max(1, min(bins, len(ordered) // 5))):
        group = [ordered[int(index)] for index in part]
        if group:
            share = {
                verdict: sum(each.verdicts[rule] == verdict.value for each in group) / len(group) for verdict in Verdict
            }
            ratio = float(np.mean([abs(each.truth) / each.limit for each in group]))
            found.append(
                Operating(ratio, len(group), share[Verdict.PASS], share[Verdict.FAIL], share[Verdict.INCONCLUSIVE])
            )
    return found
