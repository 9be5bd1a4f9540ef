"""From weighed boluses to the measurements of a bolus test, each with its budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded, combined, component, kept_possible, measurement, scaled, undetermined
from bench.metrology.extremes import greatest_seen
from bench.metrology.noise import Levels, Window
from bench.metrology.shares import BAND_PERCENTS, share_standard_uncertainty, share_within
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.catalogue import EQUAL
from bench.procedures.bolus.course import ARRIVED_SHARE, DEAD_HALF_WIDTH_S, DEAD_S, LAG_HALF_WIDTH_S, LAG_S
from bench.procedures.bolus.meanwhile import NAME as BASAL
from bench.procedures.bolus.meanwhile import Meanwhile
from bench.procedures.bolus.settling import StillToCome, follow_on, lacking
from bench.procedures.bolus.weighing import WeighedBolus
from bench.procedures.shared.largest import lines_of_largest
from bench.procedures.shared.weighing import AT_LOADS, BY_NOISE, OF_LEVELS, Weighing
from bench.results.model import Component, Measurement, Pulse

OWN = OF_LEVELS | AT_LOADS | {BASAL}
"""Budget lines that every bolus has of its own; all others are shared."""
_STEADY_S = 30.0
"""Levels of the balance are told from each other as means over so long."""


@dataclass(frozen=True, slots=True)
class BolusRow:
    """All boluses of a test that could be weighed. Volumes are in percent of commanded unless they say otherwise."""

    weighed: Sequence[WeighedBolus]
    weighing: Weighing
    commanded_ul: float
    ul_per_u: float
    to_come: StillToCome
    basal: Meanwhile | None

    @property
    def percent_per_mg(self) -> float:
        """One milligram on the balance, in percent of a commanded bolus."""
        return 100.0 * self.weighing.conversion.ul_per_mg / self.commanded_ul

    @property
    def u_per_mg(self) -> float:
        """One milligram on the balance, in U."""
        return self.weighing.conversion.ul_per_mg / self.ul_per_u

    @property
    def u_per_percent(self) -> float:
        """One percent of a commanded bolus, in U."""
        return 0.01 * self.commanded_ul / self.ul_per_u

    @property
    def deviations(self) -> list[float]:
        """Each bolus' deviation from commanded."""
        return [
            (one.mass_mg + self.to_come.mass_mg * share) * self.percent_per_mg - 100.0
            for one, share in zip(self.weighed, lacking(self.weighed).tolist(), strict=True)
        ]

    def budgets(self) -> list[list[Component]]:
        """Return the budget of every single bolus."""
        return [
            self._of_bolus(one, share) for one, share in zip(self.weighed, lacking(self.weighed).tolist(), strict=True)
        ]

    def budget_of_one(self) -> list[Component]:
        """Return the budget of a single bolus, the widest."""
        return max(self.budgets(), key=combined)

    def pulses(self) -> list[Pulse]:
        """Return every bolus with its volume and its own standard uncertainty, in µL."""
        per_percent = 0.01 * self.commanded_ul
        return [
            Pulse(
                time_s=one.bolus.sent_s,
                volume_ul=(100.0 + deviation) * per_percent,
                standard_uncertainty_ul=combined(lines) * per_percent,
                kind="bolus",
            )
            for one, deviation, lines in zip(self.weighed, self.deviations, self.budgets(), strict=True)
        ]

    def budget_of_mean(self) -> list[Component]:
        """Return the budget of the mean: what is each bolus' own averages out, what is common to all does not.

        An error of the balance at a load ends one bolus and begins the next, with opposite signs: of a row only those
        at the first and the last load are left. Noise is that of all windows at their places, neighbours' correlation
        in it.
        """
        number = len(self.weighed)
        interval_s = sum(one.interval_s for one in self.weighed) / number
        windows = [window for one in self.weighed for window in (one.bolus.before, one.bolus.after)]
        levels = Levels.of(windows, [-1.0 / number, 1.0 / number] * number)
        lines = []
        for line in self.budget_of_levels(levels, interval_s, float(lacking(self.weighed).mean())):
            if line.name in BY_NOISE or line.name == BASAL or line.name not in OWN:
                lines.append(line)
            else:
                lines.append(scaled(line, 1.0 / number if line.name in AT_LOADS else 1.0 / math.sqrt(number)))
        return lines

    def own_and_common(self) -> tuple[float, float]:
        """Return the standard uncertainties of a bolus that are its own, and that it shares with all others."""
        own = combined(self._own_lines())
        return own, combined([line for line in self._usual() if line.name not in OWN])

    def own_in_scatter(self) -> float:
        """Return by how much the boluses' own errors alone make them scatter.

        A level that ends one bolus and begins the next acts on both, with opposite signs: such errors make n boluses
        scatter by (n + 1)/n more, as a variance, than errors of each alone.
        """
        number = len(self.weighed)
        chained = (number + 1.0) / number
        all_chained = all(follow_on(self.weighed))
        return math.sqrt(
            sum(
                line.contribution**2 * (chained if all_chained or line.name in AT_LOADS else 1.0)
                for line in self._own_lines()
            )
        )

    def _own_lines(self) -> list[Component]:
        return [line for line in self._usual() if line.name in OWN]

    def _usual(self) -> list[Component]:
        """Return the budget of the noisiest bolus, lacking what boluses do in the root mean square."""
        worst = max(self.weighed, key=lambda one: one.noise.standard_uncertainty)
        return self._of_bolus(worst, rms(lacking(self.weighed).tolist()))

    def _of_bolus(self, one: WeighedBolus, lacked: float) -> list[Component]:
        return self.budget_of_levels(Levels.difference(one.bolus.before, one.bolus.after), one.interval_s, lacked)

    def budget_of_levels(self, levels: Levels, interval_s: float, lacked: float) -> list[Component]:
        """Return the budget of a bolus that is a difference of levels, or of a mean of such, lacking so much."""
        per_ul = 100.0 / self.commanded_ul
        lines = self.weighing.components(self.commanded_ul, per_ul, levels, interval_s)
        lines.append(self.to_come.component(lacked, self.percent_per_mg))
        return [*lines, self.basal.component(levels, per_ul)] if self.basal is not None else lines


def measure(row: BolusRow, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return every measurement of a catalogue of equal boluses, in its order."""
    made = {**_volumes(row), **_bands(row), **_course(row)}
    return [made[name] for name in catalogue]


def nothing_measured(catalogue: Mapping[str, MeasurementSpec], why: str) -> list[Measurement]:
    """Return every measurement of a catalogue as one that could not be made."""
    return [undetermined(name, spec.title, spec.unit, why) for name, spec in catalogue.items()]


def _volumes(row: BolusRow) -> dict[str, Measurement]:
    mean = float(np.mean(row.deviations))
    of_mean, of_each = row.budget_of_mean(), row.budgets()
    reported = float(np.mean([100.0 * one.bolus.reported_ul / row.commanded_ul for one in row.weighed]))
    in_u = [scaled(line, row.u_per_percent) for line in of_mean]
    values: dict[str, tuple[float, list[Component]]] = {
        "mean_error": (mean, of_mean),
        "mean_volume": ((100.0 + mean) * row.u_per_percent, in_u),
        "reported_difference": (reported - 100.0 - mean, [scaled(line, -1.0) for line in of_mean]),
    }
    made = {
        name: measurement(name, EQUAL[name].title, value, EQUAL[name].unit, lines)
        if math.isfinite(value)
        else undetermined(name, EQUAL[name].title, EQUAL[name].unit, "what the pump reported is not known")
        for name, (value, lines) in values.items()
    }
    for name, sign in (("largest_positive_deviation", 1.0), ("largest_negative_deviation", -1.0)):
        made[name] = _largest(row, of_each, sign, EQUAL[name], name)
    made["bolus_sd"] = _standard_deviation(row, EQUAL["bolus_sd"])
    return made


def _largest(
    row: BolusRow, of_each: Sequence[Sequence[Component]], sign: float, spec: MeasurementSpec, name: str
) -> Measurement:
    """Return the largest deviation one way, less what errors of each bolus' own make it too large."""
    signed = sign * np.array(row.deviations)
    at = int(np.argmax(signed))
    own = np.array([combined([line for line in lines if line.name in OWN]) for lines in of_each])
    by_noise = greatest_seen(signed, own)
    lines = lines_of_largest(of_each[at], OWN, by_noise, "largest of many boluses by noise", -sign)
    value, note = sign * (float(signed[at]) - by_noise.excess), f"{row.deviations[at]:+.2f} % seen of {len(signed)}"
    return measurement(name, spec.title, value, spec.unit, lines, note=note)


def _standard_deviation(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    number = len(row.weighed)
    if number < 2:
        return undetermined("bolus_sd", spec.title, spec.unit, "a single bolus has no scatter")
    seen = float(np.std(row.deviations, ddof=1))
    own, common = row.own_in_scatter(), row.own_and_common()[1]
    scatter = math.sqrt(max(0.0, seen**2 - own**2))
    # To first order in own/scatter; for a scatter that weighing drowns it is what weighing itself could make appear.
    left = own * math.sqrt((2.0 * scatter**2 + own**2) / (2.0 * (number - 1))) / max(scatter, own, 1e-12)
    lines = [
        component("weighing of each bolus", left, "%", source="its own budget, taken out of the scatter"),
        component("scale of all boluses", 0.01 * common, "1", scatter, source="what the boluses share", form="factor"),
    ]
    return measurement("bolus_sd", spec.title, scatter, spec.unit, lines)


def _bands(row: BolusRow) -> dict[str, Measurement]:
    own, common = row.own_and_common()
    made = {}
    for band in BAND_PERCENTS:
        name = f"within_{band}_percent"
        each, all_at_once = share_standard_uncertainty(row.deviations, band, [own] * len(row.weighed), common)
        lines = [
            component("weighing of each bolus", each, "%", source="chance that a bolus is on the other side"),
            component("errors that all boluses share", all_at_once, "%", source="all shifted at once"),
        ]
        spec = EQUAL[name]
        share = measurement(name, spec.title, share_within(row.deviations, band), spec.unit, lines)
        made[name] = kept_possible(share, spec.natural)
    return made


def _course(row: BolusRow) -> dict[str, Measurement]:
    if all(one.arrival is None for one in row.weighed):
        why = "5 % of a bolus do not stand out of the balance's noise"
        return {
            name: undetermined(name, EQUAL[name].title, EQUAL[name].unit, why)
            for name in ("delivery_time", "tail_fraction")
        }
    return {
        "delivery_time": _delivery_time(row, EQUAL["delivery_time"]),
        "tail_fraction": _tail_fraction(row, EQUAL["tail_fraction"]),
    }


def _delivery_time(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    timed = [one.arrival for one in row.weighed if one.arrival is not None]
    root = math.sqrt(len(timed))
    per_mg = float(np.mean([one.s_per_mg for one in timed]))
    levels = [
        row.weighing.noise.difference(_around(one.bolus.sent_s + one.arrival.time_s), one.bolus.after)
        for one in row.weighed
        if one.arrival is not None
    ]
    level_mg = ARRIVED_SHARE * rms([each.standard_uncertainty for each in levels]) / root
    lines = [
        lag_component(float(np.mean([one.time_per_lag for one in timed]))),
        dead_component(-1.0),
        *row.weighing.lateness(-1.0),
        component("noise at 95 %", rms([one.u_time_s for one in timed]) / root, "s", source="blanks"),
        component("noise of the levels", level_mg, "mg", per_mg, source="noise of the blanks"),
        row.to_come.component(per_mg / row.percent_per_mg, row.percent_per_mg),
    ]
    mean_s = float(np.mean([one.time_s for one in timed]))
    return measurement("delivery_time", spec.title, mean_s, spec.unit, lines)


def lag_component(per_s: float) -> Component:
    """Return the line of what the balance's filter leaves open; `per_s` is the measurement's change with its lag."""
    name, source = "lag of the balance's filter", "0.5 s to 1.5 s"
    return bounded(name, LAG_HALF_WIDTH_S, "s", per_s, source=source, estimate=LAG_S)


def dead_component(per_s: float) -> Component:
    """Return the line of how late the balance tells; `per_s` is the measurement's change with that."""
    name, source = "dead time of the balance", "0 s to 0.3 s"
    return bounded(name, DEAD_HALF_WIDTH_S, "s", per_s, source=source, estimate=DEAD_S)


def _around(time_s: float) -> Window:
    return (time_s - 0.5 * _STEADY_S, time_s + 0.5 * _STEADY_S)


def _tail_fraction(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    timed = [
        (one, one.arrival) for one in row.weighed if one.arrival is not None and math.isfinite(one.arrival.late_mg)
    ]
    if not timed:
        return undetermined("tail_fraction", spec.title, spec.unit, "nobody says when the pump was done")
    root = math.sqrt(len(timed))
    late, per_lag, per_dead, noise, levels = (
        [100.0 * value / one.mass_mg for (one, _), value in zip(timed, values, strict=True)]
        for values in (
            [arrival.late_mg for _, arrival in timed],
            [arrival.late_mg_per_lag_s for _, arrival in timed],
            [arrival.late_mg_per_dead_s for _, arrival in timed],
            [arrival.u_late_mg for _, arrival in timed],
            [one.noise.standard_uncertainty for one, _ in timed],
        )
    )
    mean_mg = float(np.mean([one.mass_mg for one, _ in timed]))
    lines = [
        lag_component(float(np.mean(per_lag))),
        dead_component(float(np.mean(per_dead))),
        *row.weighing.lateness(float(np.mean(per_dead))),
        component("noise at the pump's end", rms(noise) / root, "%", source="blanks"),
        component("noise of the levels", rms(levels) / root, "%", source="noise of the blanks"),
        row.to_come.component(1.0, 100.0 / mean_mg),
    ]
    return measurement("tail_fraction", spec.title, max(0.0, float(np.mean(late))), spec.unit, lines)


def rms(values: Sequence[float]) -> float:
    """Return the root mean square."""
    return math.sqrt(sum(value**2 for value in values) / len(values))
