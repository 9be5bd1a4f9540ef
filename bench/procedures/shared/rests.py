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
_SECONDS_PER_HOUR = 3600.0


def rests_of(record: TestRecord, context: Context, time_s: Floats, mass_mg: Floats, ul_per_mg: float) -> list[Window]:
    """Return the rests of a test; empty where deliveries follow too closely, or cannot be told from noise.

    Boluses are where their events say; the pulses of a basal rate are looked for as steps of the balance, so that one
    that was missed or came twice does no harm.
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
    if rate_ul_per_h <= 0.0 or increment_ul / rate_ul_per_h * _SECONDS_PER_HOUR < SETTLED_S + SHORTEST_S:
        return []
    return _between_steps(time_s, mass_mg, (rates[0].time_s, stops[0].time_s), increment_ul / ul_per_mg)


def _between_boluses(commands: Sequence[Event], ends: Sequence[Event]) -> list[Window]:
    done_s = {int(event.data["index"]): event.time_s for event in ends}
    found = []
    for command, following in itertools.pairwise(commands):
        ended_s = done_s.get(int(command.data["index"]))
        if ended_s is not None:
            found.append((ended_s + SETTLED_S, float(following.data["sent_s"])))
    return [window for window in found if window[1] - window[0] >= SHORTEST_S]


def _between_steps(time_s: Floats, mass_mg: Floats, during: Window, step_mg: float) -> list[Window]:
    inside = slice(np.searchsorted(time_s, during[0], "left"), np.searchsorted(time_s, during[1], "right"))
    middle, mean = block_means(time_s[inside], mass_mg[inside], _BLOCK_S)
    change_mg = np.abs(mean[2:] - mean[:-2])
    known = np.isfinite(change_mg)
    # Steps are rare, so that the median change is that of noise.
    if not known.any() or _STEP_SHARE * step_mg < _STEP_NOISES * 1.483 * float(np.median(change_mg[known])):
        return []
    stepped = np.flatnonzero(change_mg > _STEP_SHARE * step_mg) + 1
    begins = np.concatenate(([during[0]], middle[stepped] + _BLOCK_S)) + SETTLED_S
    ends = np.concatenate((middle[stepped] - _BLOCK_S, [during[1]])) - _BEFORE_S
    return [(float(begin), float(end)) for begin, end in zip(begins, ends, strict=True) if end - begin >= SHORTEST_S]
