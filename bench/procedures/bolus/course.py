"""When a bolus arrived: its course on the balance, the lag of the balance's filter made good.

A first-order filter shows m while y = m + τ·dm/dt is on the pan, so that ∫y dt = ∫m dt + τ·m: the mean load over any
time is known exactly from the readings in it. The load's mean over a short time, as short as the noise allows, stands
for the load in the middle of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded
from bench.metrology.noise import Floats
from bench.results.model import Component

ARRIVED_SHARE = 0.95
LAG_S, LAG_HALF_WIDTH_S = 1.0, 0.5
"""Time constant of a balance's filter that is made good, and how far another balance's may be off."""
DEAD_S, DEAD_HALF_WIDTH_S = 0.15, 0.15
"""How much later an output comes than what it tells of."""
_WIDTHS_S = (0.6, 1.2, 2.4)
_CLEAR = 5.0
"""Standard deviations of a restored load that 5 % of a bolus must be, so that none dips below 95 % by noise."""
_APART_S = 10.0
_CROSSINGS = 1.0 / math.sqrt(math.pi)
"""∫Φ·(1 − Φ) over the normal distribution: how much noise of one standard deviation mixes what is above and below."""


@dataclass(frozen=True, slots=True)
class Restorer:
    """What restores the load from a lagging balance's readings, and what noise that leaves, in mg.

    `noise_mg` is that of a load in the middle of `width_s`, `end_noise_mg` that of one carried on to an end.
    """

    width_s: float
    noise_mg: float
    end_noise_mg: float

    def clear_for(self, added_mg: float) -> bool:
        """Tell whether the last 5 % of a bolus stand out of the noise."""
        return (1.0 - ARRIVED_SHARE) * added_mg > _CLEAR * self.noise_mg


@dataclass(frozen=True, slots=True)
class Gain:
    """What the balance showed from a bolus' command until it was weighed, beyond the level before; shape (n,)."""

    time_s: Floats
    mass_mg: Floats

    def load_mg(self, width_s: float, lag_s: float = LAG_S) -> Floats:
        """Return the mean load over `width_s` around each reading."""
        half_s = 0.5 * width_s
        return _mean_load(self.time_s, self.mass_mg, self.time_s - half_s, self.time_s + half_s, lag_s)

    def mean_load_mg(self, begin_s: Floats, end_s: Floats, lag_s: float = LAG_S) -> Floats:
        """Return the mean load over windows."""
        return _mean_load(self.time_s, self.mass_mg, begin_s, end_s, lag_s)

    def load_by(self, instant_s: float, width_s: float, lag_s: float = LAG_S) -> tuple[float, float]:
        """Return the load at an instant, in mg, and its slope, in mg/s, both from what was before it.

        Two mean loads, over `width_s` before the instant and over as long before that, carried on straight.
        """
        edges_s = instant_s - width_s * np.array([1.0, 2.0])
        last, first = _mean_load(self.time_s, self.mass_mg, edges_s, edges_s + width_s, lag_s)
        return float(1.5 * last - 0.5 * first), float(last - first) / width_s


@dataclass(frozen=True, slots=True)
class Arrival:
    """The course of one bolus.

    `time_s` is from the command until 95 % were on the pan, `late_mg` what came after the pump last said that it
    delivers, NaN where nobody knows when. The standard uncertainties (`u_…`) are what noise leaves open.
    `time_per_lag` is by how much the time changes with the lag that is made good, `s_per_mg` with the mass that counts
    as 95 %; `late_mg_per_lag_s` and `late_mg_per_dead_s` how much what came late changes with lag and dead time.
    """

    time_s: float
    u_time_s: float
    time_per_lag: float
    s_per_mg: float
    late_mg: float
    u_late_mg: float
    late_mg_per_lag_s: float
    late_mg_per_dead_s: float


def restorers(blanks: Sequence[tuple[Floats, Floats]]) -> list[Restorer]:
    """Return restorers of growing width, each with the noise that it leaves on blanks of time (s) and mass (mg)."""
    made = []
    for width_s in _WIDTHS_S:
        middles, ends = [], []
        for time_s, mass_mg in blanks:
            if len(time_s) < 2:
                continue
            gain = Gain(time_s, mass_mg)
            every = max(1, round(_APART_S * len(time_s) / max(float(time_s[-1] - time_s[0]), 1.0)))
            inside = (time_s >= time_s[0] + 2.0 * width_s) & (time_s <= time_s[-1] - width_s)
            middles.append(np.diff(gain.load_mg(width_s)[inside][::every]))
            ends.append(np.diff([gain.load_by(float(at_s), width_s)[0] for at_s in time_s[inside][::every]]))
        if sum(len(each) for each in middles):
            made.append(Restorer(width_s, *(_noise_of(np.concatenate(each)) for each in (middles, ends))))
    return made


def _noise_of(differences: Floats) -> float:
    return float(np.sqrt(np.mean(differences**2) / 2.0))


def arrival(
    gain: Gain, added_mg: float, to_come_mg: float, instants_s: tuple[float, float], candidates: Sequence[Restorer]
) -> Arrival | None:
    """Return the course of one bolus; None where its last 5 % do not stand out of the noise.

    Args:
        gain: readings from the command until the bolus is weighed.
        added_mg: the bolus as it was weighed.
        to_come_mg: what came after that and belongs to it; as much of the one before came into this one.
        instants_s: of the command, and when the pump last said that it delivers, NaN where nobody knows.
        candidates: restorers of growing width.

    """
    chosen = next((each for each in candidates if each.clear_for(added_mg)), None)
    if chosen is None or len(gain.time_s) < 2:
        return None
    sent_s, active_s = instants_s
    limit_mg, noise_mg = ARRIVED_SHARE * added_mg + to_come_mg, chosen.noise_mg
    load_mg = gain.load_mg(chosen.width_s)
    reached, early, late = (_time_below(gain.time_s, load_mg, limit_mg + shift) for shift in (0.0, -noise_mg, noise_mg))
    quick, slow = (
        _time_below(gain.time_s, gain.load_mg(chosen.width_s, LAG_S + sign * LAG_HALF_WIDTH_S), limit_mg)
        for sign in (1.0, -1.0)
    )
    # Where the load passes the limit slowly the noise of many widths averages out.
    spread_s = 0.5 * (late - early)
    averaged = min(1.0, math.sqrt(_CROSSINGS * chosen.width_s / spread_s)) if spread_s > 0.0 else 1.0
    by_s = active_s + DEAD_S
    there_mg, rising = gain.load_by(by_s, chosen.width_s)
    shorter_mg, _ = gain.load_by(by_s, chosen.width_s, LAG_S - LAG_HALF_WIDTH_S)
    return Arrival(
        time_s=max(0.0, float(gain.time_s[0]) + reached - sent_s - DEAD_S),
        u_time_s=spread_s * averaged,
        time_per_lag=0.5 * (quick - slow) / LAG_HALF_WIDTH_S,
        s_per_mg=spread_s / noise_mg if noise_mg > 0.0 else 0.0,
        late_mg=added_mg + to_come_mg - there_mg,
        u_late_mg=chosen.end_noise_mg,
        late_mg_per_lag_s=-(there_mg - shorter_mg) / LAG_HALF_WIDTH_S,
        late_mg_per_dead_s=-rising,
    )


def _mean_load(time_s: Floats, mass_mg: Floats, begin_s: Floats, end_s: Floats, lag_s: float) -> Floats:
    """Return the mean load over each window, as far as the readings reach."""
    begin_s, end_s = (np.clip(edges_s, time_s[0], time_s[-1]) for edges_s in (begin_s, end_s))
    summed = np.concatenate(([0.0], np.cumsum(0.5 * (mass_mg[1:] + mass_mg[:-1]) * np.diff(time_s))))
    brought = [np.interp(edges_s, time_s, summed + lag_s * mass_mg) for edges_s in (begin_s, end_s)]
    length_s = end_s - begin_s
    shown = np.interp(end_s, time_s, mass_mg)
    return np.where(length_s > 1e-9, (brought[1] - brought[0]) / np.where(length_s > 1e-9, length_s, 1.0), shown)


def _time_below(time_s: Floats, load_mg: Floats, limit_mg: float) -> float:
    """Return for how long a load that grows was below a limit, in s from the first reading.

    Noise takes the load across the limit early as often as it takes it back late, so that it does not shift this time.
    """
    edges_s = np.concatenate((time_s[:1], 0.5 * (time_s[1:] + time_s[:-1]), time_s[-1:]))
    return float(np.sum(np.diff(edges_s)[load_mg < limit_mg]))


def lag_component(per_s: float) -> Component:
    """Return the line of what the balance's filter leaves open; `per_s` is the measurement's change with its lag."""
    name, source = "lag of the balance's filter", "0.5 s to 1.5 s"
    return bounded(name, LAG_HALF_WIDTH_S, "s", per_s, source=source, estimate=LAG_S)


def dead_component(per_s: float) -> Component:
    """Return the line of how late the balance tells; `per_s` is the measurement's change with that."""
    name, source = "dead time of the balance", "0 s to 0.3 s"
    return bounded(name, DEAD_HALF_WIDTH_S, "s", per_s, source=source, estimate=DEAD_S)
