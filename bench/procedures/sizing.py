"""How long, or how often, a rig must weigh so that its own uncertainty is small enough: from planned uncertainties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.plan.decision import Decision
from bench.plan.model import Conditions, Plan, PumpSpec
from bench.procedures.base import Context, Procedure
from bench.quantities import Concentration, Quantity
from bench.rig.model import Rig

LONGEST_H = 240
MOST_BOLUSES = 1000
BLANKS_MIN = (30.0, 60.0, 120.0, 240.0, 480.0)
"""Lengths of blank that are tried: what evaporation costs is known the better the longer they are."""
MEASUREMENT = "mean_error"


@dataclass(frozen=True, slots=True)
class Need:
    """What a rig needs with blanks of some length; `amount` (hours or boluses) is None where nothing is enough.

    Then `uncertainty_percent` is the least that comes about, and `words` the arithmetic behind it.
    """

    blank_min: float
    amount: int | None
    uncertainty_percent: float
    words: str


def basal_hours(
    rate: Quantity, target_percent: float, rig: Rig, insulin: Concentration, procedures: Mapping[str, Procedure]
) -> list[Need]:
    """Return how many whole hours of a basal rate bring the mean error's U (k = 2) to `target_percent`, by blank.

    Raises:
        ValueError: a setting that the procedure refuses.

    """
    return _needs(
        procedures["basal"],
        lambda hours, blank: {"rate": rate, "duration": Quantity(float(hours), "h"), "blank": blank},
        range(1, LONGEST_H + 1),
        target_percent,
        Context(_plan(insulin), rig),
    )


def bolus_count(
    volume: Quantity, target_percent: float, rig: Rig, insulin: Concentration, procedures: Mapping[str, Procedure]
) -> list[Need]:
    """Return how many boluses bring the mean error's U (k = 2) to `target_percent`, by length of blank.

    Raises:
        ValueError: a setting that the procedure refuses.

    """
    return _needs(
        procedures["bolus"],
        lambda count, blank: {"volume": volume, "count": count, "blank": blank},
        range(1, MOST_BOLUSES + 1),
        target_percent,
        Context(_plan(insulin), rig),
    )


def _needs(
    procedure: Procedure,
    settings: Callable[[int, Quantity], dict[str, Any]],
    amounts: Iterable[int],
    target_percent: float,
    context: Context,
) -> list[Need]:
    found = []
    for blank_min in BLANKS_MIN:
        best = Need(blank_min, None, float("inf"), "")
        for amount in amounts:
            made = procedure.Settings(**settings(amount, Quantity(blank_min, "min")))
            percent, words = procedure.planned_uncertainty(made, context)[MEASUREMENT]
            if percent <= target_percent:
                best = Need(blank_min, amount, percent, words)
                break
            if percent < best.uncertainty_percent:
                best = Need(blank_min, None, percent, words)
        found.append(best)
    return found


def _plan(insulin: Concentration) -> Plan:
    """Return a plan that says nothing but the concentration."""
    return Plan(
        plan="plan-size",
        title="",
        pump=PumpSpec(insulin=insulin),
        conditions=Conditions(),
        decision=Decision.GUARDED,
        tests=(),
        text="",
        file="",
    )
