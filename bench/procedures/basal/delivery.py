"""How much a basal rate delivered: in all, after some hours, and in every hour."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, component, kept_possible, measurement, undetermined
from bench.metrology.noise import Floats, Spread, Window, block_means
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.bins import share_standard_uncertainty, share_within
from bench.procedures.shared.weighing import Weighing, within
from bench.results.model import Component, Measurement

HOUR_S = 3600.0
END_LEVEL_S = 60.0
"""The levels before the first command and after the line has settled are means over so long."""
MIDDLE_LEVEL_S = 10.0
"""A level while the pump delivers is a mean over so long."""
LAG_S = 3.0
"""What a balance may lag behind: a pulse so near to an instant may count before or after it."""
CURVE_S = 10.0
BAND_PERCENT = 15.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One basal delivery as weighed; `ended_s` is the stop, `settled_s` when the line had given what it held back.

    `first_s` and `last_s` are the first and last instant at which something was weighed.
    """

    weighing: Weighing
    rate_ul_per_h: float
    ul_per_u: float
    began_s: float
    u_began_s: float
    ended_s: float
    u_ended_s: float
    settled_s: float
    first_s: float
    last_s: float

    @property
    def duration_s(self) -> float:
        """From the command to the stop."""
        return self.ended_s - self.began_s

    @property
    def first_window(self) -> Window:
        """Where the level before the first command is taken."""
        return max(self.first_s, self.began_s - END_LEVEL_S), self.began_s

    @property
    def last_window(self) -> Window:
        """Where the level after settling is taken."""
        return self.settled_s, min(self.last_s, self.settled_s + END_LEVEL_S)

    def level_mg(self, window: Window) -> float:
        """Return the mean mass over a window, evaporation since the first command made good; NaN without readings."""
        time_s, mass = within(self.weighing.time_s, self.weighing.mass_mg, window)
        if len(mass) == 0:
            return math.nan
        return float(np.mean(mass + self.weighing.loss_mg_per_s * (time_s - self.began_s)))

    def volume_between_ul(self, before: Window, after: Window) -> float:
        """Return what was delivered between two levels."""
        return (self.level_mg(after) - self.level_mg(before)) * self.weighing.conversion.ul_per_mg

    def components(self, volume_ul: float, per_ul: float, before: Window, after: Window) -> list[Component]:
        """Return the budget of what was delivered between two levels."""
        noise = self.weighing.noise.difference(before, after)
        interval_s = 0.5 * (after[0] + after[1] - before[0] - before[1])
        return self.weighing.components(volume_ul, per_ul, noise, interval_s, near=self._near(before, after))

    def _near(self, before: Window, after: Window) -> Spread:
        """Return the noise of the same levels, had they stood side by side."""
        length = after[1] - after[0]
        return self.weighing.noise.difference(before, (before[1], before[1] + length))

    def middle(self, time_s: float) -> Window:
        """Return the window of a level while the pump delivers."""
        return time_s - 0.5 * MIDDLE_LEVEL_S, time_s + 0.5 * MIDDLE_LEVEL_S

    def boundary(self, time_s: float) -> Window:
        """Return where the level at an instant is taken: before the command and after settling there is more room."""
        if time_s <= self.began_s:
            return self.first_window
        return self.middle(time_s)

    def curve(self) -> tuple[Floats, Floats]:
        """Return the cumulative volume in µL from the first command until the line has settled, as means over 10 s.

        Gaps are closed by straight lines; the volume is 0 at the command.
        """
        time_s, mass = within(self.weighing.time_s, self.weighing.mass_mg, (self.began_s, self.settled_s + END_LEVEL_S))
        mass = mass + self.weighing.loss_mg_per_s * (time_s - self.began_s) - self.level_mg(self.first_window)
        middle, mean = block_means(time_s, mass, CURVE_S)
        known = np.isfinite(mean)
        volume = mean[known] * self.weighing.conversion.ul_per_mg
        return np.concatenate(([self.began_s], middle[known])), np.concatenate(([0.0], volume))


def measure_totals(delivery: Delivery, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the mean error and the volume in all."""
    before, after = delivery.first_window, delivery.last_window
    volume_ul = delivery.volume_between_ul(before, after)
    if not math.isfinite(volume_ul):
        why = "no level before the first command or after the stop"
        return [
            undetermined(name, catalogue[name].title, catalogue[name].unit, why)
            for name in ("mean_error", "total_volume")
        ]
    nominal_ul = delivery.rate_ul_per_h * delivery.duration_s / HOUR_S
    relative = [
        *delivery.components(volume_ul, 100.0 / nominal_ul, before, after),
        component(
            "timing of command and stop",
            math.hypot(delivery.u_began_s, delivery.u_ended_s),
            "s",
            100.0 * volume_ul / nominal_ul / delivery.duration_s,
            distribution="rectangular",
            source="sent and acknowledged",
        ),
    ]
    note = f"{volume_ul / delivery.ul_per_u:.4g} U of {nominal_ul / delivery.ul_per_u:.4g} U commanded"
    per_u = 1.0 / delivery.ul_per_u
    return [
        _made(catalogue, "mean_error", 100.0 * (volume_ul / nominal_ul - 1.0), relative, note),
        _made(catalogue, "total_volume", volume_ul * per_u, delivery.components(volume_ul, per_u, before, after)),
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
    before, after = delivery.first_window, delivery.middle(at_s)
    volume_ul = delivery.volume_between_ul(before, after)
    if not math.isfinite(volume_ul):
        return undetermined(name, spec.title, spec.unit, "no level at one of its ends")
    per_u = 1.0 / delivery.ul_per_u
    lines = delivery.components(volume_ul, per_u, before, after)
    lines.append(
        bounded(
            "timing: what came about then", _about_ul(delivery, at_s), "µL", per_u, source="balance around that instant"
        )
    )
    nominal_ul = delivery.rate_ul_per_h * hours
    return _made(
        catalogue, name, volume_ul * per_u, lines, f"{100.0 * (volume_ul / nominal_ul - 1.0):+.2f} % of commanded"
    )


def _about_ul(delivery: Delivery, at_s: float) -> float:
    """Return half of what came about an instant: by the lag of the balance it may count before or after."""
    reach = LAG_S + MIDDLE_LEVEL_S
    around_ul = delivery.volume_between_ul((at_s - reach, at_s - LAG_S), (at_s + LAG_S, at_s + reach))
    steady_ul = delivery.rate_ul_per_h * LAG_S / HOUR_S
    return max(steady_ul, 0.5 * abs(around_ul)) if math.isfinite(around_ul) else steady_ul


@dataclass(frozen=True, slots=True)
class Hours:
    """Every whole hour of a delivery: its error in percent, and standard uncertainties, its own and common to all."""

    errors_percent: list[float]
    own_percent: float
    common_percent: float


def hours_of(delivery: Delivery) -> Hours:
    """Return the errors of all whole hours from the first command on."""
    number = int((delivery.duration_s + 1.0) / HOUR_S)
    instants = [delivery.began_s + i * HOUR_S for i in range(number + 1)]
    levels = [delivery.level_mg(delivery.boundary(at_s)) for at_s in instants]
    nominal_ul = delivery.rate_ul_per_h
    factor = 100.0 * delivery.weighing.conversion.ul_per_mg / nominal_ul
    errors = [factor * (after - before) - 100.0 for before, after in itertools.pairwise(levels)]
    lines = _hour_components(delivery)
    own = math.hypot(*(line.contribution for line in lines if line.name in _OWN))
    common = math.hypot(*(line.contribution for line in lines if line.name not in _OWN))
    return Hours([error for error in errors if math.isfinite(error)], own, common)


_OWN = frozenset({"repeatability", "drift", "readability, of both levels", "air buoyancy of the vessel"})


def _hour_components(delivery: Delivery) -> list[Component]:
    first = delivery.middle(delivery.began_s + HOUR_S)
    second = (first[0] + HOUR_S, first[1] + HOUR_S)
    return delivery.components(delivery.rate_ul_per_h, 100.0 / delivery.rate_ul_per_h, first, second)


def measure_hours(delivery: Delivery, hours: Hours, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the share of hours within ±15 %, and the largest error of one."""
    names = ("hourly_windows_within_15_percent", "largest_hourly_error")
    if not hours.errors_percent:
        why = "the pump delivered for less than an hour"
        return [undetermined(name, catalogue[name].title, catalogue[name].unit, why) for name in names]
    errors = hours.errors_percent
    number = len(errors)
    own, common = share_standard_uncertainty(errors, BAND_PERCENT, [hours.own_percent] * number, hours.common_percent)
    lines = [
        component("hours near the band's edge, each by itself", own, "%", source="noise of an hour's two levels"),
        component("hours near the band's edge, all together", common, "%", source="what all hours have in common"),
    ]
    largest = max(errors, key=abs)
    sign = math.copysign(1.0, largest)
    note = f"{number} hours from the first command"
    share = _made(catalogue, names[0], share_within(errors, BAND_PERCENT), lines, note)
    return [
        kept_possible(share, catalogue[names[0]].natural),
        _made(catalogue, names[1], abs(largest), _hour_components(delivery), "too much" if sign > 0 else "too little"),
    ]


def _made(
    catalogue: Mapping[str, MeasurementSpec], name: str, value: float, lines: Sequence[Component], note: str = ""
) -> Measurement:
    return measurement(name, catalogue[name].title, value, catalogue[name].unit, lines, note=note)
