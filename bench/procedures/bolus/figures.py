"""Figures and tables of a bolus test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bench.metrology.budget import expanded
from bench.metrology.decimate import series
from bench.metrology.noise import Floats
from bench.metrology.shares import BAND_PERCENTS
from bench.procedures.bolus.bins import EDGES_OF_8_PERCENT, EDGES_OF_10_PERCENT, bin_table
from bench.procedures.bolus.courses import Course, shares_at
from bench.procedures.bolus.row import BolusRow
from bench.procedures.bolus.spread import Programmed
from bench.procedures.bolus.weighing import CommandedBolus, WeighedBolus
from bench.procedures.shared.weighing import Weighing
from bench.results.model import Figure, Mark, Measurement, Rule, Table
from bench.results.model import Series as Curve

Beside = Literal["commanded", "reported", "nothing"]
MOST_MARKS = 30
TOLD_APART = 0.02
"""By so much of what was commanded the pump's word must differ to be drawn by itself."""
_PROGRAMME_POINTS = 200


def mass_figure(
    weighing: Weighing, boluses: Sequence[CommandedBolus], start_s: float, words: str, beside: Beside
) -> Figure:
    """Return mass against time with every command, beside what was to come.

    That is what was commanded, and what the pump reports where it differs; only what it `reported` of cancelled
    boluses; `nothing` where a basal rate comes, too.
    """
    time_s, mass_mg = weighing.time_s, weighing.mass_mg
    shown = beside != "nothing" and boluses and len(time_s)
    expected = _expected(weighing, boluses, start_s, beside) if shown else []
    marks = [Mark(x=(bolus.sent_s - start_s) / 60.0, label=f"bolus {bolus.index}") for bolus in boluses]
    if beside == "reported":
        marks += [Mark(x=(bolus.done_s - start_s) / 60.0, label=f"cancelled {bolus.index}") for bolus in boluses]
        marks.sort(key=lambda mark: mark.x)
    if len(marks) > MOST_MARKS:
        marks = [marks[0], marks[-1]]
    return Figure(
        name="mass",
        title="Mass on the balance",
        x_label="time since the test began / min",
        y_label="mass / mg",
        series=[series("weighed", (time_s - start_s) / 60.0, mass_mg, role="mass"), *expected],
        marks=marks,
        caption="As the balance showed it, reduced to least and greatest of each stretch; lines: bolus commanded."
        + words,
    )


def _expected(weighing: Weighing, boluses: Sequence[CommandedBolus], start_s: float, beside: Beside) -> list[Curve]:
    """Return what should have come onto the balance by command, and by the pump's own word where that differs."""
    before = boluses[0].before
    known = weighing.mass_mg[(weighing.time_s >= before[0]) & (weighing.time_s <= before[1])]
    level_mg = float(np.nanmean(known)) if np.isfinite(known).any() else 0.0
    commanded = [each.commanded_ul for each in boluses]
    reported = [each.reported_ul for each in boluses]
    drawn = {"commanded": commanded} if beside == "commanded" else {}
    apart = [abs(said - told) > TOLD_APART * told for said, told in zip(reported, commanded, strict=True)]
    if np.all(np.isfinite(reported)) and any(apart):
        drawn["reported by the pump"] = reported
    curves = []
    for label, volumes_ul in drawn.items():
        x, y = [start_s], [level_mg]
        for bolus, volume_ul in zip(boluses, volumes_ul, strict=True):
            x += [bolus.sent_s, bolus.done_s]
            y += [y[-1], y[-1] + volume_ul / weighing.conversion.ul_per_mg]
        x.append(max(x[-1], float(weighing.time_s[-1])))
        y.append(y[-1])
        role = "nominal" if label == "commanded" else "reported"
        curves.append(series(label, (np.array(x) - start_s) / 60.0, y, role=role))
    return curves


def row_figures(row: BolusRow, words: str) -> list[Figure]:
    """Return the figures of the weighed boluses."""
    return [_volumes_figure(row, words), _distribution_figure(row, words), delivery_figure(row, words)]


def _volumes_figure(row: BolusRow, words: str) -> Figure:
    uncertainty, _ = expanded(row.budget_of_one())
    index: list[float | None] = [float(one.bolus.index) for one in row.weighed]
    deviations = row.deviations
    return Figure(
        name="boluses",
        title="Every bolus against what was commanded",
        x_label="bolus",
        y_label="deviation / %",
        series=[
            Curve(label="weighed", x=index, y=[*deviations], style="points", role="pulse"),
            Curve(label="± U", x=index, y=[d - uncertainty for d in deviations], style="band-low", role="envelope"),
            Curve(label="± U", x=index, y=[d + uncertainty for d in deviations], style="band-high", role="envelope"),
        ],
        rules=[Rule(y=0.0, label="commanded")],
        caption=f"Weighed volume of each bolus; the band is its expanded uncertainty U = {uncertainty:.2g} %." + words,
    )


def _distribution_figure(row: BolusRow, words: str) -> Figure:
    extent = max(1.0, *(abs(value) for value in row.deviations))
    width = next((width for width in (1.0, 2.0, 5.0) if extent / width <= 12.0), 10.0)
    classes = int(np.ceil(extent / width)) + 1
    middles = width * np.arange(-classes, classes + 1)
    counts, _ = np.histogram(row.deviations, np.append(middles - 0.5 * width, middles[-1] + 0.5 * width))
    bars = Curve(
        label="boluses",
        x=[float(value) for value in middles],
        y=[float(value) for value in counts],
        style="bars",
        role="pulse",
    )
    return Figure(
        name="distribution",
        title="How the boluses scatter",
        x_label="deviation / %",
        y_label="boluses",
        series=[bars],
        caption=f"Boluses in classes of {width:g} % of commanded." + words,
    )


def spread_figure(found: Sequence[Course], programmed: Programmed, words: str) -> Figure:
    """Return the courses of the worst bolus and of the first against the programme."""
    largest = max(found, key=lambda each: abs(each.worst.percent))
    chosen = [found[0]] if largest is found[0] else [found[0], largest]
    # The programme is drawn to its end, too, where the pump came to an end before.
    longest_s = max(programmed.latest_end_s, *(float(each.begins_s[-1]) for each in chosen))
    at_s = np.linspace(0.0, 1.02 * longest_s, _PROGRAMME_POINTS)
    minutes = at_s / 60.0
    curves = [
        series(f"bolus {each.one.bolus.index}", shares_at(each) / 60.0, each.percent, role=f"mass of bolus {i}")
        for i, each in enumerate(chosen)
    ]
    latest, earliest = programmed.latest_percent(at_s), programmed.earliest_percent(at_s)
    if programmed.now_ul > 0.0:
        curves += [
            series("programmed, at the latest", minutes, latest, style="band-low", role="envelope"),
            series("programmed, at the earliest", minutes, earliest, style="band-high", role="envelope"),
        ]
    else:
        curves.append(series("programmed", minutes, earliest, role="limit"))
    words = f"{'' if programmed.now_ul == 0.0 else ' Band: the part at once at any speed.'}{words}"
    return Figure(
        name="course",
        title="Delivered course against the programme",
        x_label="time since the command / min",
        y_label="delivered / % of commanded",
        series=curves,
        marks=[
            Mark(x=largest.worst_s / 60.0, label=f"{largest.worst.percent:+.1f} %, bolus {largest.one.bolus.index}")
        ],
        caption=f"Means of {found[0].width_s:g} s; line: where a course was furthest off its programme." + words,
    )


def delivery_figure(row: BolusRow, words: str) -> Figure:
    """Return the course of the first and the last bolus on the balance."""
    chosen = [row.weighed[0], row.weighed[-1]] if len(row.weighed) > 1 else [row.weighed[0]]
    first = chosen[0].bolus
    return Figure(
        name="delivery",
        title="Course of a bolus",
        x_label="time since the command / s",
        y_label="mass gained / mg",
        series=[_course(row.weighing.time_s, row.weighing.mass_mg, one) for one in chosen],
        marks=[
            Mark(x=0.0, label="commanded"),
            Mark(x=first.done_s - first.sent_s, label=f"pump says done (bolus {first.index})"),
        ],
        caption="First and last bolus, each from the level before it." + words,
    )


def _course(time_s: Floats, mass_mg: Floats, one: WeighedBolus) -> Curve:
    bolus = one.bolus
    shown = (time_s >= bolus.before[0]) & (time_s <= bolus.after[1])
    level_mg = float(np.nanmean(mass_mg[(time_s >= bolus.before[0]) & (time_s <= bolus.before[1])]))
    curve = mass_mg[shown] - level_mg
    label = f"bolus {bolus.index}"
    return series(label, time_s[shown] - bolus.sent_s, curve, role=f"mass of {label}", points=1000)


def tables(row: BolusRow, measured: Mapping[str, Measurement]) -> list[Table]:
    """Return every bolus, the bands and both sets of bins."""
    percents = [100.0 + deviation for deviation in row.deviations]
    return [
        _bolus_table(row),
        _band_table(measured),
        bin_table(percents, EDGES_OF_8_PERCENT),
        bin_table(percents, EDGES_OF_10_PERCENT),
    ]


def _bolus_table(row: BolusRow) -> Table:
    uncertainty, _ = expanded(row.budget_of_one())
    rows = [
        [
            str(one.bolus.index),
            f"{(100.0 + deviation) * row.u_per_percent:.4f}",
            f"{deviation:+.2f}",
            "–" if math.isnan(one.bolus.reported_ul) else f"{one.bolus.reported_ul / row.ul_per_u:.4f}",
            "–" if one.arrival is None else f"{one.arrival.time_s:.1f}",
        ]
        for one, deviation in zip(row.weighed, row.deviations, strict=True)
    ]
    return Table(
        name="boluses",
        title="Every bolus",
        columns=["bolus", "weighed / U", "deviation / %", "reported by the pump / U", "95 % arrived after / s"],
        rows=rows,
        note=f"Expanded uncertainty of a bolus: {uncertainty * row.u_per_percent:.2g} U ({uncertainty:.2g} %).",
    )


def _band_table(measured: Mapping[str, Measurement]) -> Table:
    rows = []
    for band in BAND_PERCENTS:
        share = measured[f"within_{band}_percent"]
        rows.append([f"±{band} %", f"{share.value or 0.0:.1f} %", f"{share.expanded_uncertainty or 0.0:.1f} %"])
    return Table(
        name="bands",
        title="Boluses within bands around commanded",
        columns=["band", "share", "U"],
        rows=rows,
        note="A bolus counts by its weighed volume; both edges of a band belong to it.",
    )
