"""Commands that a person carried out, and alarms that were noticed from outside: instants between two others.

Such an instant is taken for as likely at one moment as at another between the two: the middle, ± half of what lies
between them, rectangular. A command that a pump takes itself is known to milliseconds and has no such line.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from bench.metrology.budget import bounded
from bench.procedures.shared.programme import Programme
from bench.procedures.shared.span import span_of
from bench.recording.reader import Event, TestRecord
from bench.results.model import Component

SOURCE = "between the prompt and its confirmation"


def open_half_s(event: Event) -> float:
    """Return how far from the middle of its instants a command may have been carried out by hand; 0 of a pump's own."""
    return span_of(event).half_width_s if "by_hand" in event.data else 0.0


def began_s(event: Event) -> float:
    """Return when a command counts as taken: the middle of its instants by hand, else when it was sent."""
    return span_of(event).middle_s if "by_hand" in event.data else span_of(event).sent_s


def hand_lines(half_s: float, per_s: float, what: str = "when the operator started the pump") -> list[Component]:
    """Return the budget line of an instant that is open by ± `half_s`, for what changes by `per_s` a second."""
    return [bounded(what, half_s, "s", per_s, source=SOURCE)] if half_s > 0.0 else []


def moved_ul(events: Iterable[Event], told: Programme) -> float:
    """Return the standard uncertainty of what was due in all: each change of the rate by hand moves it, for itself."""
    found = []
    for event in events:
        half_s = open_half_s(event)
        if half_s > 0.0:
            at_s = span_of(event).middle_s
            step_ul_per_h = told.rate_ul_per_h(at_s + 0.5) - told.rate_ul_per_h(at_s - 0.5)
            found.append(half_s / math.sqrt(3.0) * step_ul_per_h / 3600.0)
    return math.hypot(*found)


def hand_notes(record: TestRecord) -> list[str]:
    """Return what has to be said of instants that a person confirmed, or that were noticed from outside."""
    notes = []
    commands = [event for event in record.events() if "by_hand" in event.data]
    if commands:
        notes.append(
            f"An operator carried out {_number(commands, 'command')} at the pump's keys"
            f" ({commands[0].data['by_hand']}): {_apart([2.0 * span_of(each).half_width_s for each in commands])}."
        )
    alarms = [event for event in record.events("alarm seen") if "earliest_s" in event.data]
    for rule in dict.fromkeys(str(each.data["rule"]) for each in alarms):
        mine = [each for each in alarms if each.data["rule"] == rule]
        open_s = [float(each.data["time_s"]) - float(each.data["earliest_s"]) for each in mine]
        notes.append(f"{_number(mine, 'alarm').capitalize()} noticed from outside ({rule}): {_apart(open_s)}.")
    by_label = sum("by_label" in event.data for event in record.events("bolus done"))
    if by_label:
        notes.append("When a bolus was done is known from the pump's label alone; what the pump reports is not known.")
    return notes


def _number(events: list[Event], what: str) -> str:
    return f"one {what}" if len(events) == 1 else f"{len(events)} {what}s"


def _apart(open_s: list[float]) -> str:
    u_s = max(open_s) / math.sqrt(12.0)
    spread = f"within {open_s[0]:.2g} s"
    if len(open_s) > 1:
        spread = f"each within {statistics.median(open_s):.2g} s (median; the widest {max(open_s):.2g} s)"
    return f"instants are known {spread}, rectangular: standard uncertainty {u_s:.2g} s at the most"
