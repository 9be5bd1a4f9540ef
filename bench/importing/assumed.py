"""When a basal rate began and stopped, where nobody says: as the readings show it, or else the file's own ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.importing.errors import ImportedFileError
from bench.importing.table import Table
from bench.metrology.delivery_span import DeliverySpan, delivery_span
from bench.recording.reader import Event

LEVEL_S = 10.0
"""A file that is all delivery has its first and last level within so long of its ends."""
COMMANDED, STOPPED = "basal commanded", "basal stopped"
_TELL = "an event column (`basal commanded`, `basal stopped`), or --start and --stop, tell it exactly"


def assumed_basal(table: Table, kinds: set[str]) -> list[Event]:
    """Return the begin and the end of a delivery that no event tells, with a note of how they were taken.

    Raises:
        ImportedFileError: the file is too short for a delivery.

    """
    level_s = max(LEVEL_S, 3.0 * sample_interval_s(table))
    if table.end_s - table.start_s < 4.0 * level_s:
        raise ImportedFileError(
            table.path,
            f"is {table.end_s - table.start_s:.3g} s long, too short for a delivery",
            "Is the unit of time right (--unit time=min)?",
        )
    missing = {COMMANDED, STOPPED} - kinds
    if {"basal ended early", "alarm seen"} & kinds:
        missing.discard(STOPPED)
    if not missing:
        return []
    span = delivery_span(table.mass.time_s, 1000.0 * table.mass.value)
    seen = {COMMANDED: span.begin_s, STOPPED: span.end_s}
    ends = {COMMANDED: table.start_s + level_s, STOPPED: table.end_s - level_s}
    found = [
        _assumed(kind, ends[kind], level_s) if at_s is None else _assumed(kind, at_s, span.half_s, seen=True)
        for kind, at_s in seen.items()
        if kind in missing
    ]
    _note(table, missing, {kind for kind in missing if seen[kind] is not None}, span, level_s)
    return found


def _note(table: Table, missing: set[str], seen: set[str], span: DeliverySpan, level_s: float) -> None:
    words = {COMMANDED: ("when delivery began", "begin"), STOPPED: ("when delivery stopped", "end")}
    both = len(missing) == 2
    told = f"Nothing says {'when delivery began and stopped' if both else words[next(iter(missing))][0]}: "
    by_file = missing - seen
    if both and not seen:
        told += "the whole file is taken as delivery"
    else:
        parts = [_by_readings(table, seen, span)] if seen else []
        parts += [f"the file's own {words[kind][1]} is taken" for kind in sorted(by_file)]
        told += "; ".join(parts)
    if by_file:
        told += f", to within {level_s:.3g} s or a pulse at each end"
    table.notes.append(f"{told}, which widens U; {_TELL}.")


def _by_readings(table: Table, seen: set[str], span: DeliverySpan) -> str:
    """Return how the readings show begin, end or both, and what that is taken for."""
    both = len(seen) == 2
    if span.pulses:
        first, last = (_minute(table, each) for each in (span.first_s, span.last_s))
        taken = {
            COMMANDED: "from half an interval before the first pulse",
            STOPPED: "to half an interval after the last",
        }
        means = f" ({span.intervals} intervals for {span.pulses} pulses)" if both else ""
        return (
            f"the readings show pulses every {span.interval_s:.4g} s from {first} to {last}, and the delivery is taken"
            f" {' '.join(taken[kind] for kind in (COMMANDED, STOPPED) if kind in seen)}{means}, to within half an"
            " interval"
        )
    taken = {
        COMMANDED: f"begins at {_minute(table, span.begin_s or 0.0)}",
        STOPPED: f"ends at {_minute(table, span.end_s or 0.0)}",
    }
    shown = " and ".join(taken[kind] for kind in (COMMANDED, STOPPED) if kind in seen)
    return f"as the readings show, it {shown}, to within {span.half_s:.3g} s (a flow that sets in late is not seen)"


def _minute(table: Table, time_s: float) -> str:
    return f"minute {(time_s - table.start_s) / 60.0:.1f}"


def _assumed(kind: str, time_s: float, half_s: float, *, seen: bool = False) -> Event:
    """Return a command of which only is known that it was acknowledged within ± `half_s` of an instant."""
    data = {"sent_s": time_s - half_s, "acknowledged_s": time_s + half_s, "assumed": True}
    # A stop is recorded once it is acknowledged, and evaluation takes it as between sending and that.
    at_s = time_s + half_s if kind == STOPPED else time_s
    return Event(at_s, kind, {**data, "seen": True} if seen else data)


def middle_s(event: Event) -> float:
    """Return the instant of a command: half-way between sending and acknowledging."""
    return 0.5 * (float(event.data["sent_s"]) + float(event.data["acknowledged_s"]))


def widened(events: Sequence[Event], pulse_interval_s: float) -> list[Event]:
    """Return events in which assumed instants of a pulsed pump are open by half an interval of its pulses."""
    found = []
    for event in events:
        data = event.data
        if data.get("assumed") and "sent_s" in data:
            half_s = max(0.5 * pulse_interval_s, 0.5 * (data["acknowledged_s"] - data["sent_s"]))
            found.append(_assumed(event.kind, middle_s(event), half_s))
            found[-1].data.update({key: value for key, value in data.items() if key not in found[-1].data})
        else:
            found.append(event)
    return found


def sample_interval_s(table: Table) -> float:
    """Return the usual time between two readings of the mass."""
    return float(np.median(np.diff(table.mass.time_s)))
