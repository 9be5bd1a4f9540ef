"""From weighed boluses to the measurements of a bolus test, each with its budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrology.budget import combined, component, kept_possible, measurement, scaled, undetermined
from bench.metrology.noise import Window
from bench.metrology.scatter import without_noise
from bench.metrology.shares import BAND_PERCENTS, share_standard_uncertainty, share_within
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.catalogue import EQUAL
from bench.procedures.bolus.course import ARRIVED_SHARE, dead_component, lag_component
from bench.procedures.bolus.row import OWN, BolusRow, rms
from bench.procedures.shared.by_hand import hand_lines
from bench.procedures.shared.largest import largest_one_way, lines_of_largest
from bench.results.model import Component, Measurement

_STEADY_S = 30.0
"""Levels of the balance are told from each other as means over so long."""


def measure(row: BolusRow, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return every measurement of a catalogue of equal boluses, in its order."""
    made = {**_volumes(row), **_bands(row), **_course(row)}
    return [made[name] for name in catalogue]


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
    own = [combined([line for line in lines if line.name in OWN]) for lines in of_each]
    found = largest_one_way(signed.tolist(), own)
    lines = lines_of_largest(of_each[at], found, "%", "boluses", -sign)
    value, note = sign * (float(signed[at]) - found.excess), f"{row.deviations[at]:+.2f} % seen of {len(signed)}"
    return measurement(name, spec.title, value, spec.unit, lines, note=note)


def _standard_deviation(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    number = len(row.weighed)
    if number < 2:
        return undetermined("bolus_sd", spec.title, spec.unit, "a single bolus has no scatter")
    seen = float(np.std(row.deviations, ddof=1))
    scatter, left = without_noise(seen, row.own_in_scatter(), number - 1.0)
    common = row.own_and_common()[1]
    degrees = min(one.noise.degrees_of_freedom for one in row.weighed)
    source = "its own budget, taken out of the scatter"
    lines = [
        component("weighing of each bolus", left, "%", degrees_of_freedom=degrees, source=source),
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
        row.weighing.noise.difference(_around(one.bolus.began_s + one.arrival.time_s), one.bolus.after)
        for one in row.weighed
        if one.arrival is not None
    ]
    level_mg = ARRIVED_SHARE * rms([each.standard_uncertainty for each in levels]) / root
    lines = [
        lag_component(float(np.mean([one.time_per_lag for one in timed]))),
        dead_component(-1.0),
        *row.weighing.lateness(-1.0),
        # A person who is late in confirming is so every time: nothing of it averages out.
        *hand_lines(float(np.mean([one.bolus.by_hand_s for one in row.weighed])), -1.0),
        component("noise at 95 %", rms([one.u_time_s for one in timed]) / root, "s", source="blanks"),
        component("noise of the levels", level_mg, "mg", per_mg, source="noise of the blanks"),
        row.to_come.component(per_mg / row.percent_per_mg, row.percent_per_mg),
    ]
    mean_s = float(np.mean([one.time_s for one in timed]))
    return measurement("delivery_time", spec.title, mean_s, spec.unit, lines)


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
