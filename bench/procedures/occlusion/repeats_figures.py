"""Figures of several occlusions in one test: each upon the other, and the whole course once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.decimate import series
from bench.procedures.occlusion.figures import (
    AROUND_S,
    course_marks,
    course_table,
    mass_figure,
    pressure_figure,
)
from bench.procedures.occlusion.readings import LEVEL_S, OcclusionReadings
from bench.procedures.shared.course import MINUTE_S
from bench.results.model import Figure, Mark, Rule, Table

AFTER_OPENING_S = 30.0


def repeats_figures(seen: Sequence[OcclusionReadings], start_s: float, words: str) -> list[Figure]:
    """Return pressure and release of all occlusions upon one another, then pressure and mass of the whole test."""
    marks = [
        mark.model_copy(update={"label": f"{mark.label} {number}"})
        for number, one in enumerate(seen, start=1)
        for mark in course_marks(one, start_s)
    ]
    whole = [pressure_figure(seen[0], start_s, words)] if len(seen[0].pressure) else []
    whole.append(mass_figure(seen[0], start_s, words))
    return [
        _pressures(seen, words),
        _releases(seen, words),
        *(figure.model_copy(update={"marks": marks}) for figure in whole),
    ]


def _pressures(seen: Sequence[OcclusionReadings], words: str) -> Figure:
    """Return the pressure of every occlusion against the time since its line was shut, one upon the other."""
    curves, marks = [], []
    for number, one in enumerate(seen, start=1):
        facts = one.facts
        if facts.origin is None or one.zero is None:
            continue
        end_s = facts.opened.acknowledged_s + AFTER_OPENING_S if facts.opened is not None else math.inf
        shown = (one.pressure.time_s >= facts.origin.sent_s - MINUTE_S) & (one.pressure.time_s <= end_s)
        minutes = (one.pressure.time_s[shown] - one.begin_s) / MINUTE_S
        curves.append(
            series(
                f"occlusion {number}",
                minutes,
                one.pressure.value[shown] - one.zero.value,
                role=f"pressure of occlusion {number}",
            )
        )
        if facts.alarm is not None:
            marks.append(Mark(x=(facts.alarm.time_s - one.begin_s) / MINUTE_S, label=f"alarm {number}"))
    return Figure(
        name="occlusions",
        title="Pressure in every occlusion",
        x_label="time since the flow met the shut line / min",
        y_label="pressure / kPa",
        series=curves,
        marks=marks,
        rules=[Rule(y=0.0, label="open line")],
        caption="A pump and a line that stay as they were give the same curve each time." + words,
    )


def _releases(seen: Sequence[OcclusionReadings], words: str) -> Figure:
    curves = []
    for number, one in enumerate(seen, start=1):
        opened, weighing = one.facts.opened, one.weighing
        if opened is None:
            continue
        shown = (weighing.time_s >= opened.sent_s - LEVEL_S) & (weighing.time_s <= opened.sent_s + AROUND_S)
        base = (weighing.time_s >= opened.sent_s - LEVEL_S) & (weighing.time_s <= opened.sent_s)
        level_mg = float(np.nanmean(weighing.mass_mg[base])) if base.any() else 0.0
        gained_mg = weighing.mass_mg[shown] - level_mg
        role = f"mass of occlusion {number}"
        curves.append(series(f"occlusion {number}", weighing.time_s[shown] - opened.sent_s, gained_mg, role=role))
    return Figure(
        name="release",
        title="What the line gave back each time",
        x_label="time since the opening / s",
        y_label="mass gained / mg",
        series=curves,
        marks=[Mark(x=0.0, label="line opened")],
        caption="Mass above the level before each opening." + words,
    )


def courses_table(seen: Sequence[OcclusionReadings], start_s: float) -> Table:
    """Return the course of every occlusion, in one table."""
    tables = [course_table(one, start_s) for one in seen]
    rows = [[str(number), *row] for number, table in enumerate(tables, start=1) for row in table.rows]
    return tables[0].model_copy(update={"columns": ["occlusion", *tables[0].columns], "rows": rows})
