"""How a pump does over the days that it is worn: every day, the first hours, and how the error drifts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.metrology.budget import bounded, expanded, measurement, scaled, undetermined
from bench.metrology.decimate import series
from bench.metrology.noise import Levels
from bench.metrology.rounding import number
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.periods import BAND_PERCENT, Period, period
from bench.procedures.shared.times import DAY_S, HOUR_S
from bench.procedures.wear.settings import CHANGE, FEWEST_PARTS, count_parts
from bench.quantities import Quantity
from bench.results.model import Component, Figure, Mark, Measurement, Rule

FIRST_HOURS = 6
NOTHING_PERCENT = 50.0
CLEAR_DRIFT_PERCENT = 2.0
"""A drift by so much a day is told."""


def days_of(dosing: Dosing) -> list[Period]:
    """Return every day of wear, from the first command on; a rest of half a day or more counts as one."""
    return parts_of(dosing, DAY_S, "day")


def parts_of(dosing: Dosing, length_s: float, what: str) -> list[Period]:
    """Return equal parts of the wear time."""
    found = []
    for place in range(count_parts(dosing.ended_s - dosing.began_s, length_s)):
        begin_s = dosing.began_s + place * length_s
        end_s = min(begin_s + length_s, dosing.ended_s)
        one = period(dosing, f"{what} {place + 1}", begin_s, end_s)
        found += [one] if one is not None else []
    return found


def measure_first(dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return the error of the first hours, which are kept in everything else."""
    name = f"first_{FIRST_HOURS}h_error"
    spec = catalogue[name]
    if dosing.ended_s - dosing.began_s < FIRST_HOURS * HOUR_S - 1.0:
        return undetermined(name, spec.title, spec.unit, "the pump was worn for less")
    one = period(dosing, "first hours", dosing.began_s, dosing.began_s + FIRST_HOURS * HOUR_S)
    if one is None or math.isnan(one.error_percent):
        return undetermined(name, spec.title, spec.unit, "no level at one of their ends, or nothing was due")
    lines = [scaled(line, 100.0 / one.due_ul) for line in one.budget]
    per_u = 1.0 / dosing.ul_per_u
    note = f"{one.delivered_ul * per_u:.4g} U of {one.due_ul * per_u:.4g} U; they are kept in every other figure"
    return measurement(name, spec.title, one.error_percent, spec.unit, lines, note=note)


@dataclass(frozen=True, slots=True)
class Drift:
    """A line through the errors of the parts: `per_day` and `at_begin` in percent of due, with the slope's budget."""

    per_day: float
    at_begin: float
    parts: tuple[Period, ...]
    budget: tuple[Component, ...]


def drift_of(dosing: Dosing, parts: Sequence[Period]) -> Drift | None:
    """Return the straight line through the errors of equal parts of the wear time; None of too few."""
    known = [each for each in parts if math.isfinite(each.error_percent)]
    if len(known) < FEWEST_PARTS:
        return None
    days = np.array([0.5 * (each.begin_s + each.end_s) - dosing.began_s for each in known]) / DAY_S
    centred = days - days.mean()
    weights = centred / float(centred @ centred)
    errors = np.array([each.error_percent for each in known])
    slope = float(weights @ errors)
    budget = _slope_budget(dosing, known, weights.tolist(), slope)
    return Drift(slope, float(errors.mean()) - slope * float(days.mean()), tuple(known), tuple(budget))


def _slope_budget(dosing: Dosing, parts: Sequence[Period], weights: Sequence[float], slope: float) -> list[Component]:
    """Return the budget of the slope: it is a weighted sum of levels, and neighbours share one."""
    windows, of_windows, interval_s, creeping, lost = [], [], 0.0, [], []
    for part, weight in zip(parts, weights, strict=True):
        per_ul = 100.0 * weight / part.due_ul
        for first, last in part.pieces:
            windows += [first.window, last.window]
            of_windows += [-per_ul, per_ul]
            interval_s += per_ul * (last.level_s - first.level_s)
            creeping += [per_ul * first.creeping_ul, per_ul * last.creeping_ul]
            lost += [per_ul * first.open_ul, per_ul * last.open_ul]
    # As a difference of two levels: weights of one in all, the later level the heavier, and the rest in the factor.
    size = math.copysign(math.hypot(*of_windows) / math.sqrt(2.0), interval_s)
    levels = Levels.of(windows, [each / size for each in of_windows])
    lines = dosing.weighing.components(slope / size, size, levels, interval_s / size)
    creeping_percent = math.hypot(*creeping)
    lines.append(bounded("what still creeps out of the line", creeping_percent, "%", source="at the ends of parts"))
    if any(lost):
        lines.append(bounded("doses that may count before or after", math.hypot(*lost), "%", source="at the ends"))
    return lines


def measure_drift(drift: Drift | None, part: Quantity, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return by how much the error changes in a day of wear, by its parts of a length."""
    spec = catalogue["error_drift"]
    if drift is None:
        why = f"it takes {FEWEST_PARTS} parts of {part}"
        return undetermined("error_drift", spec.title, spec.unit, why)
    errors = np.array([each.error_percent for each in drift.parts])
    days = np.array([each.begin_s for each in drift.parts]) / DAY_S
    left = errors - np.polyval(np.polyfit(days, errors, 1), days)
    scatter = float(np.sqrt(left @ left / max(1, len(errors) - 2)))
    note = (
        f"line through {len(errors)} parts of {part}, the first hours kept; from {drift.at_begin:+.2f} %"
        f" at the begin; parts scatter about it by {scatter:.2g} %"
    )
    return measurement("error_drift", spec.title, drift.per_day, spec.unit, drift.budget, note=note)


def drift_findings(drift: Drift | None, part: Quantity) -> list[str]:
    """Return that the error clearly drifts over the wear time, and from what to what."""
    if drift is None or any(each.error_percent < -NOTHING_PERCENT for each in drift.parts):
        return []  # a pump that stops does not drift
    u_per_day = expanded(list(drift.budget))[0]
    if abs(drift.per_day) <= max(CLEAR_DRIFT_PERCENT, u_per_day):
        return []
    first, last = drift.parts[0], drift.parts[-1]
    ends = [
        f"{number(each.error_percent, 2, signed=True)} % in the {which} {part}"
        for which, each in (("first", first), ("last", last))
    ]
    why = ". It fades, as where a plunger slips more and more, or a leak grows" if drift.per_day < 0.0 else ""
    return [
        f"Delivery drifts over the wear time, by {number(drift.per_day, 2, signed=True)} % a day: {ends[0]},"
        f" {ends[1]}{why}."
    ]


def drift_figure(dosing: Dosing, parts: Sequence[Period], part: Quantity, drift: Drift | None, words: str) -> Figure:
    """Return the error of every part over the wear time, with the line of the drift."""
    known = [each for each in parts if math.isfinite(each.error_percent)]
    hours = [(0.5 * (each.begin_s + each.end_s) - dosing.began_s) / HOUR_S for each in known]
    drawn = [
        series(
            f"error of every {part}",
            hours,
            [each.error_percent for each in known],
            role="pulse",
            style="bars",
        )
    ]
    if drift is not None:
        ends = [0.0, (dosing.ended_s - dosing.began_s) / HOUR_S]
        line = [drift.at_begin + drift.per_day * each / 24.0 for each in ends]
        drawn.append(series(f"drift {number(drift.per_day, 3, signed=True)} % a day", ends, line, role="flow"))
    marks = [Mark(x=FIRST_HOURS, label=f"first {FIRST_HOURS} h")]
    marks += [Mark(x=(begin_s - dosing.began_s) / HOUR_S, label="reservoir changed") for begin_s, _ in dosing.stopped]
    return Figure(
        name="wear",
        title="Error over the wear time",
        x_label="time since the first command / h",
        y_label="error / %",
        series=drawn,
        marks=marks,
        rules=[
            Rule(y=BAND_PERCENT, label="+15 %"),
            Rule(y=0.0, label="commanded"),
            Rule(y=-BAND_PERCENT, label="−15 %"),
        ],
        caption=f"Delivered against due, boluses included, the first hours kept; not reduced.{words}",
    )


def measure_change(dosing: Dosing, primed_ul: float, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return what reached the vessel while the reservoir was changed: prime, drops, and what ran out."""
    spec = catalogue[CHANGE]
    if not dosing.stopped:
        return undetermined(CHANGE, spec.title, spec.unit, "the test changes no reservoir")
    legs = dosing.legs
    pieces = [(one[1], following[0]) for one, following in pairwise(legs)]
    volume_ul = math.fsum(dosing.delivered_ul(*piece) for piece in pieces)
    if not math.isfinite(volume_ul):
        return undetermined(CHANGE, spec.title, spec.unit, "no level before or after the change")
    per_u = 1.0 / dosing.ul_per_u
    lines = dosing.budget(pieces, volume_ul, per_u)
    note = f"the pump was told to prime {primed_ul * per_u:g} U"
    return measurement(CHANGE, spec.title, volume_ul * per_u, spec.unit, lines, note=note)
