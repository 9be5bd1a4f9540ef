"""Verdicts: a measurement against a limit, by the plan's decision rule (JCGM 106, ILAC-G8)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from bench.metrology.conformity import Bound, Knowledge, conformity, uncertainty_ratio
from bench.metrology.guard import guard_band, largest_uncertainty
from bench.metrology.reasons import Situation, reason
from bench.metrology.rounding import limit_text, number
from bench.plan.decision import Decision, Word, decision_of
from bench.quantities import Concentration, Limit
from bench.results.model import Judged, Measurement, Verdict

_NOTHING = "no value could pass by its own uncertainty"
_USUAL = "a longer test, longer blanks or a finer balance"
_CHANCE = "a verdict would be a matter of chance"


class _Probability(NamedTuple):
    """Between which values the probability of conformity lies: of a censored value not all is known."""

    least: float
    most: float


def judge(
    measured: Measurement, limit: Limit, rule: Decision | Word, concentration: Concentration | None = None
) -> Judged:
    """Return the verdict on one measurement, with its probability of conformity and test uncertainty ratio.

    `simple`: the value itself must keep the limit. `guarded`: the value must keep it by a guard band of r times its
    expanded uncertainty to pass, and miss it by as much to fail; between the two nothing can be said: inconclusive.
    A specific `risk` q: pass when the probability of conformity is 1 − q at least, fail when it is q at most. A global
    one: as guarded, with the guard band that keeps the risk over all pumps; against a limit with one side no such risk
    is defined, and the specific one, which bounds it, must be as small.
    A censored value decides only what its bound decides. A value that could not be determined is inconclusive.
    """
    decision = rule if isinstance(rule, Decision) else decision_of(rule)
    bounds = limit.to(measured.unit, concentration)
    case = _Case(measured, limit, bounds, decision)
    situation = case.situation()
    return Judged(
        measurement=measured.name,
        limit=limit.text,
        unit=measured.unit,
        lower=bounds[0],
        upper=bounds[1],
        verdict=situation.verdict,
        reason=reason(situation),
        rule=str(decision),
        guard_band=situation.guard,
        probability_of_conformity=situation.probability,
        test_uncertainty_ratio=situation.ratio,
    )


class _Case(NamedTuple):
    """One measurement, what is asked of it, and by which rule."""

    measured: Measurement
    limit: Limit
    bounds: tuple[Bound, Bound]
    decision: Decision

    def situation(self) -> Situation:
        """Decide, and gather what there is to say of it."""
        expanded, value = self.measured.expanded_uncertainty, self.measured.value
        if value is None or expanded is None:
            return Situation(self.measured, self.limit, self.bounds, self.decision, Verdict.INCONCLUSIVE)
        known = self._known(expanded)
        guard = guard_band(self.decision, self.bounds, expanded, known)
        chance = self._probability(value, known)
        verdict = self._verdict(value, guard, chance, exact=known.standard_uncertainty <= 0.0)
        return Situation(
            self.measured,
            self.limit,
            self.bounds,
            self.decision,
            verdict,
            guard,
            _told(chance, verdict),
            uncertainty_ratio(*self.bounds, expanded),
        )

    def _known(self, expanded: float) -> Knowledge:
        stated = self.measured.standard_uncertainty
        if stated is None or expanded <= 0.0:
            return Knowledge(expanded / self.measured.coverage_factor, self.measured.degrees_of_freedom)
        rectangles = [line.contribution for line in self.measured.budget if line.distribution == "rectangular"]
        return Knowledge(stated, self.measured.degrees_of_freedom, max(rectangles, default=0.0))

    def _verdict(self, value: float, guard: float, chance: _Probability, *, exact: bool) -> Verdict:
        if self._by_probability() and not exact:
            if chance.least >= 1.0 - self.decision.risk:
                return Verdict.PASS
            return Verdict.FAIL if chance.most <= self.decision.risk else Verdict.INCONCLUSIVE
        low, high = self._interval(value, guard)
        if self._outside(low, high):
            return Verdict.FAIL
        return Verdict.PASS if self._inside(low, high) else Verdict.INCONCLUSIVE

    def _by_probability(self) -> bool:
        two_sided = self.bounds[0] is not None and self.bounds[1] is not None
        return self.decision.rule == "risk" and (self.decision.kind == "specific" or not two_sided)

    def _probability(self, value: float, known: Knowledge) -> _Probability:
        if self.measured.censored is None:
            probability = self._within(value, known, *self.bounds)
            return _Probability(probability, probability)
        lower, upper = self.bounds
        # The truth lies beyond the bound: what it cannot reach any more, and what it has reached for good, is known.
        ahead, behind = (lower, upper) if self.measured.censored == "above" else (upper, lower)
        keeps = None if ahead is None else self._beyond(value, known, ahead)
        breaks = None if behind is None else self._beyond(value, known, behind)
        least = 0.0 if breaks is not None else 1.0 if keeps is None else keeps
        return _Probability(least, 1.0 if breaks is None else 1.0 - breaks)

    def _beyond(self, value: float, known: Knowledge, limit: float) -> float:
        """Return how probable it is that the bound itself lies at or beyond a limit, on the truth's side of it."""
        if self.measured.censored == "above":
            return self._within(value, known, limit, None)
        return self._within(value, known, None, limit)

    def _within(self, value: float, known: Knowledge, lower: Bound, upper: Bound) -> float:
        if known.standard_uncertainty > 0.0:
            return conformity(value, known, lower, upper)
        above = lower is None or value > lower or (value == lower and not self._strict())
        below = upper is None or value < upper or (value == upper and not self._strict())
        return float(above and below)

    def _interval(self, value: float, guard: float) -> tuple[float, float]:
        """Return between which values the truth is taken to lie."""
        censored = self.measured.censored
        return (
            value - guard if censored != "below" else -math.inf,
            value + guard if censored != "above" else math.inf,
        )

    def _inside(self, low: float, high: float) -> bool:
        lower, upper = self.bounds
        above = lower is None or low > lower or (low == lower and not self._strict())
        below = upper is None or high < upper or (high == upper and not self._strict())
        return above and below

    def _outside(self, low: float, high: float) -> bool:
        lower, upper = self.bounds
        beneath = lower is not None and (high < lower or (high == lower and self._strict()))
        beyond = upper is not None and (low > upper or (low == upper and self._strict()))
        return beneath or beyond

    def _strict(self) -> bool:
        """Whether the limit itself is not allowed: `< 3 h`, unlike `<= 3 h`."""
        text = self.limit.text.lstrip()
        return text.startswith(("<", ">")) and not text.startswith(("<=", ">="))


def _told(chance: _Probability, verdict: Verdict) -> float | None:
    """Return the one probability to tell: of a bound that which its verdict rests on."""
    if chance.least == chance.most:
        return chance.least
    return {Verdict.PASS: chance.least, Verdict.FAIL: chance.most}.get(verdict)


def resolvable(
    limit: Limit,
    expanded_uncertainty: float,
    unit: str,
    arithmetic: str = "",
    concentration: Concentration | None = None,
    natural: tuple[Bound, Bound] = (None, None),
    decision: Decision = Decision.GUARDED,
    remedies: Sequence[str] = (),
    *,
    perfect: Bound = None,
) -> str | None:
    """Return None where a rig can resolve a limit, else why not, in words that a plan's author can act upon.

    Args:
        limit: what the plan asks for.
        expanded_uncertainty: what the rig is expected to reach (k = 2), in `unit`; without end where the test cannot
            measure this at all, of which `arithmetic` tells the reason.
        unit: the measurement's unit.
        arithmetic: how that uncertainty comes about, in words.
        concentration: converts insulin units.
        natural: least and greatest possible value, in `unit`.
        decision: the plan's rule.
        remedies: what would do, in words, each by itself.
        perfect: the value of a pump without any error, in `unit`, for which a one-sided limit leaves room.

    """
    if math.isinf(expanded_uncertainty):
        return arithmetic
    found = room_of(limit.to(unit, concentration), natural, perfect)
    if found is None:
        return None
    room, two_sided = found
    largest = largest_uncertainty(decision, room, two_sided=two_sided)
    if expanded_uncertainty <= largest:
        return None
    spaced = f" {unit}" if unit else ""
    wider = expanded_uncertainty * room / largest if largest > 0.0 else expanded_uncertainty
    ways = [*(remedies or [_USUAL]), *_wide_enough(limit.to(unit, concentration), wider, natural, spaced)]
    return (
        f"{_stated(arithmetic, expanded_uncertainty, spaced)}; the limit {limit_text(limit.text)} is narrower,"
        f" so {_CHANCE if decision.rule == 'simple' else _NOTHING} ({decision}); what would do:"
        f" U of at most {number(largest, 2)}{spaced}, by {'; or '.join(ways)}"
    )


def _stated(arithmetic: str, expanded: float, spaced: str) -> str:
    """Return the arithmetic, the uncertainty that it comes to at its end."""
    because = arithmetic.rstrip(". ")
    told = re.search(r"= ([0-9.]+(?:e[+-]?[0-9]+)?)[^=;]*$", because)
    if told and math.isclose(float(told[1]), expanded, rel_tol=0.06):
        return because
    stated = f"U = {number(expanded, 2)}{spaced}"
    return f"{because}; {stated}" if because else stated


def _wide_enough(bounds: tuple[Bound, Bound], room: float, natural: tuple[Bound, Bound], spaced: str) -> list[str]:
    """Return the limit that would leave room enough; nothing where it would leave nothing to ask."""
    lower, upper = bounds
    if lower is not None and upper is not None:
        return [f"limits at least {number(2.0 * room, 2)}{spaced} apart"]
    least, greatest = natural
    if least is not None and greatest is not None and room >= greatest - least:
        return []
    if upper is not None:
        return [f"a limit of at least {number((least or 0.0) + room, 2)}{spaced}"]
    return [f"a limit of at most {number((greatest or 0.0) - room, 2)}{spaced}"]


def room_of(
    bounds: tuple[Bound, Bound], natural: tuple[Bound, Bound], perfect: Bound = None
) -> tuple[float, bool] | None:
    """Return how far within its limit a value can lie, and whether two limits bound it; None where without end.

    A bound that is missing is taken from `natural`, the values that are possible at all (0 % and 100 % of a share): a
    value can lie *on* such a bound. Where there is none it is the value of a `perfect` pump, if that keeps the limit:
    no limit may ask for a pump that errs to the safe side.
    """
    lower, upper = bounds
    if lower is not None and upper is not None:
        return 0.5 * (upper - lower), True
    if lower is not None and natural[1] is not None:
        return natural[1] - lower, False
    if upper is not None and natural[0] is not None:
        return upper - natural[0], False
    one = upper if upper is not None else lower
    if perfect is None or one is None or (perfect > one if one is upper else perfect < one):
        return None
    return abs(one - perfect), False
