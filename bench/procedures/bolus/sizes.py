"""Boluses of several sizes: the error of each, and the one that may be furthest off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.metrology.budget import expanded, measurement
from bench.metrology.shares import share_within
from bench.procedures.base import MeasurementSpec
from bench.procedures.bolus.row import BolusRow
from bench.results.model import Figure, Measurement, Rule, Table
from bench.results.model import Series as Curve


def size_u(row: BolusRow) -> float:
    """Return the commanded volume in U."""
    return row.commanded_ul / row.ul_per_u


def mean_error(row: BolusRow) -> tuple[float, float]:
    """Return the mean error of a size and its expanded uncertainty, in percent."""
    return float(np.mean(row.deviations)), expanded(row.budget_of_mean())[0]


def largest_size_error(rows: Sequence[BolusRow], spec: MeasurementSpec) -> Measurement:
    """Return the mean error of the size whose interval reaches furthest: where it keeps ±x, all sizes do."""
    errors = [mean_error(row) for row in rows]
    furthest = max(range(len(rows)), key=lambda place: abs(errors[place][0]) + errors[place][1])
    row = rows[furthest]
    note = f"of {len(rows)} sizes that of {size_u(row):g} U; the table has them all"
    return measurement(
        "largest_size_error", spec.title, errors[furthest][0], spec.unit, row.budget_of_mean(), note=note
    )


def size_table(rows: Sequence[BolusRow]) -> Table:
    """Return every size with its mean error, scatter and extremes."""
    cells = []
    for row in rows:
        deviations = row.deviations
        value, uncertainty = mean_error(row)
        scatter = f"{float(np.std(deviations, ddof=1)):.2f}" if len(deviations) > 1 else "–"
        reported = [one.bolus.reported_ul / row.commanded_ul * 100.0 - 100.0 for one in row.weighed]
        cells.append(
            [
                f"{size_u(row):g}",
                str(len(deviations)),
                f"{(100.0 + value) * row.u_per_percent:.4f}",
                f"{value:+.2f}",
                f"{uncertainty:.2f}",
                scatter,
                f"{min(deviations):+.2f}",
                f"{max(deviations):+.2f}",
                f"{share_within(deviations, 15):.0f} %",
                f"{float(np.mean(reported)) - value:+.2f}" if np.all(np.isfinite(reported)) else "–",
            ]
        )
    return Table(
        name="sizes",
        title="Boluses by size",
        columns=[
            "commanded / U",
            "boluses",
            "mean / U",
            "mean error / %",
            "U / %",
            "SD as weighed / %",
            "lowest / %",
            "highest / %",
            "within ±15 %",
            "reported − weighed / %",
        ],
        rows=cells,
        note="All in percent of commanded; U is the expanded uncertainty of the mean error.",
    )


def size_figure(rows: Sequence[BolusRow], words: str) -> Figure:
    """Return the mean error of every size, equally spaced, with its uncertainty."""
    errors = [mean_error(row) for row in rows]
    place: list[float | None] = [float(i) for i in range(1, len(rows) + 1)]
    each = [(float(i), deviation) for i, row in enumerate(rows, start=1) for deviation in row.deviations]
    return Figure(
        name="sizes",
        title="Error of every size",
        x_label="size, from the smallest up: " + ", ".join(f"{size_u(row):g}" for row in rows) + " U",
        y_label="error / %",
        series=[
            Curve(label="each bolus", x=[x for x, _ in each], y=[y for _, y in each], style="points", role="pulse"),
            Curve(label="mean", x=place, y=[value for value, _ in errors], role="mass"),
            Curve(label="− U", x=place, y=[value - u for value, u in errors], style="band-low", role="envelope"),
            Curve(label="+ U", x=place, y=[value + u for value, u in errors], style="band-high", role="envelope"),
        ],
        rules=[Rule(y=0.0, label="commanded")],
        caption="Deviation from commanded; the band is the expanded uncertainty of a size's mean." + words,
    )
