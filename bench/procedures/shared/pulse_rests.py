"""Between the pulses of a basal rate: what tells noise and loss where a recording has no blank."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from bench.metrology.delivery_span import mean_interval_s, pulse_instants
from bench.metrology.loss_slope import SECONDS_PER_HOUR, Slope
from bench.metrology.noise import FEWEST_DEGREES, Floats, Window
from bench.metrology.noise_fit import FEWEST_READINGS, fit_noise
from bench.metrology.pulse_fit import fit_pulses
from bench.metrology.readings import within
from bench.procedures.base import Context
from bench.recording.reader import TestRecord

_SHORTEST_INTERVAL_S = 20.0
"""Pulses that come faster leave nothing between them that is at rest."""
_SETTLED_S, _SETTLED_SHARE = 60.0, 0.4
"""What a pulse still brings after so long, or after this part of its interval, is little beside noise."""
_BEFORE_S = 5.0
_FEWEST_PULSES = 6
_MOST_PULSES = 400
"""So many tell the loss as well as more would, within what flicker and walk leave."""


class BetweenPulses(NamedTuple):
    """Stretches between pulses, and the slope that the balance has in all of them; none where pulses do not show."""

    rests: tuple[Window, ...] = ()
    slope: Slope | None = None


def between_pulses(
    record: TestRecord, context: Context, time_s: Floats, mass_mg: Floats, readability_mg: float
) -> BetweenPulses:
    """Return what lies between the pulses of a basal rate that nothing interrupts.

    The slope is the drift that a fit of all pulses with one step response finds, creep told apart from it as well as
    the pulses allow.
    """
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    if len(commands) != 1 or record.events("bolus commanded") or context.plan.pump.delivery != "pulsed":
        return BetweenPulses()
    end_s = float(stops[0].time_s) if stops else record.end_s
    inside = slice(np.searchsorted(time_s, commands[0].time_s), np.searchsorted(time_s, end_s, "right"))
    known = np.isfinite(mass_mg[inside])
    at_s, mass = time_s[inside][known], mass_mg[inside][known]
    instants_s = pulse_instants(at_s, mass)
    if instants_s is None or len(instants_s) < _FEWEST_PULSES:
        return BetweenPulses()
    interval_s = mean_interval_s(instants_s)
    if interval_s < _SHORTEST_INTERVAL_S:
        return BetweenPulses()
    after_s = min(_SETTLED_S, _SETTLED_SHARE * interval_s)
    rests = tuple((float(a) + after_s, float(b) - _BEFORE_S) for a, b in itertools.pairwise(instants_s))
    return BetweenPulses(rests, _slope(at_s, mass, instants_s, rests, readability_mg))


def _slope(
    time_s: Floats, mass_mg: Floats, instants_s: Floats, rests: tuple[Window, ...], readability_mg: float
) -> Slope | None:
    part = slice(0, np.searchsorted(time_s, rests[min(len(rests), _MOST_PULSES) - 1][1]))
    time_s, mass_mg = time_s[part], mass_mg[part]
    instants_s = instants_s[(instants_s > time_s[0]) & (instants_s < time_s[-1])]
    still = [within(time_s, mass_mg, rest) for rest in rests]
    if sum(len(each) for each, _ in still) < FEWEST_READINGS:
        return None
    fit = fit_pulses(time_s, mass_mg, instants_s, fit_noise(still, readability_mg), instant_spread_s=1.0)
    return Slope(
        fit.drift_mg_per_s * SECONDS_PER_HOUR,
        fit.drift_uncertainty_mg_per_s * SECONDS_PER_HOUR,
        max(FEWEST_DEGREES, len(instants_s) - 4.0),
        0.5 * float(time_s[0] + time_s[-1]),
    )
