"""How much a basal rate delivered: in all, after some hours, and in every hour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bench.metrology.budget import bounded, component, undetermined
from bench.metrology.cumulative import Cumulative
from bench.metrology.noise import Floats, Window, block_means
from bench.metrology.observation import between_doses_s
from bench.metrology.readings import within
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.by_hand import SOURCE, hand_lines
from bench.procedures.shared.levels import (
    CLEAR_S,
    CURVE_S,
    END_LEVEL_S,
    FROM_DOSE_S,
    LAG_S,
    MIDDLE_LEVEL_S,
    Weighed,
)
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Measurement


@dataclass(frozen=True, slots=True)
class Delivery(Weighed):
    """One basal delivery as weighed; `ended_s` is the stop, `settled_s` when the line had given what it held back.

    `first_s` and `last_s` are the first and last instant at which something was weighed. `doses_s` is when the pump
    dosed or should have, `dose_interval_s` how far apart; empty and NaN for a continuous pump. A person who started it
    may have done so up to `by_hand_s` before or after `began_s`; 0 where it started by itself.
    """

    rate_ul_per_h: float
    ul_per_u: float
    u_began_s: float
    ended_s: float
    u_ended_s: float
    settled_s: float
    first_s: float
    last_s: float
    doses_s: Floats = field(default_factory=lambda: np.empty(0))
    dose_interval_s: float = math.nan
    by_hand_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """From the command to the stop."""
        return self.ended_s - self.began_s

    @property
    def first_window(self) -> Window:
        """Where the level before the first command is taken."""
        until_s = self.began_s - self.by_hand_s
        return max(self.first_s, until_s - END_LEVEL_S), until_s

    @property
    def last_window(self) -> Window:
        """Where the level after settling is taken."""
        return self.settled_s, min(self.last_s, self.settled_s + END_LEVEL_S)

    @property
    def first_comes_early(self) -> bool:
        """Whether the first dose came with the command, not an interval after it."""
        return len(self.doses_s) > 0 and float(self.doses_s[0]) - self.began_s < 0.5 * self.dose_interval_s

    def between_doses_s(self, time_s: float) -> float:
        """Return the instant near another at which no dose counts by half.

        A dose belongs to what was delivered up to `time_s` when it came a little later, a quarter of its interval or a
        minute at most: a pump that doses every 3 min gives its twentieth dose at 60 min, not shortly after.
        """
        interval_s = self.dose_interval_s
        if len(self.doses_s) == 0 or not interval_s >= 2.0 * CLEAR_S:
            return time_s
        return between_doses_s(time_s, self.doses_s, interval_s, FROM_DOSE_S, first_comes_early=self.first_comes_early)

    def boundary(self, time_s: float) -> Window:
        """Return where the level of what was delivered up to an instant is taken.

        Before the command and after the stop there is more room than between doses.
        """
        if time_s <= self.began_s:
            return self.first_window
        at_s = self.between_doses_s(time_s)
        return self.last_window if at_s + 0.5 * MIDDLE_LEVEL_S > self.settled_s else self.middle(at_s)

    def about_ul(self, time_s: float) -> float:
        """Return half of what came about an instant: by the lag of the balance it may count before or after."""
        doses_s = self.doses_s
        if len(doses_s) and float(np.min(np.abs(doses_s - time_s))) >= CLEAR_S:
            return 0.0
        around = (time_s - CLEAR_S, time_s - LAG_S), (time_s + LAG_S, time_s + CLEAR_S)
        around_ul = self.volume_between_ul(*around)
        steady_ul = self.rate_ul_per_h * LAG_S / HOUR_S
        return max(steady_ul, 0.5 * abs(around_ul)) if math.isfinite(around_ul) else steady_ul

    def curve(self, means_s: float = CURVE_S) -> Cumulative | None:
        """Return the cumulative volume from the first command until the line has settled, as means over so long.

        The volume is 0 at the command and for one dose interval before it, where a window may begin that lies between
        doses. Where a mean has no reading there is a gap. None without a level before the command, or without readings
        after it.
        """
        time_s, mass = within(self.weighing.time_s, self.weighing.mass_mg, (self.began_s, self.settled_s + END_LEVEL_S))
        mass = mass + self.weighing.loss_mg_per_s * (time_s - self.began_s) - self.level_mg(self.first_window)
        means_s = max(means_s, float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0)
        middle, mean = block_means(time_s, mass, means_s)
        known = np.isfinite(mean)
        if not np.any(known):
            return None
        volume = mean[known] * self.weighing.conversion.ul_per_mg
        before = math.ceil(self.dose_interval_s / means_s) if math.isfinite(self.dose_interval_s) else 0
        nothing_s: Floats = self.began_s - means_s * np.arange(before, -1.0, -1.0)
        stamps = np.concatenate((nothing_s, middle[known]))
        volumes = np.concatenate((np.zeros(len(nothing_s)), volume))
        return Cumulative(stamps, volumes, longest_step_s=max(1.5 * means_s, 1.5 * CURVE_S))


def measure_totals(delivery: Delivery, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the mean error and the volume in all."""
    before, after = delivery.first_window, delivery.last_window
    volume_ul = delivery.volume_between_ul(before, after)
    if not math.isfinite(volume_ul):
        why = "no level before the first command or after the stop"
        return nothing_stated(catalogue, why, ("mean_error", "total_volume"))
    nominal_ul = delivery.rate_ul_per_h * delivery.duration_s / HOUR_S
    relative = [
        *delivery.components(volume_ul, 100.0 / nominal_ul, before, after),
        component(
            "timing of command and stop",
            math.hypot(delivery.u_began_s, delivery.u_ended_s),
            "s",
            -100.0 * volume_ul / nominal_ul / delivery.duration_s,
            distribution="rectangular",
            source=SOURCE if delivery.by_hand_s else "sent and acknowledged",
            estimate=delivery.duration_s,
        ),
    ]
    note = f"{volume_ul / delivery.ul_per_u:.4g} U of {nominal_ul / delivery.ul_per_u:.4g} U commanded"
    per_u = 1.0 / delivery.ul_per_u
    return [
        stated(catalogue, "mean_error", 100.0 * (volume_ul / nominal_ul - 1.0), relative, note),
        stated(catalogue, "total_volume", volume_ul * per_u, delivery.components(volume_ul, per_u, before, after)),
    ]


def measure_after_hours(delivery: Delivery, catalogue: Mapping[str, MeasurementSpec], hours: int) -> Measurement:
    """Return the volume delivered so many hours after the first command."""
    name = f"delivered_{hours}h"
    spec = catalogue[name]
    at_s = delivery.began_s + hours * HOUR_S
    if at_s > delivery.ended_s + 1.0:
        return undetermined(
            name, spec.title, spec.unit, f"the pump delivered for {delivery.duration_s / HOUR_S:.3g} h only"
        )
    before, after = delivery.first_window, delivery.boundary(at_s)
    volume_ul = delivery.volume_between_ul(before, after)
    if not math.isfinite(volume_ul):
        return undetermined(name, spec.title, spec.unit, "no level at one of its ends")
    per_u = 1.0 / delivery.ul_per_u
    lines = delivery.components(volume_ul, per_u, before, after)
    taken_s = 0.5 * (after[0] + after[1])
    source = "balance around that instant"
    lines.append(bounded("timing: what came about then", delivery.about_ul(taken_s), "µL", per_u, source=source))
    lines += hand_lines(delivery.by_hand_s, delivery.rate_ul_per_h / HOUR_S * per_u)
    nominal_ul = delivery.rate_ul_per_h * hours
    note = f"{100.0 * (volume_ul / nominal_ul - 1.0):+.2f} % of commanded"
    if len(delivery.doses_s):
        note += f"; level taken {taken_s - at_s:+.0f} s from then, between doses"
    return stated(catalogue, name, volume_ul * per_u, lines, note)
