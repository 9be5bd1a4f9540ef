"""Why a measurement passes, fails, or does neither: one sentence or two, for those who must act upon it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.metrology.conformity import Bound
from bench.metrology.guard import half_room, largest_uncertainty
from bench.metrology.rounding import is_exact, limit_text, number, parts_text
from bench.plan.decision import Decision
from bench.quantities import Limit
from bench.results.model import Measurement, Verdict

_LARGE_SHARE = 25.0
"""A component with less of the variance is not worth naming alone."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A measurement, its limit in the measurement's unit, the rule, and what that came to."""

    measured: Measurement
    limit: Limit
    bounds: tuple[Bound, Bound]
    decision: Decision
    verdict: Verdict
    guard: float | None = None
    probability: float | None = None
    ratio: float | None = None


def reason(situation: Situation) -> str:
    """Return why a measurement has its verdict, with value, uncertainty and limit."""
    measured, wanted = situation.measured, limit_text(situation.limit.text)
    name = measured.title or measured.name
    if measured.value is None:
        return f"{name}: {measured.note or 'could not be determined'}"
    if measured.expanded_uncertainty is None:
        return f"{name}: a value without uncertainty is not a measurement"
    shown = f"{name} {_shown(measured)}"
    if situation.verdict is Verdict.PASS:
        return f"{shown} keeps the limit {wanted}{_chance(situation)}"
    if situation.verdict is Verdict.FAIL:
        return f"{shown} breaks the limit {wanted}{_chance(situation)}"
    if measured.censored is not None:
        return f"{shown} does not decide the limit {wanted}"
    return f"{shown} may lie on either side of the limit {wanted}: {_why(situation, measured.value)}"


def probability_text(probability: float) -> str:
    """Return a probability as text that never says certain: `97.7 %`, `> 99.99 %`, `< 0.01 %`."""
    percent = 100.0 * probability
    if percent > 99.99:
        return "> 99.99 %"
    if percent < 0.01:
        return "< 0.01 %"
    digits = 2 if percent > 99.0 or percent < 1.0 else 1
    return f"{percent:.{digits}f} %"


def _shown(measured: Measurement) -> str:
    value, spread = parts_text(measured)
    unit = f" {measured.unit}" if measured.unit else ""
    if is_exact(measured):
        return f"{value}{unit}"
    return f"{value}{unit} ± {spread}{unit} (k = {measured.coverage_factor:.3g})"


def _chance(situation: Situation) -> str:
    if situation.probability is None or is_exact(situation.measured):
        return ""
    return f" (probability of conformity {probability_text(situation.probability)})"


def _why(situation: Situation, value: float) -> str:
    """Return how far a value is from being decided, and what would decide it."""
    unit = f" {situation.measured.unit}" if situation.measured.unit else ""
    distance, inside = _distance(value, situation.bounds)
    guard, expanded = situation.guard or 0.0, situation.measured.expanded_uncertainty or 0.0
    side = "inside" if inside else "beyond"
    if distance > 0.0:
        where = f"it lies {number(distance, 2)}{unit} {side} it, nearer than the guard band of {number(guard, 2)}{unit}"
    else:
        where = f"it lies on it, and the guard band is {number(guard, 2)}{unit}"
    told = [f"{where} ({_rule(situation.decision)})"]
    if situation.probability is not None:
        told.append(f"probability of conformity {probability_text(situation.probability)}")
    enough = _enough(distance, guard, expanded)
    if enough is None:
        told.append("no uncertainty would decide it")
    else:
        would = "pass" if inside else "fail"
        told.append(f"it would {would} with U of at most {number(enough, 2)}{unit} instead of {number(expanded, 2)}")
    room = half_room(situation.bounds)
    if room is not None and expanded > largest_uncertainty(situation.decision, room, two_sided=True):
        told.append(f"with this U no value could pass: half the room is {number(room, 2)}{unit}")
    return "; ".join([*told, *_largest(situation.measured)])


def _distance(value: float, bounds: tuple[Bound, Bound]) -> tuple[float, bool]:
    """Return how far a value lies from the nearest limit, and whether it keeps all of them."""
    lower, upper = bounds
    gaps = [gap for gap in (_minus(value, lower), _minus(upper, value)) if gap is not None]
    nearest = min(gaps)
    return abs(nearest), nearest >= 0.0


def _minus(first: Bound, second: Bound) -> float | None:
    return None if first is None or second is None else first - second


def _enough(distance: float, guard: float, expanded: float) -> float | None:
    """Return the expanded uncertainty with which this very value would be decided; None on the limit itself.

    A guard band that follows another law than U itself (a global risk) shrinks faster: this errs on the safe side.
    """
    return expanded * min(1.0, distance / guard) if distance > 0.0 and guard > 0.0 else None


def _rule(decision: Decision) -> str:
    if decision.rule == "guarded":
        return "w = U" if decision.r == 1.0 else f"w = {decision.r:g} U"
    return str(decision)


def _largest(measured: Measurement) -> list[str]:
    """Name the line that most of U comes from."""
    known = [line for line in measured.budget if line.share is not None]
    if not known:
        return []
    largest = max(known, key=lambda line: line.share or 0.0)
    if (largest.share or 0.0) < _LARGE_SHARE or not math.isfinite(largest.contribution):
        return []
    return [f"most of U is: {largest.name} ({largest.share:.0f} % of the variance)"]
