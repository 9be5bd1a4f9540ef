"""What an evaluation shows: measurements that say something, and the word that tells simulated data."""

from __future__ import annotations

from collections.abc import Sequence

from bench.procedures.base import Context
from bench.recording.reader import TestRecord
from bench.results.model import Measurement


def asked_for(measurements: Sequence[Measurement], record: TestRecord, context: Context) -> list[Measurement]:
    """Leave out what could not be measured, unless the plan asks for it."""
    asked = {name for test in context.plan.tests if test.id == record.test_id for name in test.accept}
    return [each for each in measurements if each.value is not None or each.name in asked]


def simulated_words(simulated: bool) -> str:
    """Return what the caption of a figure of simulated data ends with."""
    return " Simulated." if simulated else ""
