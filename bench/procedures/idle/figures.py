"""Figures and tables of a pump at rest."""

from __future__ import annotations

import math

import numpy as np

from bench.metrology.budget import expanded
from bench.metrology.decimate import series
from bench.metrology.loss_slope import SECONDS_PER_HOUR
from bench.metrology.noise import Levels, Window, block_means
from bench.metrology.rounding import number
from bench.procedures.idle.watch import Watched
from bench.quantities import Concentration, Limit
from bench.results.model import Figure, Mark, Rule, Table

MOST_MARKS = 20
_POINTS = 30
_MEAN_S = 10.0


def idle_figures(found: Watched, span: Window, words: str, limit: Limit | None, *, declared: bool) -> list[Figure]:
    """Return what came against time, beside the limit and what evaporation and noise alone would make of it."""
    weighing = found.weighing
    inside = (weighing.time_s >= span[0]) & (weighing.time_s <= span[1])
    middle_s, mean_mg = block_means(weighing.time_s[inside], weighing.mass_mg[inside], _MEAN_S)
    begin_s = 0.5 * sum(found.before)
    at_begin = (middle_s >= found.before[0]) & (middle_s <= found.before[1])
    level_mg = float(np.nanmean(mean_mg[at_begin])) if at_begin.any() else 0.0
    hours = (middle_s - begin_s) / SECONDS_PER_HOUR
    came_u = (mean_mg - level_mg + weighing.loss_mg_per_s * (middle_s - begin_s)) * found.u_per_mg
    curves = [series("came", hours, came_u, role="mass")]
    if declared:
        at, half = _open_u(found, span)
        curves += [
            series("± U of nothing", at, [-each for each in half], style="band-low", role="envelope"),
            series("± U of nothing", at, half, style="band-high", role="envelope"),
        ]
        ends = [0.0, float(hours[-1])]
        for side in (None, None) if limit is None else limit.to("U/h", Concentration(1000.0 / found.ul_per_u)):
            if side is not None:
                label = f"limit {number(side, signed=True)} U/h"
                curves.append(series(label, ends, [side * at_h for at_h in ends], role="limit"))
    marks = [
        Mark(x=(step.time_s - begin_s) / SECONDS_PER_HOUR, label=f"{step.mass_mg * found.u_per_mg:+.3g} U")
        for step in found.steps.found[:MOST_MARKS]
    ]
    band = "; band: where it may lie with nothing delivered, by noise and the declared evaporation" if declared else ""
    seen = "; lines: steps" if marks else ""
    off = "the declared evaporation made good" if declared else "no evaporation is declared, none is made good"
    return [
        Figure(
            name="idle",
            title="What came from the pump at rest",
            x_label="time since the first level / h",
            y_label="volume / U",
            series=curves,
            marks=marks,
            rules=[Rule(y=0.0, label="nothing delivered")],
            caption=f"Means of {_MEAN_S:g} s from the first level on, {off}{band}{seen}.{words}",
        )
    ]


def _open_u(found: Watched, span: Window) -> tuple[list[float], list[float]]:
    """Return hours and expanded uncertainties in U of levels along the watch, had nothing come."""
    begin_s, width_s = 0.5 * sum(found.before), found.before[1] - found.before[0]
    hours, half = [], []
    for at_s in np.linspace(found.before[1] + 0.5 * width_s, span[1] - 0.5 * width_s, _POINTS):
        levels = Levels.difference(found.before, (float(at_s) - 0.5 * width_s, float(at_s) + 0.5 * width_s))
        lines = found.weighing.components(0.0, 1.0 / found.ul_per_u, levels, float(at_s) - begin_s)
        hours.append((float(at_s) - begin_s) / SECONDS_PER_HOUR)
        half.append(expanded(lines)[0])
    return hours, half


def idle_tables(found: Watched, counted_u: float, *, declared: bool) -> list[Table]:
    """Return the rates by where they are from, and every step."""
    per_mg, loss = found.u_per_mg, found.weighing.evaporation.mg_per_h
    gained = found.mass_mg / found.hours - loss
    rows = [["the mass changed", *_rates(gained * per_mg, found)]]
    if declared:
        uncertainty, _ = expanded(found.rate_budget())
        rate, limit = found.rate_u_per_h, found.rate_limit_u_per_h
        rows += [
            ["evaporation, by the rig file", *_rates(-loss * per_mg, found)],
            ["from the pump", *_rates(rate, found)],
            ["± expanded uncertainty", *_rates(uncertainty, found)],
            ["not more than (95 %, one-sided)", *_rates(limit, found)],
            ["not less than (95 %, one-sided)", *_rates(2.0 * rate - limit, found)],
            ["detection limit", *_rates(found.detection_limit_u_per_h, found)],
        ]
    rows.append(["of the mass' change: in steps", *_rates(found.stepped_u / found.hours, found)])
    if math.isfinite(counted_u):
        rows.append(["counted by the pump", *_rates(counted_u / found.hours, found)])
    tables = [
        Table(
            name="rates",
            title="Rates while the pump was at rest",
            columns=["what", "U/h", "µL/h", "mg/h"],
            rows=rows,
            note="Evaporation and a leak are told apart only by the rig file; steps need no evaporation to be seen.",
        )
    ]
    if found.steps.found:
        begin_s = 0.5 * sum(found.before)
        own = 2.0 * found.steps.standard_uncertainty_mg * per_mg
        tables.append(
            Table(
                name="steps",
                title="Every step of the balance",
                columns=["step", "after / min", "volume / U"],
                rows=[
                    [str(index), f"{(step.time_s - begin_s) / 60.0:.1f}", f"{step.mass_mg * per_mg:+.4f}"]
                    for index, step in enumerate(found.steps.found, start=1)
                ],
                note=f"Noise leaves ±{own:.2g} U of a step open (k = 2); steps within a minute count as one.",
            )
        )
    return tables


def _rates(u_per_h: float, found: Watched) -> list[str]:
    return [f"{u_per_h:+.4f}", f"{u_per_h * found.ul_per_u:+.3f}", f"{u_per_h / found.u_per_mg:+.3f}"]
