"""What went wrong with the boluses, each in a sentence with its likely cause."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.budget import expanded
from bench.metrology.rounding import number
from bench.procedures.bolus.course import ARRIVED_SHARE, LAG_S
from bench.procedures.bolus.courses import Course
from bench.procedures.bolus.row import BolusRow
from bench.procedures.bolus.weighing import WeighedBolus

MISSING_SHARE = 0.5
"""A bolus of which less came was not delivered; one of which the pump reports less of what came was not counted."""
ALIKE_PERCENT = 8.0
"""Boluses that are all off by so much, and the same way, are told."""
CUT_SHARE, CUT_S = 0.06, 3.0
"""So much earlier than the pump says, of the whole time and at least, a bolus that was cut short is over."""
COURSE_PERCENT = 10.0
_MOST_NAMED = 6


def row_findings(row: BolusRow, clear_percent: float, *, at_once: bool) -> list[str]:
    """Return what is wrong with boluses of one size.

    Args:
        row: the boluses.
        clear_percent: from which size on an error that all have is told.
        at_once: whether they were to come without a pause.

    """
    came = [100.0 + deviation for deviation in row.deviations]
    missing = [(one, share) for one, share in zip(row.weighed, came, strict=True) if share < 100.0 * MISSING_SHARE]
    there = [(one, share) for one, share in zip(row.weighed, came, strict=True) if share >= 100.0 * MISSING_SHARE]
    uncounted = [
        (one, share)
        for one, share in there
        if 100.0 * one.bolus.reported_ul / row.commanded_ul < MISSING_SHARE * share  # false where nobody asked
    ]
    return [*_missing(missing, row), *_uncounted(uncounted, row), *_alike(there, row, clear_percent, at_once=at_once)]


def _missing(missing: Sequence[tuple[WeighedBolus, float]], row: BolusRow) -> list[str]:
    if not missing:
        return []
    mean_u = float(np.mean([share for _, share in missing])) * row.u_per_percent
    told = (
        f"{_named([one for one, _ in missing], row)} not delivered: {number(mean_u, 2)} U of"
        f" {100.0 * row.u_per_percent:g} U came"
    )
    reported_u = float(np.mean([one.bolus.reported_ul for one, _ in missing])) / row.ul_per_u
    if math.isnan(reported_u):
        return [f"{told}."]
    if reported_u > 100.0 * MISSING_SHARE * row.u_per_percent:
        return [f"{told}, and the pump reports {number(reported_u, 3)} U as delivered."]
    return [f"{told}; the pump itself reports no more than {number(reported_u, 3)} U."]


def _uncounted(uncounted: Sequence[tuple[WeighedBolus, float]], row: BolusRow) -> list[str]:
    if not uncounted:
        return []
    came_u = float(np.mean([share for _, share in uncounted])) * row.u_per_percent
    reported_u = float(np.mean([one.bolus.reported_ul for one, _ in uncounted])) / row.ul_per_u
    return [
        f"{_named([one for one, _ in uncounted], row)} delivered and not counted: {number(came_u, 3)} U came, and the"
        f" pump reports {number(reported_u, 3)} U."
    ]


def _named(boluses: Sequence[WeighedBolus], row: BolusRow) -> str:
    indices = [str(one.bolus.index) for one in boluses[:_MOST_NAMED]]
    more = "" if len(boluses) <= _MOST_NAMED else f" and {len(boluses) - _MOST_NAMED} more"
    if len(boluses) == 1:
        return f"Bolus {indices[0]} of {len(row.weighed)} was"
    return f"Boluses {', '.join(indices)}{more} of {len(row.weighed)} were"


def _alike(
    there: Sequence[tuple[WeighedBolus, float]], row: BolusRow, clear_percent: float, *, at_once: bool
) -> list[str]:
    """Tell of boluses that are all off by much, and the same way."""
    off = np.array([share - 100.0 for _, share in there])
    u = expanded(row.budget_of_mean())[0]
    if not len(off) or abs(off.mean()) <= max(clear_percent, u) or not np.all(off * off.mean() > 0.0):
        return []
    mean_u = (100.0 + float(off.mean())) * row.u_per_percent
    which = "Every bolus" if len(there) == len(row.weighed) else "Every other bolus"
    way = "too little" if off.mean() < 0.0 else "too much"
    told = (
        f"{which} gave {way}: {number(mean_u, 3)} U of {100.0 * row.u_per_percent:g} U"
        f" ({number(float(off.mean()), 2, signed=True)} %)"
    )
    reported_u = float(np.mean([one.bolus.reported_ul for one, _ in there])) / row.ul_per_u
    if math.isfinite(reported_u):
        told += f", and the pump reports {number(reported_u, 3)} U"
    cut = _cut([one for one, _ in there]) if at_once and off.mean() < 0.0 else ""
    return [f"{told}. {cut or 'Are its doses wrong by that, or is it the balance? A check weight tells.'}"]


def _cut(boluses: Sequence[WeighedBolus]) -> str:
    """Return that boluses end before the pump calls them done, if they do; they come evenly."""
    timed = [
        ((one.arrival.time_s - LAG_S) / ARRIVED_SHARE, one.bolus.done_s - one.bolus.sent_s)
        for one in boluses
        if one.arrival is not None and math.isfinite(one.bolus.active_s)
    ]
    if not timed:
        return ""
    over_s, done_s = (float(np.mean(each)) for each in zip(*timed, strict=True))
    if done_s - over_s < max(CUT_SHARE * done_s, CUT_S):
        return ""
    return (
        f"The last of it came after {over_s:.0f} s, {done_s - over_s:.0f} s before the pump called it done: they seem"
        " to be cut short."
    )


def course_findings(found: Sequence[Course]) -> list[str]:
    """Return which spread bolus is furthest off its programme."""
    if not found:
        return []
    largest = max(found, key=lambda each: abs(each.worst.percent))
    percent = largest.worst.percent
    if abs(percent) < COURSE_PERCENT:
        return []
    way = "ahead of" if percent > 0.0 else "behind"
    return [
        f"Bolus {largest.one.bolus.index} was {abs(percent):.0f} % of its volume {way} its programme"
        f" {largest.worst_s / 60.0:.1f} min after the command: what was to be spread came too"
        f" {'early' if percent > 0.0 else 'late'}."
    ]
