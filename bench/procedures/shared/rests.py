"""Rests between deliveries: stretches of a test in which the line has settled and the balance shows the loss alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from bench.metrology.noise import Floats, Window, block_means
from bench.procedures.base import Context
from bench.procedures.shared.commands import EXTENDED_BOLUS, PROFILE
from bench.recording.reader import Event, TestRecord

SETTLED_S = 300.0
"""After a delivery soft parts of the line creep for a minute or two; five bring that below a hundredth of the rest."""
SHORTEST_S = 300.0
_BLOCK_S = 10.0
_BEFORE_S = 15.0
_STEP_SHARE = 0.35
_STEP_NOISES = 6.0
_SOON = 0.1
"""Share of the pulses that come sooner than the next one is taken to be due."""
_SECONDS_PER_HOUR = 3600.0


def rests_of(record: TestRecord, context: Context, time_s: Floats, mass_mg: Floats, ul_per_mg: float) -> list[Window]:
    """Return the rests of a test; empty where deliveries follow too closely, or cannot be told from noise.

    Boluses are where their events say; the pulses of a basal rate are looked for as steps of the balance, so that one
    that was missed or came twice does no harm. A rest ends where the next pulse is due, shown or not: one too small to
    be told from nothing would look like a gain of the balance.
    """
    if record.events(PROFILE) or record.events(EXTENDED_BOLUS):
        return []
    rates = record.events("basal commanded")
    boluses = record.events("bolus commanded")
    if boluses and not rates:
        return _between_boluses(boluses, record.events("bolus done"))
    increment = context.plan.pump.basal_increment
    stops = record.events("basal stopped")
    if len(rates) != 1 or boluses or not stops or increment is None or context.plan.pump.delivery != "pulsed":
        return []
    increment_ul = increment.to("µL", context.concentration)
    rate_ul_per_h = float(rates[0].data["rate_ul_per_h"])
    if rate_ul_per_h <= 0.0:
        return []
    interval_s = increment_ul / rate_ul_per_h * _SECONDS_PER_HOUR
    if interval_s < SETTLED_S + SHORTEST_S:
        return []
    during = (rates[0].time_s, stops[0].time_s)
    return _between_steps(time_s, mass_mg, during, increment_ul / ul_per_mg, interval_s)


def _between_boluses(commands: Sequence[Event], ends: Sequence[Event]) -> list[Window]:
    done_s = {int(event.data["index"]): event.time_s for event in ends}
    found = []
    for command, following in itertools.pairwise(commands):
        ended_s = done_s.get(int(command.data["index"]))
        if ended_s is not None:
            found.append((ended_s + SETTLED_S, float(following.data["sent_s"])))
    return [window for window in found if window[1] - window[0] >= SHORTEST_S]


def _between_steps(time_s: Floats, mass_mg: Floats, during: Window, step_mg: float, interval_s: float) -> list[Window]:
    inside = slice(np.searchsorted(time_s, during[0], "left"), np.searchsorted(time_s, during[1], "right"))
    middle, mean = block_means(time_s[inside], mass_mg[inside], _BLOCK_S)
    change_mg = np.abs(mean[2:] - mean[:-2])
    known = np.isfinite(change_mg)
    # Steps are rare, so that the median change is that of noise.
    if not known.any() or _STEP_SHARE * step_mg < _STEP_NOISES * 1.483 * float(np.median(change_mg[known])):
        return []
    stepped = np.flatnonzero(change_mg > _STEP_SHARE * step_mg) + 1
    pulses_s = np.concatenate(([during[0] - _BLOCK_S], middle[stepped], [during[1] + _BLOCK_S]))
    due_s = np.minimum(pulses_s[:-1] + _soonest_s(middle[stepped], interval_s), pulses_s[1:])
    begins, ends = pulses_s[:-1] + _BLOCK_S + SETTLED_S, due_s - _BLOCK_S - _BEFORE_S
    return [(float(begin), float(end)) for begin, end in zip(begins, ends, strict=True) if end - begin >= SHORTEST_S]


def _soonest_s(stepped_s: Floats, interval_s: float) -> float:
    """Return how soon after a pulse the next is due: as most of those that show are, and as the rate makes it."""
    gaps_s = np.diff(stepped_s)
    # A step shows in the differences of several neighbouring means.
    gaps_s = gaps_s[gaps_s > 3.0 * _BLOCK_S]
    return min(interval_s, float(np.quantile(gaps_s, _SOON))) if len(gaps_s) else interval_s
