"""Weigh every bolus of a recording: its settled mass, when it arrived, and what came after the pump said done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats, Noise, Spread, Window
from bench.metrology.plateau import level, step
from bench.recording.reader import Event, TestRecord

LONGEST_WINDOW_S = 30.0
ARRIVED_SHARE = 0.95
LEAST_JUMP_MG = 0.2
LAG_S = 1.0
"""A balance shows what was there some 1 s ago (0 s to 2 s, by its filter); times are corrected by it, ± as much."""


@dataclass(frozen=True, slots=True)
class CommandedBolus:
    """One bolus as the recording tells of it, with the windows in which it is weighed.

    `reported_ul` is NaN where nobody asked the pump. `active_s` is when the pump last said that it was still
    delivering, `done_s` when it first said that it was not.
    """

    index: int
    commanded_ul: float
    reported_ul: float
    sent_s: float
    active_s: float
    done_s: float
    before: Window
    after: Window


@dataclass(frozen=True, slots=True)
class WeighedBolus:
    """A bolus, its settled mass, and how far the balance's noise leaves that open.

    `arrival_s` is how long after the command 95 % of it was there; None where it does not stand out of the noise.
    `late_mg` are the least and the most that can have come after the pump's end; `creep_mg` is by how much more the
    second half of the window after shows than the first.
    """

    bolus: CommandedBolus
    mass_mg: float
    noise: Spread
    interval_s: float
    arrival_s: float | None
    arrival_noise_s: float
    late_mg: tuple[float, float]
    creep_mg: float


def commanded_boluses(record: TestRecord, settle_s: float, interval_s: float) -> list[CommandedBolus]:
    """Pair each bolus' command with its end; one that never ended is left out.

    The window before ends at the command, the one after begins `settle_s` after the end; both are as wide as the
    interval leaves room for, 30 s at most.
    """
    ends = {int(event.data["index"]): event for event in record.events("bolus done")}
    width_s = min(LONGEST_WINDOW_S, interval_s - settle_s)
    return [
        _commanded(command, ends[int(command.data["index"])], settle_s, width_s)
        for command in record.events("bolus commanded")
        if int(command.data["index"]) in ends
    ]


def _commanded(command: Event, end: Event, settle_s: float, width_s: float) -> CommandedBolus:
    sent_s = float(command.data["sent_s"])
    after_s = end.time_s + settle_s
    return CommandedBolus(
        index=int(command.data["index"]),
        commanded_ul=float(command.data["volume_ul"]),
        reported_ul=float(end.data.get("reported_ul", math.nan)),
        sent_s=sent_s,
        active_s=float(end.data.get("active_s", end.time_s)),
        done_s=end.time_s,
        before=(sent_s - width_s, sent_s),
        after=(after_s, after_s + width_s),
    )


def weigh(
    time_s: Floats, mass_mg: Floats, bolus: CommandedBolus, drift_mg_per_s: float, noise: Noise
) -> WeighedBolus | None:
    """Weigh one bolus; None where a window holds too few readings.

    `drift_mg_per_s` is what the balance gains by itself: evaporation makes it negative, basal positive.
    """
    before, after = level(time_s, mass_mg, bolus.before), level(time_s, mass_mg, bolus.after)
    if before is None or after is None:
        return None
    added_mg = step(before, after, drift_mg_per_s)
    spread = noise.difference(bolus.before, bolus.after)
    at_s, smooth_mg = _smooth(time_s, mass_mg, bolus.sent_s, bolus.after[1])
    gained_mg = smooth_mg - before.mass - drift_mg_per_s * (at_s - before.time_s)
    arrival_s, arrival_noise_s = _arrival(at_s, gained_mg, added_mg, spread.standard_uncertainty)
    seen_mg = np.interp((bolus.active_s, bolus.done_s + 2.0 * LAG_S), at_s, gained_mg)
    least_mg = max(0.0, added_mg - float(seen_mg[1]))
    return WeighedBolus(
        bolus,
        added_mg,
        spread,
        after.time_s - before.time_s,
        None if arrival_s is None else max(0.0, arrival_s - bolus.sent_s - LAG_S),
        arrival_noise_s,
        (least_mg, max(least_mg, added_mg - float(seen_mg[0]))),
        _creep(time_s, mass_mg, bolus.after, drift_mg_per_s),
    )


def _creep(time_s: Floats, mass_mg: Floats, window: Window, drift_mg_per_s: float) -> float:
    middle_s = 0.5 * (window[0] + window[1])
    first, second = level(time_s, mass_mg, (window[0], middle_s)), level(time_s, mass_mg, (middle_s, window[1]))
    return 0.0 if first is None or second is None else step(first, second, drift_mg_per_s)


def _smooth(time_s: Floats, mass_mg: Floats, start_s: float, end_s: float) -> tuple[Floats, Floats]:
    """Return running means over a second."""
    inside = slice(np.searchsorted(time_s, start_s - 1.0, "left"), np.searchsorted(time_s, end_s, "right"))
    valid = np.isfinite(mass_mg[inside])
    at_s, mass = time_s[inside][valid], mass_mg[inside][valid]
    summed = np.concatenate(([0.0], np.cumsum(mass)))
    first, last = np.searchsorted(at_s, at_s - 0.5, "left"), np.searchsorted(at_s, at_s + 0.5, "right")
    return at_s, (summed[last] - summed[first]) / (last - first)


def _arrival(at_s: Floats, gained_mg: Floats, added_mg: float, noise_mg: float) -> tuple[float | None, float]:
    """Return when 95 % was shown for the first time with nothing less after it, and how far noise can move that."""
    if added_mg <= 8.0 * noise_mg:
        return None, math.nan
    share_noise = noise_mg / added_mg
    middle, early, late = (
        _last_below(at_s, gained_mg, share * added_mg)
        for share in (ARRIVED_SHARE, ARRIVED_SHARE - share_noise, ARRIVED_SHARE + share_noise)
    )
    return middle, 0.5 * (late - early)


def _last_below(at_s: Floats, gained_mg: Floats, limit_mg: float) -> float:
    below = np.flatnonzero(gained_mg < limit_mg)
    return float(at_s[below[-1]] if below.size else at_s[0])


def bolus_doubts(time_s: Floats, mass_mg: Floats, weighed: Sequence[WeighedBolus], noise: Noise) -> list[str]:
    """Return why some of the weighings cannot be trusted: a balance that stood still, a level that jumped."""
    if not weighed:
        return []
    usual_mg = float(np.median([one.creep_mg for one in weighed]))
    doubts = []
    for one in weighed:
        bolus = one.bolus
        shown = mass_mg[np.searchsorted(time_s, bolus.before[0]) : np.searchsorted(time_s, bolus.after[1], "right")]
        if shown.size and float(np.nanmax(shown)) == float(np.nanmin(shown)):
            doubts.append(f"The balance showed the very same value all through bolus {bolus.index}: frozen?")
        jump_mg = one.creep_mg - usual_mg
        if abs(jump_mg) > max(LEAST_JUMP_MG, 8.0 * _noise_of_halves(noise, bolus.after)):
            doubts.append(
                f"The level after bolus {bolus.index} moved by {jump_mg:+.2f} mg within"
                f" {bolus.after[1] - bolus.after[0]:.0f} s, with nothing delivered: a bump, or a drop?"
            )
    return doubts


def _noise_of_halves(noise: Noise, window: Window) -> float:
    middle_s = 0.5 * (window[0] + window[1])
    return noise.difference((window[0], middle_s), (middle_s, window[1])).standard_uncertainty
