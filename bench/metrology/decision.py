"""Verdicts: a measurement against a limit, by the plan's decision rule (JCGM 106, ILAC-G8)."""

from __future__ import annotations

from typing import Literal

from bench.metrology.rounding import is_exact, limit_text, parts_text
from bench.quantities import Concentration, Limit
from bench.results.model import Judged, Measurement, Verdict

Rule = Literal["simple", "guarded"]
Bound = float | None


def judge(measured: Measurement, limit: Limit, rule: Rule, concentration: Concentration | None = None) -> Judged:
    """Return the verdict on one measurement.

    `simple`: the value itself must keep the limit. `guarded`: the value must keep it by its expanded uncertainty
    (guard band w = U) to pass, and miss it by U to fail; between the two nothing can be said: inconclusive.
    A censored value decides only what its bound decides. A value that could not be determined is inconclusive.
    """
    lower, upper = limit.to(measured.unit, concentration)
    verdict, reason = _decide(measured, limit, (lower, upper), rule)
    return Judged(
        measurement=measured.name,
        limit=limit.text,
        unit=measured.unit,
        lower=lower,
        upper=upper,
        verdict=verdict,
        reason=reason,
    )


def _decide(measured: Measurement, limit: Limit, bounds: tuple[Bound, Bound], rule: Rule) -> tuple[Verdict, str]:
    name = measured.title or measured.name
    if measured.value is None:
        return Verdict.INCONCLUSIVE, f"{name}: {measured.note or 'could not be determined'}"
    if measured.expanded_uncertainty is None:
        return Verdict.INCONCLUSIVE, f"{name}: a value without uncertainty is not a measurement"
    guard = measured.expanded_uncertainty if rule == "guarded" else 0.0
    low, high = _interval(measured, measured.value, guard)
    shown, wanted = f"{name} {_shown(measured)}", limit_text(limit.text)
    if _outside(low, high, bounds, limit):
        return Verdict.FAIL, f"{shown} breaks the limit {wanted}"
    if _inside(low, high, bounds, limit):
        return Verdict.PASS, f"{shown} keeps the limit {wanted}"
    if measured.censored is not None:
        return Verdict.INCONCLUSIVE, f"{shown} does not decide the limit {wanted}"
    return Verdict.INCONCLUSIVE, f"{shown} may lie on either side of the limit {wanted}"


def _interval(measured: Measurement, value: float, guard: float) -> tuple[float, float]:
    """Return between which values the truth is taken to lie."""
    low = value - guard if measured.censored != "below" else -float("inf")
    high = value + guard if measured.censored != "above" else float("inf")
    return low, high


def _inside(low: float, high: float, bounds: tuple[Bound, Bound], limit: Limit) -> bool:
    lower, upper = bounds
    above = lower is None or low > lower or (low == lower and not _strict(limit))
    below = upper is None or high < upper or (high == upper and not _strict(limit))
    return above and below


def _outside(low: float, high: float, bounds: tuple[Bound, Bound], limit: Limit) -> bool:
    lower, upper = bounds
    beneath = lower is not None and (high < lower or (high == lower and _strict(limit)))
    beyond = upper is not None and (low > upper or (low == upper and _strict(limit)))
    return beneath or beyond


def _strict(limit: Limit) -> bool:
    """Whether the limit itself is not allowed: `< 3 h`, unlike `<= 3 h`."""
    text = limit.text.lstrip()
    return text.startswith(("<", ">")) and not text.startswith(("<=", ">="))


def _shown(measured: Measurement) -> str:
    value, spread = parts_text(measured)
    unit = f" {measured.unit}" if measured.unit else ""
    if is_exact(measured):
        return f"{value}{unit}"
    return f"{value}{unit} ± {spread}{unit} (k = {measured.coverage_factor:.3g})"


def resolvable(
    limit: Limit,
    expanded_uncertainty: float,
    unit: str,
    arithmetic: str = "",
    concentration: Concentration | None = None,
    natural: tuple[Bound, Bound] = (None, None),
) -> str | None:
    """Return None where a rig can resolve a limit, else why not, in words that a plan's author can act upon.

    A limit is resolved when some value keeps it by its expanded uncertainty: when the room between its bounds is at
    least 2 U. A bound that is missing is taken from `natural`, the values that are possible at all (0 % and 100 % of a
    share, where a value *on* the bound needs only U of room); where neither has one, there is room enough.

    Args:
        limit: what the plan asks for.
        expanded_uncertainty: what the rig is expected to reach (k = 2), in `unit`.
        unit: the measurement's unit.
        arithmetic: how that uncertainty comes about, in words.
        concentration: converts insulin units.
        natural: least and greatest possible value, in `unit`.

    """
    lower, upper = limit.to(unit, concentration)
    if lower is not None and upper is not None:
        room = 0.5 * (upper - lower)
    elif lower is not None and natural[1] is not None:
        room = natural[1] - lower
    elif upper is not None and natural[0] is not None:
        room = upper - natural[0]
    else:
        return None
    if expanded_uncertainty <= room:
        return None
    spaced = f" {unit}" if unit else ""
    stated = f"U = {expanded_uncertainty:.2g}{spaced}"
    because = arithmetic.rstrip(". ")
    if not because.endswith(stated):
        because = f"{because}; {stated}" if because else stated
    return (
        f"{because}; the limit {limit.text} is narrower, so no value could pass"
        f" by its own uncertainty; what would do: U of at most {room:.2g}{spaced}, by a longer test, longer blanks or"
        " a finer balance, or a wider limit"
    )
