"""A balance that stands still: whether it is stuck, or is so coarse and quiet that nothing had to show."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.metrology.quantization import scatter_of_readings
from bench.metrology.readings import within
from bench.procedures.base import Context
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import TestRecord

FROZEN_S = 60.0
"""A balance that shows the same value for so long, and far longer than it usually does, may no longer weigh."""
_USUAL_TIMES = 30.0
_SILENT_S = 2.0
"""Over a longer time without readings nothing tells whether the value stood still."""
_LIVELY_DIGITS = 0.5
"""Readings that scatter by so much before they are rounded never stay on one digit for a minute."""
_SHOWING_DIGITS = 3.0
"""So much must show, wherever between two digits the load was and whatever noise of less than a digit does."""
_SHOWN_S = 10.0
"""Line and balance have shown what was delivered so much later."""
_UNTOLD_DOSE_S = 600.0
"""What a pulsed pump of unknown increment should deliver in so long may come at once, at either end."""
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What was commanded from one instant to another, evenly but for doses."""

    begin_s: float
    end_s: float
    volume_ul: float
    dose_ul: float

    def surely_ul(self, window: Window) -> float:
        """Return what came within a window wherever its doses fell."""
        overlap_s = min(self.end_s, window[1]) - max(self.begin_s, window[0])
        if overlap_s <= 0.0:
            return 0.0
        return max(0.0, self.volume_ul * overlap_s / (self.end_s - self.begin_s) - self.dose_ul)


def frozen_doubts(record: TestRecord, weighing: Weighing, context: Context, origin_s: float) -> list[str]:
    """Look for a value that stands still far longer than values usually do.

    On a balance whose noise moves its last digit that alone tells. On one that is coarse and quiet a value stands still
    wherever nothing comes, between two doses as well: there it tells only where more was due than could stay hidden.
    Times are told from `origin_s`.
    """
    known = np.isfinite(weighing.shown_mg)
    time_s, mass_mg = weighing.time_s[known], weighing.shown_mg[known]
    changes = np.flatnonzero((np.diff(mass_mg) != 0.0) | (np.diff(time_s) > _SILENT_S))
    if len(changes) == 0:
        return ["The balance showed one and the same value all the time: it is frozen."]
    begins = time_s[np.concatenate(([0], changes + 1))]
    ends = time_s[np.concatenate((changes, [len(mass_mg) - 1]))]
    lengths = ends - begins
    usual = float(np.median(lengths[lengths > 0.0])) if np.any(lengths > 0.0) else 0.0
    still = [
        (float(begins[i]), float(ends[i]))
        for i in np.flatnonzero((lengths > FROZEN_S) & (lengths > _USUAL_TIMES * usual))
    ]
    if not still:
        return []
    if _is_lively(time_s, mass_mg, weighing):
        return [f"The balance was frozen: {_told(still, origin_s)}."]
    deliveries, per_ul = _deliveries(record, context), 1.0 / weighing.conversion.ul_per_mg
    due_mg = {
        window: per_ul * sum(each.surely_ul((window[0], window[1] - _SHOWN_S)) for each in deliveries)
        for window in still
    }
    stuck = [window for window in still if due_mg[window] > _SHOWING_DIGITS * weighing.readability_mg]
    if not stuck:
        return []
    most_mg = max(due_mg[window] for window in stuck)
    return [
        f"The balance was frozen, or the pump gave nothing: {_told(stuck, origin_s)}, although up to {most_mg:.2g} mg"
        " were due meanwhile."
    ]


def _is_lively(time_s: Floats, mass_mg: Floats, weighing: Weighing) -> bool:
    """Return whether noise moves the last digit all the time, by what is quiet or else by the whole recording.

    Most ten seconds of a delivery have no dose in them.
    """
    quiet = [within(time_s, mass_mg, window) for window in weighing.quiet] or [(time_s, mass_mg)]
    digit_mg = weighing.readability_mg
    return scatter_of_readings(quiet, digit_mg) >= _LIVELY_DIGITS * digit_mg


def _told(still: list[Window], origin_s: float) -> str:
    begin_s, end_s = max(still, key=lambda window: window[1] - window[0])
    where = f"the longest {end_s - begin_s:.0f} s from minute {(begin_s - origin_s) / 60.0:.1f} on"
    return f"it showed one value for over {FROZEN_S:g} s, {len(still)} times ({where})"


def _deliveries(record: TestRecord, context: Context) -> list[_Delivery]:
    """Return what was commanded before the line was shut, if it was."""
    shut_s = next((event.time_s for event in record.events("occluder closed")), record.end_s)
    pump = context.plan.pump
    increment_ul = pump.basal_increment.to("µL", context.concentration) if pump.basal_increment is not None else None
    found = []
    turns = [event for event in record.events() if event.kind in ("basal commanded", "basal stopped")]
    for turn, following in itertools.zip_longest(turns, turns[1:]):
        end_s = min(following.time_s if following is not None else record.end_s, shut_s)
        if turn.kind != "basal commanded" or end_s <= turn.time_s:
            continue
        per_s = float(turn.data["rate_ul_per_h"]) / _SECONDS_PER_HOUR
        dose_ul = 0.0
        if pump.delivery == "pulsed":
            dose_ul = increment_ul if increment_ul is not None else per_s * _UNTOLD_DOSE_S
        found.append(_Delivery(turn.time_s, end_s, per_s * (end_s - turn.time_s), dose_ul))
    done_s = {int(event.data["index"]): event.time_s for event in record.events("bolus done")}
    for command in record.events("bolus commanded"):
        end_s = done_s.get(int(command.data["index"]), shut_s)
        if command.time_s < end_s <= shut_s:
            found.append(_Delivery(command.time_s, end_s, float(command.data["volume_ul"]), 0.0))
    return found
