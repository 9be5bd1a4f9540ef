"""Does a recording hold as much as its test wants? A limit that is kept for an hour says nothing of a day."""

from __future__ import annotations

from bench.quantities import Quantity
from bench.recording.reader import Event, TestRecord

SHORT_SHARE = 0.01
"""A delivery that is shorter by no more is as long as planned."""
LEAST_S = 5.0
"""Nor is one that is shorter by no more than this: commands take their time."""


def duration_doubts(record: TestRecord, wanted: Quantity) -> list[str]:
    """Return a doubt where basal was delivered for less than the test wants, beyond what its instants leave open."""
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    if not commands:
        return []
    begin, end = _span(commands[0]), _span(stops[0]) if stops else (record.end_s, record.end_s)
    delivered_s = 0.5 * (sum(end) - sum(begin))
    open_s = 0.5 * (end[1] - end[0] + begin[1] - begin[0])
    wanted_s = wanted.to("s")
    if wanted_s - delivered_s <= open_s + max(LEAST_S, SHORT_SHARE * wanted_s):
        return []
    recorded = f"{delivered_s / wanted_s * wanted.value:.3g} {wanted.unit}"
    return [
        f"The pump delivered for {recorded} of the {wanted} that the test wants: what holds for the part is not shown"
        " for the whole."
    ]


def _span(event: Event) -> tuple[float, float]:
    """Return when a command was sent and acknowledged; a stop is recorded once it is acknowledged."""
    sent_s = float(event.data.get("sent_s", event.time_s))
    return sent_s, float(event.data.get("acknowledged_s", event.time_s))
