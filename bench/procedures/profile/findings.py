"""What went wrong on a day, each in a sentence with its likely cause, and which figure shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from bench.metrology.budget import expanded
from bench.metrology.rounding import number
from bench.procedures.profile.losses import Loss
from bench.procedures.profile.responses import Response
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.levels import CLEAR_S, END_LEVEL_S
from bench.procedures.shared.periods import BAND_PERCENT, Period
from bench.procedures.shared.times import HOUR_S, clock
from bench.results.model import Measurement

CLEAR_SHARE = 0.5
"""A change that loses or adds so much of a dose, beyond what weighing leaves open, is told by itself."""
MEAN_SHARE = 0.2
"""So much of a dose, lost or added at every change on average, is told."""
IGNORED_SHARE = 0.35
"""What comes during a temporary rate is the usual rate's when it is so near it, of how far the two differ."""
SILENT_DOSES, SILENT_SHARE, SILENT_INTERVALS = 4.0, 0.2, 2.5
"""In a time without delivery so many doses were due and less than this share of them came, and it is longer than so
many intervals of the slowest rate."""
CLEAR_CLOCK_PERCENT = 0.2


def clear_losses(lost: Sequence[Loss], dosing: Dosing) -> list[Loss]:
    """Return the changes that lost or added about a dose, the largest first."""
    clear = [
        one for one in lost if abs(one.lost_ul) > max(CLEAR_SHARE * dosing.increment_ul, expanded(list(one.budget))[0])
    ]
    return sorted(clear, key=lambda one: -abs(one.lost_ul))


def day_findings(
    dosing: Dosing,
    followed: Sequence[Response],
    lost: Sequence[Loss],
    temporary: Sequence[Period],
    segments: Sequence[Period],
    measured: Sequence[Measurement],
) -> list[str]:
    """Return what went wrong, weightiest first: what explains the errors, else where they are."""
    by_name = {each.name: each for each in measured}
    ignored = _temporaries(temporary, dosing)
    others = [each for each in followed if not (ignored and "temporary" in (each.before.kind, each.after.kind))]
    silent = _silences(dosing)
    if silent:
        return silent
    clocked = _clock(by_name["clock_error"])
    found = [
        *clocked,
        *ignored,
        *_strayed(others, dosing),
        # A clock that is off changes rates elsewhere than it is told, which looks like a loss.
        *([] if clocked else _lost(lost, by_name["lost_at_changes"], dosing)),
        *_suspended(by_name["suspended_volume"], dosing),
    ]
    return found or _segments(segments, dosing)


def _silences(dosing: Dosing) -> list[str]:
    """Tell of the times in which nothing came while several doses were due."""
    if not math.isfinite(dosing.increment_ul) or not len(dosing.doses.time_s):
        return []
    told = []
    slowest = min((each.rate_ul_per_h for each in dosing.programme.stretches if each.rate_ul_per_h > 0.0), default=0.0)
    if slowest <= 0.0:
        return []
    # A pump at the rate of another segment comes late, and is not silent.
    least_s = SILENT_INTERVALS * dosing.increment_ul / slowest * HOUR_S
    for begin_s, end_s in pairwise([dosing.began_s, *dosing.doses.time_s.tolist(), dosing.ended_s]):
        due_ul = dosing.programme.basal_ul(begin_s, end_s)
        if due_ul < SILENT_DOSES * dosing.increment_ul or end_s - begin_s < least_s:
            continue
        first, last = (begin_s + CLEAR_S, begin_s + CLEAR_S + END_LEVEL_S), (end_s - END_LEVEL_S, end_s)
        came_ul = dosing.volume_between_ul(first, last)
        due_ul += dosing.programme.bolus_ul(begin_s, end_s)
        if not came_ul < SILENT_SHARE * due_ul:
            continue
        since, due = clock(begin_s - dosing.began_s), number(due_ul / dosing.ul_per_u, 2)
        if end_s == dosing.ended_s:
            told.append(
                f"Nothing more came from {since} on, while {due} U were due: is the reservoir empty, the line shut, or"
                " did the pump stop?"
            )
        else:
            until = clock(end_s - dosing.began_s)
            told.append(f"Nothing came from {since} to {until}, while {due} U were due: air, or a pump that paused?")
    return told


def _strayed(followed: Sequence[Response], dosing: Dosing) -> list[str]:
    strayed = [each for each in followed if not each.on_time]
    if not strayed:
        return []
    one = strayed[0]
    more = f", and {len(strayed) - 1} more like it" if len(strayed) > 1 else ""
    way = f"{abs(one.delay_s) / 60.0:.1f} min {'late' if one.delay_s > 0.0 else 'early'}"
    return [
        f"The pump did not change its rate when it was told: the change from {_rate(one.before.rate_ul_per_h, dosing)}"
        f" to {_rate(one.after.rate_ul_per_h, dosing)} U/h at {clock(one.after.begin_s - dosing.began_s)}"
        f" ({one.after.reason}) came {way}, by the first dose at the new interval{more}. {_why(strayed)}"
    ]


def _why(strayed: Sequence[Response]) -> str:
    if all("temporary" in (each.before.kind, each.after.kind) for each in strayed):
        return "Was the temporary rate followed at all?"
    off_s = max(strayed[0].delay_s - strayed[0].allowed_s, 0.0) or min(strayed[0].delay_s, 0.0)
    way = "slow" if off_s >= 0.0 else "fast"
    return f"Is the pump's time of day, or its profile, some {abs(off_s) / 60.0:.0f} min {way}?"


def _clock(measured: Measurement) -> list[str]:
    value, u = measured.value, measured.expanded_uncertainty
    if value is None or u is None or abs(value) <= max(u, CLEAR_CLOCK_PERCENT):
        return []
    way = "fast" if value > 0.0 else "slow"
    return [
        f"The pump's clock runs {number(abs(value), 2)} % {way}: the intervals between its doses say so. Rates, profile"
        " and temporary rates are all off by that."
    ]


def _lost(lost: Sequence[Loss], mean: Measurement, dosing: Dosing) -> list[str]:
    dose_u = dosing.increment_ul / dosing.ul_per_u
    alike, u = mean.value or 0.0, mean.expanded_uncertainty or math.inf
    at_each = len(lost) > 1 and abs(alike) > max(u, MEAN_SHARE * dose_u)
    same = sum(each.lost_ul * alike > 0.0 for each in lost)
    if at_each and same > 0.5 * len(lost) and alike > 0.0:
        worst = max(lost, key=lambda each: each.lost_ul)
        return [
            f"Insulin is lost when the rate changes: {number(alike, 2)} U at each of {len(lost)} changes on average, of"
            f" doses of {dose_u:g} U, most ({number(worst.lost_ul / dosing.ul_per_u, 2)} U) at"
            f" {clock(worst.at_s - dosing.began_s)} ({worst.words}). The pump seems to drop the part of a dose that was"
            " due, instead of carrying it over."
        ]
    told = []
    for one in clear_losses(lost, dosing)[:2]:
        volume, when = number(abs(one.lost_ul) / dosing.ul_per_u, 2), clock(one.at_s - dosing.began_s)
        if one.lost_ul > 0.0:
            told.append(
                f"{volume} U did not come when the rate changed at {when} ({one.words}); a dose is {dose_u:g} U."
            )
        elif "suspended" in one.words:
            told.append(
                f"{volume} U too much came when delivery went on after the suspension at {when}; a dose is {dose_u:g}"
                " U. Was the first dose given twice?"
            )
        else:
            told.append(
                f"{volume} U too much came when the rate changed at {when} ({one.words}); a dose is {dose_u:g} U."
            )
    return told


def _temporaries(temporary: Sequence[Period], dosing: Dosing) -> list[str]:
    told = []
    for one in temporary:
        usual_ul = math.fsum(
            each.programmed_ul_per_h * max(0.0, min(each.end_s, one.end_s) - max(each.begin_s, one.begin_s)) / HOUR_S
            for each in dosing.programme.stretches
        )
        usual_came = abs(one.delivered_ul - usual_ul) < IGNORED_SHARE * abs(usual_ul - one.due_ul)
        if abs(one.error_ul) > 2.0 * one.u_ul and usual_came:
            per_u = 1.0 / dosing.ul_per_u
            told.append(
                f"The temporary rate from {clock(one.begin_s - dosing.began_s)} on was not followed:"
                f" {number(one.delivered_ul * per_u, 3)} U came, as the usual rate would give"
                f" ({number(usual_ul * per_u, 3)} U), and not the {number(one.due_ul * per_u, 3)} U that were due."
            )
    return told


def _suspended(measured: Measurement, dosing: Dosing) -> list[str]:
    value, u = measured.value, measured.expanded_uncertainty
    least = CLEAR_SHARE * dosing.increment_ul / dosing.ul_per_u if math.isfinite(dosing.increment_ul) else 0.0
    if value is None or u is None or value <= max(u, least):
        return []
    return [
        f"{number(value, 2)} U came while delivery was suspended ({measured.note}): it was not suspended, or leaks."
    ]


def _segments(segments: Sequence[Period], dosing: Dosing) -> list[str]:
    """Tell of the segments beyond ±15 %, and whether those that keep it have another rate."""
    known = [each for each in segments if math.isfinite(each.error_percent)]
    off = [each for each in known if abs(each.error_percent) - 2.0 * each.u_percent > BAND_PERCENT]
    if not off:
        return []
    worst = max(off, key=lambda each: abs(each.error_percent))
    way = "too little" if worst.error_percent < 0.0 else "too much"
    told = (
        f"{abs(worst.error_percent):.0f} % {way} came in the segment from {worst.name}"
        f" ({_rate(worst.rate_ul_per_h, dosing)} U/h)"
    )
    if len(off) > 1:
        return [f"{told}, and {len(off) - 1} more of {len(known)} segments are beyond ±{BAND_PERCENT:g} %."]
    kept = [each for each in known if each is not worst]
    if not kept:
        return [f"{told}."]
    where = ""
    if all(worst.rate_ul_per_h < each.rate_ul_per_h for each in kept):
        where = " Is it the low rate that the pump does not keep?"
    if all(worst.rate_ul_per_h > each.rate_ul_per_h for each in kept):
        where = " Is it the high rate that the pump does not keep?"
    largest = max(abs(each.error_percent) for each in kept)
    return [f"{told}; the others are within {number(largest, 2)} %.{where}"]


def _rate(ul_per_h: float, dosing: Dosing) -> str:
    return f"{ul_per_h / dosing.ul_per_u:.3g}"
