"""What an evaluation shows: measurements that say something, the plan's limits, the word that tells simulated data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.quantities import Limit
from bench.recording.reader import TestRecord
from bench.results.model import Measurement, Rule


def asked_for(measurements: Sequence[Measurement], record: TestRecord, context: Context) -> list[Measurement]:
    """Leave out what could not be measured, unless the plan asks for it."""
    asked = limits_of(record, context)
    return [each for each in measurements if each.value is not None or each.name in asked]


def limits_of(record: TestRecord, context: Context) -> Mapping[str, Limit]:
    """Return the plan's limits of a test, by measurement."""
    return next((test.accept for test in context.plan.tests if test.id == record.test_id), {})


def clear_error(limit: Limit | None, usual_percent: float) -> float:
    """Return from which size on a mean error is told in words: a usual one, or the plan's limit where that is less."""
    sides = (None, None) if limit is None else limit.to("%")
    return min([usual_percent, *(abs(side) for side in sides if side is not None)])


def limit_rules(limit: Limit | None, unit: str) -> list[Rule]:
    """Return the sides of a limit as lines of a figure whose y axis has this unit; none without a limit."""
    sides = (None, None) if limit is None else limit.to(unit)
    words = ("limit ≥", "limit ≤")
    return [
        Rule(y=side, label=f"{word} {number(side)} {unit}")
        for side, word in zip(sides, words, strict=True)
        if side is not None
    ]


def simulated_words(simulated: bool) -> str:
    """Return what the caption of a figure of simulated data ends with."""
    return " Simulated." if simulated else ""
