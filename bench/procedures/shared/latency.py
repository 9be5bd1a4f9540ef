"""How late a reading may be stamped: by what its instrument's link took to answer when the run began."""

from __future__ import annotations

from bench.metrology.budget import bounded
from bench.recording.reader import TestRecord
from bench.results.model import Component

LATENCY = "link latency"
"""The event of the run that tells how long an instrument took to answer."""


def link_latency_s(record: TestRecord, role: str) -> float:
    """Return the longest that an instrument took to answer when the run began; 0 where that was not measured."""
    # In a test that was exported to a table the events of the run are among the test's own.
    events = [*record.run_events(LATENCY), *record.events(LATENCY)]
    told = [event.data for event in events if event.data["instrument"] == role]
    return float(told[-1]["greatest_s"]) if told else 0.0


def latency_lines(late_s: float, per_s: float, role: str = "balance") -> list[Component]:
    """Return the budget line of readings that came late by up to `late_s`, for what changes by `per_s` a second.

    The lateness is not made good: it lies between nothing and `late_s`. There is no line where it is not known.
    """
    if late_s <= 0.0:
        return []
    source = f"question to answer at the run's start: {1e3 * late_s:.2g} ms at most"
    return [bounded(f"latency of the {role}'s link", late_s, "s", per_s, source=source)]
