"""Cancelled boluses: what the pump says that it delivered, what it did, and what came after the cancel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bench.metrology.budget import expanded, measurement, scaled, undetermined
from bench.metrology.noise import Levels, Window
from bench.metrology.rounding import number
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.course import DEAD_S, LAG_HALF_WIDTH_S, LAG_S, dead_component, lag_component
from bench.procedures.bolus.row import OWN, BolusRow
from bench.procedures.bolus.weighing import WeighedBolus
from bench.results.model import Measurement, Table

OBEYED_S = 2.0
"""A cancel that a pump acknowledged is obeyed so much later: a pulse under way, and the line, take their time."""
_LOOK_S = 2.4
CLEAR_SHARE = 0.1


def cancelled_difference(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    """Return the mean volume weighed against the mean volume reported, in percent of that."""
    reported = _reported_percent(row)
    if not math.isfinite(reported) or reported <= 0.0:
        why = "the pump reported nothing as delivered" if reported == 0.0 else "what the pump reported is not known"
        return undetermined("cancelled_difference", spec.title, spec.unit, why)
    weighed = 100.0 + float(np.mean(row.deviations))
    lines = [scaled(line, 100.0 / reported) for line in row.budget_of_mean()]
    value = 100.0 * (weighed / reported - 1.0)
    return measurement("cancelled_difference", spec.title, value, spec.unit, lines)


def after_cancel(row: BolusRow, spec: MeasurementSpec) -> Measurement:
    """Return the mean volume that came after the pulse under way, which no cancel can stop, had come."""
    own = 1.0 / math.sqrt(len(row.weighed))
    late = [_late(row, one) for one in row.weighed]
    noisiest = max(row.weighed, key=lambda one: one.noise.standard_uncertainty)
    window = obeyed(noisiest.bolus.active_s)
    levels = Levels.difference(window, noisiest.bolus.after)
    interval_s = 0.5 * (sum(noisiest.bolus.after) - sum(window))
    lines = [
        scaled(line, row.u_per_percent * (own if line.name in OWN else 1.0))
        for line in row.budget_of_levels(levels, interval_s, 1.0)
    ]
    per_dead_s = row.u_per_mg * float(np.mean([each.mg_per_dead_s for each in late]))
    lines += [
        lag_component(row.u_per_mg * float(np.mean([each.mg_per_lag_s for each in late]))),
        dead_component(per_dead_s),
        *row.weighing.lateness(per_dead_s),
    ]
    late_u = row.u_per_mg * float(np.mean([each.mass_mg for each in late]))
    return measurement("after_cancel", spec.title, late_u, spec.unit, lines)


class _Late(NamedTuple):
    """What of one bolus came after its cancel was obeyed, and how that changes with lag and dead time of a balance."""

    mass_mg: float
    mg_per_lag_s: float
    mg_per_dead_s: float


def obeyed(cancelled_s: float) -> Window:
    """Return the window over which what has come by a cancel is looked at: the pulse under way has come by then."""
    return cancelled_s + OBEYED_S - 0.5 * _LOOK_S, cancelled_s + OBEYED_S + 0.5 * _LOOK_S


def _late(row: BolusRow, one: WeighedBolus) -> _Late:
    begin_s, end_s = obeyed(one.bolus.active_s)

    def load_mg(later_s: float = 0.0, lag_s: float = LAG_S) -> float:
        begin, end = (np.array([edge + DEAD_S + later_s]) for edge in (begin_s, end_s))
        return float(one.gain.mean_load_mg(begin, end, lag_s)[0])

    there_mg = load_mg()
    rising = load_mg(0.5 * _LOOK_S) - load_mg(-0.5 * _LOOK_S)
    by_lag = (load_mg(lag_s=LAG_S + LAG_HALF_WIDTH_S) - there_mg) / LAG_HALF_WIDTH_S
    return _Late(one.mass_mg + row.to_come.mass_mg - there_mg, -by_lag, -rising / _LOOK_S)


def cancelled_words(row: BolusRow, asked: int, cancelled: int) -> tuple[list[str], list[str], list[str]]:
    """Return `(findings, notes, doubts)`: what came in words, and how many boluses were over before their cancel.

    A difference between reported and weighed is a finding where it is a clear part of the bolus.
    """
    doubts = []
    if cancelled < asked:
        doubts.append(
            f"Only {cancelled} of {asked} boluses could be cancelled: the others were done before. Cancel earlier, or"
            " give larger ones."
        )
    reported = _reported_percent(row) * row.u_per_percent
    weighed = (100.0 + float(np.mean(row.deviations))) * row.u_per_percent
    uncertainty = expanded(row.budget_of_mean())[0] * row.u_per_percent
    if not math.isfinite(reported) or abs(weighed - reported) <= uncertainty:
        return [], [], doubts
    more = "more than" if weighed > reported else "less than"
    words = (
        f"After the cancel the pump reported {number(reported, 3)} U, and {number(weighed, 3)} U arrived (mean):"
        f" {number(abs(weighed - reported), 2)} U {more} it says."
    )
    if abs(weighed - reported) < CLEAR_SHARE * 100.0 * row.u_per_percent:
        return [], [words], doubts
    late = row.u_per_mg * float(np.mean([_late(row, one).mass_mg for one in row.weighed]))
    if late > 0.5 * abs(weighed - reported) and weighed > reported:
        words += (
            f" {number(late, 2)} U of it came later than {OBEYED_S:g} s after the pump had acknowledged the cancel: it"
            " went on."
        )
    return [words], [], doubts


def cancelled_table(row: BolusRow) -> Table:
    """Return every cancelled bolus: reported, weighed, and what came after the cancel."""
    rows = []
    for one, deviation in zip(row.weighed, row.deviations, strict=True):
        weighed, reported = (100.0 + deviation) * row.u_per_percent, one.bolus.reported_ul / row.ul_per_u
        late = _late(row, one).mass_mg * row.u_per_mg
        cells = (reported, weighed, weighed - reported, late)
        rows.append([str(one.bolus.index), *("–" if math.isnan(cell) else f"{cell:.4f}" for cell in cells)])
    uncertainty = expanded(row.budget_of_one())[0] * row.u_per_percent
    return Table(
        name="cancelled",
        title="Every cancelled bolus",
        columns=["bolus", "reported / U", "weighed / U", "difference / U", "after the cancel / U"],
        rows=rows,
        note=f"Expanded uncertainty of a weighed bolus: {uncertainty:.2g} U.",
    )


def _reported_percent(row: BolusRow) -> float:
    return float(np.mean([100.0 * one.bolus.reported_ul / row.commanded_ul for one in row.weighed]))
