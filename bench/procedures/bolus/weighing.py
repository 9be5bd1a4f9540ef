"""Weigh every bolus of a recording: its settled mass, its course, and what still came while it was weighed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.noise import Floats, Noise, Spread, Window
from bench.metrology.plateau import level, step
from bench.procedures.bolus.course import Arrival, Gain, Restorer, arrival
from bench.procedures.shared.by_hand import began_s, open_half_s
from bench.recording.reader import Event, TestRecord

LONGEST_WINDOW_S = 30.0
SHORTEST_WINDOW_S = 10.0
ROUNDING_S = 1e-6
"""Sums of times in floating point are so exact, and better."""
LEAST_JUMP_MG = 0.2
EARLIEST_S = 5.0
"""A balance has settled so long after the last pulse; what still rises then is the line's own tail."""


@dataclass(frozen=True, slots=True)
class CommandedBolus:
    """One bolus as the recording tells of it, with the windows in which it is weighed.

    `reported_ul` is NaN where nobody asked the pump. `active_s` is when the pump last said that it was still
    delivering, NaN where nobody knows; `done_s` when it first said that it was not, or when that is assumed. A person
    who started it may have done so up to `by_hand_s` before or after `began_s`; else that is when it was sent. One that
    is not `settled` is followed, or preceded, by another so soon that no level lies between them.
    """

    index: int
    commanded_ul: float
    reported_ul: float
    sent_s: float
    active_s: float
    done_s: float
    before: Window
    after: Window
    settled: bool = True
    acknowledged_s: float = math.nan
    began_s: float = math.nan
    by_hand_s: float = 0.0


@dataclass(frozen=True, slots=True)
class WeighedBolus:
    """A bolus, its settled mass, and how far the balance's noise leaves that open.

    `arrival` is None where nobody asked, or where the bolus does not stand out of the noise. `creep_mg` is by how much
    more the second half of the window after shows than the first; `settling_mg` by how much more the window after shows
    than an earlier one, in which the last of the bolus still came.
    """

    bolus: CommandedBolus
    mass_mg: float
    noise: Spread
    interval_s: float
    gain: Gain
    creep_mg: float
    settling_mg: float
    early: Window
    arrival: Arrival | None = None


def commanded_boluses(record: TestRecord, settle_s: float, interval_s: float) -> list[CommandedBolus]:
    """Pair each bolus' command with its end; one that never ended is left out.

    The window before ends at the command, the one after begins `settle_s` after the end; both are as wide as the
    interval leaves room for, 30 s at most, and no wider than there is time between one bolus having settled and the
    command of the next.
    """
    ends = {int(event.data["index"]): event for event in record.events("bolus done")}
    width_s = min(LONGEST_WINDOW_S, interval_s - settle_s)
    found = [
        _commanded(command, ends[int(command.data["index"])], settle_s, width_s)
        for command in record.events("bolus commanded")
        if int(command.data["index"]) in ends
    ]
    for i in range(len(found) - 1):
        found[i], found[i + 1] = _apart(found[i], found[i + 1])
    return found


def _apart(one: CommandedBolus, following: CommandedBolus) -> tuple[CommandedBolus, CommandedBolus]:
    """Return two boluses whose windows lie after the first has settled and before the second is commanded."""
    begin_s, end_s = one.after[0], min(one.after[1], following.sent_s)
    before = (max(following.before[0], begin_s), following.sent_s)
    if not _room_between(one, following):
        return replace(one, settled=False), replace(following, settled=False)
    return replace(one, after=(begin_s, end_s)), replace(following, before=before)


def _room_between(one: CommandedBolus, following: CommandedBolus) -> bool:
    """Whether a level lies between one having settled and the command of the next."""
    return following.sent_s - one.after[0] >= SHORTEST_WINDOW_S - ROUNDING_S


def too_soon(boluses: Sequence[CommandedBolus], settle_s: float) -> list[str]:
    """Return which boluses cannot be weighed by themselves, because another followed before they had settled."""
    pairs = [pair for pair in itertools.pairwise(boluses) if not _room_between(*pair)]
    if not pairs:
        return []
    one, following = pairs[0]
    more = f", and {len(pairs) - 1} more like it" if len(pairs) > 1 else ""
    return [
        f"Bolus {following.index} was commanded {following.sent_s - one.done_s:.0f} s after bolus {one.index} was done,"
        f" before that had settled ({settle_s:g} s) and could be weighed ({SHORTEST_WINDOW_S:g} s){more}:"
        " such boluses are left out."
    ]


def _commanded(command: Event, end: Event, settle_s: float, width_s: float) -> CommandedBolus:
    sent_s = float(command.data["sent_s"])
    after_s = end.time_s + settle_s
    unknown = end.data.get("assumed") or end.data.get("by_label")
    return CommandedBolus(
        index=int(command.data["index"]),
        commanded_ul=float(command.data["volume_ul"]),
        reported_ul=float(end.data.get("reported_ul", math.nan)),
        sent_s=sent_s,
        active_s=math.nan if unknown else float(end.data.get("active_s", end.time_s)),
        done_s=end.time_s,
        before=(sent_s - width_s, sent_s),
        after=(after_s, after_s + width_s),
        acknowledged_s=float(command.data.get("acknowledged_s", command.time_s)),
        began_s=began_s(command),
        by_hand_s=open_half_s(command),
    )


def weigh(
    time_s: Floats,
    mass_mg: Floats,
    bolus: CommandedBolus,
    drift_mg_per_s: float,
    noise: Noise,
) -> WeighedBolus | None:
    """Weigh one bolus; None where a window holds too few readings, or where it has not settled.

    `drift_mg_per_s` is what the balance gains by itself: evaporation makes it negative, basal positive.
    """
    before, after = level(time_s, mass_mg, bolus.before), level(time_s, mass_mg, bolus.after)
    if before is None or after is None or not bolus.settled:
        return None
    added_mg = step(before, after, drift_mg_per_s)
    inside = slice(np.searchsorted(time_s, bolus.sent_s), np.searchsorted(time_s, bolus.after[1], "right"))
    valid = np.isfinite(mass_mg[inside])
    at_s, mass = time_s[inside][valid], mass_mg[inside][valid]
    gained_mg = mass - before.mass - drift_mg_per_s * (at_s - before.time_s)
    early = _early(bolus)
    first = level(time_s, mass_mg, early)
    return WeighedBolus(
        bolus,
        added_mg,
        noise.difference(bolus.before, bolus.after),
        after.time_s - before.time_s,
        Gain(at_s, gained_mg),
        _creep(time_s, mass_mg, bolus.after, drift_mg_per_s),
        0.0 if first is None else step(first, after, drift_mg_per_s),
        early,
    )


def with_arrivals(
    weighed: Sequence[WeighedBolus], to_come_mg: float, restorers: Sequence[Restorer]
) -> list[WeighedBolus]:
    """Return boluses with their arrivals, `to_come_mg` of each still to come when it was weighed."""
    return [
        replace(
            one,
            arrival=arrival(one.gain, one.mass_mg, to_come_mg, (one.bolus.began_s, one.bolus.active_s), restorers),
        )
        for one in weighed
    ]


def _early(bolus: CommandedBolus) -> Window:
    """Return from a quarter to a half of the time to settle: the last pulse has come by then, its tail has not."""
    settle_s = bolus.after[0] - bolus.done_s
    begin_s = bolus.done_s + max(EARLIEST_S, 0.25 * settle_s)
    return begin_s, begin_s + max(1.0, 0.25 * settle_s)


def _creep(time_s: Floats, mass_mg: Floats, window: Window, drift_mg_per_s: float) -> float:
    middle_s = 0.5 * (window[0] + window[1])
    first, second = level(time_s, mass_mg, (window[0], middle_s)), level(time_s, mass_mg, (middle_s, window[1]))
    return 0.0 if first is None or second is None else step(first, second, drift_mg_per_s)


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
