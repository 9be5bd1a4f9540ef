"""Readings that are missing because the balance's link was lost: what the level tells of the time between.

The balance itself went on, and so its level tells what came meanwhile, unless somebody touched it or it started anew.
The rise over the gap is held against what was due of this very pump: so many doses, as large as it gives them before
and after. What agrees is taken for a delivery, and the budget of every volume that spans the gap has a line for what it
may hide all the same. What does not agree is a step of the balance, and no verdict is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import component
from bench.metrology.noise import Floats, Levels, Noise, Window
from bench.procedures.base import Context
from bench.procedures.shared.conversion import Conversion
from bench.procedures.shared.programme import programme
from bench.recording.reader import Event, TestRecord
from bench.results.model import Component
from bench.rig.reconnect import BACK, LOST

LEVEL_S = 10.0
"""The level on either side of a gap is a mean over so long …"""
SETTLED_S = 3.0
"""… on the far side from so long after the first reading on."""
_DUE_SHARE, _DOSE_SHARE = 0.1, 0.25
"""What came may be off by so much of what was due, and of a dose, which scatters and creeps."""
_SIGMAS = 3.0
_FEWEST_DOSES = 10.0
"""Of fewer nothing is told of how large this pump's are."""


@dataclass(frozen=True, slots=True)
class LinkGap:
    """From the last reading before a link was lost to the first after it was back; masses in mg.

    `rise_mg` is by how much the level rose over it, NaN where there is no level on one side; `came_mg` is the number of
    doses, or what comes evenly, that is nearest to it among what was due; `allowed_mg` is how far they may be apart.
    """

    begin_s: float
    end_s: float
    rise_mg: float
    due_mg: float
    came_mg: float
    allowed_mg: float

    @property
    def agrees(self) -> bool:
        """Whether the level rose by what may have come."""
        return abs(self.rise_mg - self.came_mg) <= self.allowed_mg

    @property
    def hidden_mg(self) -> float:
        """What step of the balance may hide in the gap, as ±."""
        return abs(self.rise_mg - self.came_mg) + self.allowed_mg

    @property
    def length_s(self) -> float:
        """How long nothing was read."""
        return self.end_s - self.begin_s


def link_gaps(
    record: TestRecord,
    time_s: Floats,
    mass_mg: Floats,
    loss_mg_per_s: float,
    conversion: Conversion,
    noise: Noise,
    context: Context,
) -> tuple[LinkGap, ...]:
    """Return the gaps that a lost link of the balance has left, in order.

    Args:
        record: the test.
        time_s: of the readings.
        mass_mg: the readings, evaporation not made good but for what changes of it.
        loss_mg_per_s: what evaporates steadily.
        conversion: of mass to volume.
        noise: of the balance.
        context: plan and rig.

    """
    windows = _windows(record, time_s[np.isfinite(mass_mg)])
    if not windows:
        return ()
    told = programme(record.events(), record.end_s, context.concentration.ul_per_u)
    due_mg = told.due_ul(time_s) / conversion.ul_per_mg
    course = _Course(time_s, mass_mg + loss_mg_per_s * time_s, due_mg, noise)
    increment = context.plan.pump.basal_increment if context.plan.pump.delivery == "pulsed" else None
    dose_mg = increment.to("µL", context.concentration) / conversion.ul_per_mg if increment is not None else 0.0
    factor = course.factor(windows, dose_mg)
    return tuple(course.gap(window, factor, factor * dose_mg) for window in windows)


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What the balance showed, evaporation made good, beside what was due."""

    time_s: Floats
    mass_mg: Floats
    due_mg: Floats
    noise: Noise

    def rise_and_due(self, before: Window, after: Window) -> tuple[float, float]:
        """Return by how much the level rose from one window's mean to another's, and what was due meanwhile."""
        known = np.isfinite(self.mass_mg)
        first, last = (known & (self.time_s >= begin_s) & (self.time_s <= end_s) for begin_s, end_s in (before, after))
        if not (np.any(first) and np.any(last)):
            return math.nan, math.nan
        rise_mg, due_mg = (float(np.mean(each[last]) - np.mean(each[first])) for each in (self.mass_mg, self.due_mg))
        return rise_mg, due_mg

    def factor(self, gaps: Sequence[Window], dose_mg: float) -> float:
        """Return what the pump gives of what is due, outside of the gaps; 1 where that is too little to tell."""
        edges = [-math.inf, *(edge for gap in gaps for edge in gap), math.inf]
        rises, dues = 0.0, 0.0
        for first_s, last_s in zip(edges[::2], edges[1::2], strict=True):
            inside = self.time_s[(self.time_s >= first_s) & (self.time_s <= last_s)]
            if len(inside) and inside[-1] - inside[0] > 2.0 * LEVEL_S + SETTLED_S:
                begin_s, end_s = float(inside[0]) + SETTLED_S, float(inside[-1])
                rise_mg, due_mg = self.rise_and_due((begin_s, begin_s + LEVEL_S), (end_s - LEVEL_S, end_s))
                if math.isfinite(rise_mg):
                    rises, dues = rises + rise_mg, dues + due_mg
        return rises / dues if dues > _FEWEST_DOSES * dose_mg and rises > 0.0 else 1.0

    def gap(self, window: Window, factor: float, dose_mg: float) -> LinkGap:
        """Hold the rise over a gap against what was due of this pump."""
        begin_s, end_s = window
        before, after = (begin_s - LEVEL_S, begin_s), (end_s + SETTLED_S, end_s + SETTLED_S + LEVEL_S)
        rise_mg, due_mg = self.rise_and_due(before, after)
        due_mg *= factor
        noise_mg = _SIGMAS * self.noise.difference(before, after).standard_uncertainty
        allowed_mg, came_mg = noise_mg + _DUE_SHARE * due_mg, due_mg
        if dose_mg > 0.0 and due_mg > 0.0:
            # By when the gap falls one dose more or less belongs to it.
            fewest, most = math.floor(due_mg / dose_mg) - 1, math.ceil(due_mg / dose_mg) + 1
            came_mg = dose_mg * min(max(round(rise_mg / dose_mg), max(0, fewest)), most)
            allowed_mg += _DOSE_SHARE * dose_mg
        return LinkGap(begin_s, end_s, rise_mg, due_mg, came_mg, allowed_mg)


def _windows(record: TestRecord, known_s: Floats) -> list[Window]:
    """Return from which reading to which the link was away, each time; nothing where there are no readings about it."""
    windows: list[Window] = []
    back_s = [event.time_s for event in record.events(BACK) if event.data["instrument"] == "balance"]
    for event in record.events(LOST):
        if event.data["instrument"] != "balance":
            continue
        until_s = next((time_s for time_s in back_s if time_s >= event.time_s), math.inf)
        before, after = known_s[known_s <= event.time_s], known_s[known_s >= until_s]
        if len(before) and len(after):
            windows.append((float(before[-1]), float(after[0])))
    return windows


def gap_lines(gaps: Sequence[LinkGap], levels: Levels, per_mg: float) -> list[Component]:
    """Return the budget line of what gaps may hide in a weighted sum of levels; none where it spans no gap."""
    hidden = [
        each.hidden_mg * abs(levels.sum_of(lambda at_s, gap=each: np.where(at_s > gap.begin_s, 1.0, 0.0)))  # type: ignore[misc]
        for each in gaps
        if math.isfinite(each.hidden_mg)
    ]
    spread_mg = math.hypot(*hidden) / math.sqrt(3.0)
    if spread_mg <= 0.0:
        return []
    seconds = sum(each.length_s for each in gaps)
    source = f"rise against what was due, over {seconds:.3g} s without readings"
    return [component("step that the lost link may hide", spread_mg, "mg", per_mg, source=source)]


def other_links(record: TestRecord) -> list[str]:
    """Return notes about links that were lost, but for the balance's, whose gaps are looked into."""
    notes = []
    for event in record.events(LOST):
        role = str(event.data["instrument"])
        if role == "balance":
            continue
        back = next((each for each in record.events(BACK) if _answers(each, event)), None)
        when = f"from minute {(event.time_s - record.start_s) / 60.0:.1f} on"
        lasted = f"for {back.time_s - event.time_s:.1f} s {when}" if back is not None else f"{when}, for good"
        notes.append(f"The link to the {role} was lost {lasted}; nothing of that time is interpolated.")
    return notes


def _answers(back: Event, lost: Event) -> bool:
    return back.data["instrument"] == lost.data["instrument"] and back.time_s >= lost.time_s


def gap_findings(gaps: Sequence[LinkGap], origin_s: float) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about gaps; minutes count from `origin_s`."""
    notes, doubts = [], []
    for each in gaps:
        begun = f"from minute {(each.begin_s - origin_s) / 60.0:.1f} on"
        when = f"The balance's link was lost for {each.length_s:.1f} s {begun}"
        if math.isnan(each.rise_mg):
            doubts.append(f"{when}, with no level on one side of that: what came meanwhile cannot be told.")
            continue
        rose = f"its level rose by {each.rise_mg:.2f} mg meanwhile, where {each.due_mg:.2f} mg were due"
        if each.agrees:
            notes.append(
                f"{when}; {rose}. Volumes over that time have {each.hidden_mg:.2g} mg in their budgets for what it may"
                " hide; nothing is interpolated."
            )
        else:
            doubts.append(f"{when}, and {rose}: that is no delivery. It was touched, or started anew without its tare.")
    return notes, doubts
