"""When a bolus arrived: its course on the balance, the lag of the balance's filter made good.

A first-order filter shows m while y = m + τ·dm/dt is on the pan; both come from a straight line through the readings of
a short time just past, as short as the noise allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.noise import Floats

ARRIVED_SHARE = 0.95
LAG_S, LAG_HALF_WIDTH_S = 1.0, 0.5
"""Time constant of a balance's filter that is made good, and how far another balance's may be off."""
DEAD_S, DEAD_HALF_WIDTH_S = 0.15, 0.15
"""How much later an output comes than what it tells of."""
_WIDTHS_S = (0.6, 1.2, 2.4)
_CLEAR = 5.0
"""Standard deviations of a restored reading that 5 % of a bolus must be, so that none dips below 95 % by noise."""
_APART_S = 10.0


@dataclass(frozen=True, slots=True)
class Restorer:
    """What restores the load from a lagging balance's readings, and what noise that leaves, in mg."""

    width_s: float
    noise_mg: float

    def clear_for(self, added_mg: float) -> bool:
        """Tell whether the last 5 % of a bolus stand out of the noise."""
        return (1.0 - ARRIVED_SHARE) * added_mg > _CLEAR * self.noise_mg


@dataclass(frozen=True, slots=True)
class Arrival:
    """The course of one bolus.

    `time_s` is from the command until 95 % were on the pan; `late_mg` is what came after the pump last said that it
    delivers. The half widths are what the lag leaves open, the standard uncertainties (`u_…`) what noise does.
    """

    time_s: float
    u_time_s: float
    late_mg: float
    u_late_mg: float
    late_half_width_mg: float


def restorers(blanks: Sequence[tuple[Floats, Floats]]) -> list[Restorer]:
    """Return restorers of growing width, each with the noise that it leaves on blanks of time (s) and mass (mg)."""
    made = []
    for width_s in _WIDTHS_S:
        steps = []
        for time_s, mass_mg in blanks:
            restored, _ = restore(time_s, mass_mg, width_s)
            if len(restored) > 1:
                every = max(1, round(_APART_S * len(time_s) / max(float(time_s[-1] - time_s[0]), 1.0)))
                steps.append(np.diff(restored[::every]))
        differences = np.concatenate(steps) if steps else np.empty(0)
        if len(differences):
            made.append(Restorer(width_s, float(np.sqrt(np.mean(differences**2) / 2.0))))
    return made


def restore(time_s: Floats, mass_mg: Floats, width_s: float) -> tuple[Floats, Floats]:
    """Return the load behind each reading, in mg, and the slope of the readings there, in mg/s."""
    if len(time_s) == 0:
        return np.empty(0), np.empty(0)
    t = time_s - time_s[0]
    sums = [np.concatenate(([0.0], np.cumsum(each))) for each in (np.ones_like(t), t, mass_mg, t * t, t * mass_mg)]
    last = np.arange(1, len(t) + 1)
    first = np.minimum(np.searchsorted(t, t - width_s, "right"), last - 1)
    n, st, sm, stt, stm = (each[last] - each[first] for each in sums)
    spread = stt - st * st / n
    slope = np.where(spread > 1e-9, (stm - st * sm / n) / np.where(spread > 1e-9, spread, 1.0), 0.0)
    shown = sm / n + slope * (t - st / n)
    return shown + LAG_S * slope, slope


def arrival(
    time_s: Floats,
    gained_mg: Floats,
    added_mg: float,
    instants_s: tuple[float, float],
    candidates: Sequence[Restorer],
) -> Arrival | None:
    """Return the course of one bolus; None where its last 5 % do not stand out of the noise.

    Args:
        time_s: readings from the command until the bolus is weighed.
        gained_mg: what they show beyond the level before.
        added_mg: the whole bolus.
        instants_s: of the command, and when the pump last said that it delivers.
        candidates: restorers of growing width.

    """
    chosen = next((each for each in candidates if each.clear_for(added_mg)), None)
    if chosen is None:
        return None
    restored, slope = restore(time_s, gained_mg, chosen.width_s)
    reached, early, late = (
        _last_below(time_s, restored, ARRIVED_SHARE * added_mg + shift)
        for shift in (0.0, -chosen.noise_mg, chosen.noise_mg)
    )
    sent_s, active_s = instants_s
    seen_mg, rising = (float(np.interp(active_s + DEAD_S, time_s, each)) for each in (restored, slope))
    return Arrival(
        max(0.0, reached - sent_s - DEAD_S),
        0.5 * (late - early),
        max(0.0, added_mg - seen_mg),
        math.hypot(chosen.noise_mg, DEAD_HALF_WIDTH_S / math.sqrt(3.0) * rising),
        LAG_HALF_WIDTH_S * abs(rising),
    )


def _last_below(time_s: Floats, mass_mg: Floats, limit_mg: float) -> float:
    below = np.flatnonzero(mass_mg < limit_mg)
    return float(time_s[below[-1]] if below.size else time_s[0])
