"""Parts of a delivery, such as the segments of a profile or days: what each gave against what was due."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import combined, component, kept_possible, measurement, scaled, undetermined
from bench.metrology.shares import share_standard_uncertainty, share_within
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.by_hand import SOURCE
from bench.procedures.shared.doses import without
from bench.procedures.shared.dosing import BOLUS_SETTLE_S, Dosing, Edge
from bench.procedures.shared.largest import largest_by_size, lines_of_largest
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.times import DAY_S, clock
from bench.procedures.shared.weighing import OF_LEVELS
from bench.results.model import Component, Measurement, Table

BAND_PERCENT = 15.0
_LEAST_DUE = 1e-9
_SHORTEST_S = 60.0
BASAL_MEANWHILE = "basal meanwhile"
"""Line of what the basal rate gave during a bolus."""
_OWN = OF_LEVELS | {
    "instants of doses, each",
    "what still creeps out of the line",
    "doses that may count before or after",
    BASAL_MEANWHILE,
}
FEWEST_FOR_SCATTER = 20
USUAL_SCATTER, USUAL_WANDER = 0.10, 0.04
"""How far doses scatter, and their means over hours wander, where the run does not tell."""


@dataclass(frozen=True, slots=True)
class Period:
    """One part of a delivery; `due_ul` and `delivered_ul` are what was due and what came.

    There are several `pieces` where the pump was stopped in between.
    """

    name: str
    begin_s: float
    end_s: float
    rate_ul_per_h: float
    pieces: tuple[tuple[Edge, Edge], ...]
    due_ul: float
    delivered_ul: float
    budget: tuple[Component, ...]

    @property
    def error_ul(self) -> float:
        """Delivered less due."""
        return self.delivered_ul - self.due_ul

    @property
    def error_percent(self) -> float:
        """The error in percent of what was due; NaN where nothing was."""
        return 100.0 * self.error_ul / self.due_ul if self.due_ul > _LEAST_DUE else math.nan

    @property
    def u_ul(self) -> float:
        """Its standard uncertainty."""
        return combined(self.budget)

    @property
    def u_percent(self) -> float:
        """Its standard uncertainty in percent of what was due."""
        return 100.0 * self.u_ul / self.due_ul if self.due_ul > _LEAST_DUE else math.nan


def period(dosing: Dosing, name: str, begin_s: float, end_s: float) -> Period | None:
    """Return what came between two instants against what was due; None without a level."""
    spans = without(dosing.stopped, begin_s, end_s)
    pieces = [(dosing.edge(first_s), dosing.edge(last_s)) for first_s, last_s in spans]
    pieces = [(first, last) for first, last in pieces if last.level_s > first.level_s]
    delivered_ul = math.fsum(dosing.delivered_ul(*piece) for piece in pieces)
    if not pieces or not math.isfinite(delivered_ul):
        return None
    due_ul = math.fsum(dosing.due_ul(*piece) for piece in pieces)
    rate = dosing.programme.basal_ul(begin_s, end_s) / (end_s - begin_s) * 3600.0
    lines = tuple(dosing.budget(pieces, delivered_ul, 1.0))
    return Period(name, begin_s, end_s, rate, tuple(pieces), due_ul, delivered_ul, lines)


def segments_of(dosing: Dosing) -> list[Period]:
    """Return every segment of the profile, day by day, with all that was laid over it."""
    found: list[Period] = []
    begin_s: float | None = None
    stretches = [each for each in dosing.programme.stretches if each.begin_s < dosing.ended_s]
    for number, stretch in enumerate(stretches):
        if stretch.kind == "stopped":
            begin_s = None
            continue
        begin_s = stretch.begin_s if begin_s is None else begin_s
        following = stretches[number + 1] if number + 1 < len(stretches) else None
        goes_on = (
            following is not None
            and following.kind != "stopped"
            and following.segment == stretch.segment
            and (following.begin_s - begin_s < DAY_S - 1.0)
        )
        if not goes_on:
            since_s = begin_s - dosing.began_s
            end_s = min(stretch.end_s, dosing.ended_s)
            one = period(dosing, clock(since_s), begin_s, end_s) if end_s - begin_s > _SHORTEST_S else None
            found += [one] if one is not None else []
            begin_s = None
    return found


def measure_totals(dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]) -> list[Measurement]:
    """Return the mean error and the volume in all, from the first command until the line had settled."""
    legs = dosing.legs
    delivered_ul = math.fsum(dosing.delivered_ul(*leg) for leg in legs)
    due_ul = math.fsum(dosing.due_ul(*leg) for leg in legs)
    names = ("mean_error", "total_volume")
    if not math.isfinite(delivered_ul) or due_ul <= _LEAST_DUE:
        why = "no level before the first command or after the stop"
        return nothing_stated(catalogue, why, names)
    per_u = 1.0 / dosing.ul_per_u
    percent = [
        *dosing.budget(legs, delivered_ul, 100.0 / due_ul),
        component(
            "timing of the stop",
            dosing.u_ended_s,
            "s",
            100.0 / due_ul * dosing.programme.rate_ul_per_h(dosing.ended_s - 1.0) / 3600.0,
            distribution="rectangular",
            source="sent and acknowledged",
        ),
    ]
    if dosing.u_by_hand_ul:
        what, factor = "when the operator carried out each command", 100.0 / due_ul
        percent[-1] = component(what, dosing.u_by_hand_ul, "µL", factor, source=SOURCE)
    note = f"{delivered_ul * per_u:.4g} U of {due_ul * per_u:.4g} U commanded, boluses included"
    return [
        stated(catalogue, "mean_error", 100.0 * (delivered_ul / due_ul - 1.0), percent, note),
        stated(catalogue, "total_volume", delivered_ul * per_u, dosing.budget(legs, delivered_ul, per_u)),
    ]


@dataclass(frozen=True, slots=True)
class BasalPart:
    """What basal gave outside of boluses, against what was due, from dose to dose."""

    pieces: tuple[tuple[Edge, Edge], ...]
    due_ul: float
    delivered_ul: float

    @property
    def ratio(self) -> float:
        """Delivered over due; 1 where nothing was due."""
        return self.delivered_ul / self.due_ul if self.due_ul > _LEAST_DUE else 1.0


def basal_part(dosing: Dosing) -> BasalPart:
    """Return all of the delivery without its boluses and what follows them."""
    boluses = [(bolus.begin_s - 1.0, bolus.end_s + BOLUS_SETTLE_S) for bolus in dosing.programme.boluses]
    stopped = [(each.begin_s, each.end_s) for each in dosing.programme.stretches if each.kind == "stopped"]
    pieces, due_ul, delivered_ul = [], 0.0, 0.0
    for begin_s, end_s in without([*boluses, *stopped], dosing.began_s, dosing.ended_s):
        first, last = dosing.edge(begin_s), dosing.edge(end_s)
        if last.level_s <= first.level_s or last.counted_s <= first.counted_s:
            continue
        one_ul = dosing.delivered_ul(first, last)
        if dosing.programme.bolus_ul(first.level_s, last.level_s) == 0.0 and math.isfinite(one_ul):
            pieces.append((first, last))
            due_ul += dosing.programme.basal_ul(first.counted_s, last.counted_s)
            delivered_ul += one_ul
    return BasalPart(tuple(pieces), due_ul, delivered_ul)


def measure_basal(dosing: Dosing, part: BasalPart, catalogue: Mapping[str, MeasurementSpec]) -> Measurement:
    """Return the error of the basal rates alone."""
    spec = catalogue["basal_error"]
    if not part.pieces or part.due_ul <= _LEAST_DUE:
        return undetermined("basal_error", spec.title, spec.unit, "no time without a bolus could be weighed")
    lines = dosing.budget(part.pieces, part.delivered_ul, 100.0 / part.due_ul)
    per_u = 1.0 / dosing.ul_per_u
    note = f"{part.delivered_ul * per_u:.4g} U of {part.due_ul * per_u:.4g} U, from dose to dose between boluses"
    return stated(catalogue, "basal_error", 100.0 * (part.ratio - 1.0), lines, note)


def spread_of_basal(dosing: Dosing) -> tuple[float, float]:
    """Return by how much a dose scatters, and means of some hours wander, relative to the mean; usual ones if few."""
    sizes = dosing.doses.size_mg
    mixed = dosing.mixed()
    alone = np.array([not any(a <= at_s <= b for a, b in mixed) for at_s in dosing.doses.time_s], dtype=np.bool_)
    sizes = sizes[alone] if len(sizes) else sizes
    if len(sizes) < FEWEST_FOR_SCATTER:
        return USUAL_SCATTER, USUAL_WANDER
    return float(np.std(sizes) / np.mean(sizes)), USUAL_WANDER


def measure_segments(
    periods: Sequence[Period], catalogue: Mapping[str, MeasurementSpec], largest: str, share: str, what: str
) -> list[Measurement]:
    """Return the largest error of a part, by size, and how many lie within ±15 %."""
    known = [each for each in periods if math.isfinite(each.error_percent)]
    if not known:
        why = f"no {what} could be weighed"
        return nothing_stated(catalogue, why, (largest, share))
    errors = [each.error_percent for each in known]
    own, common = zip(*(_own_and_common(each) for each in known), strict=True)
    worst = max(known, key=lambda each: abs(each.error_percent))
    per_percent = 100.0 / worst.due_ul
    noisy = largest_by_size(errors, own)
    lines = lines_of_largest([scaled(line, per_percent) for line in worst.budget], noisy, "%", f"{what}s")
    where = worst.name if worst.name.startswith(what) else f"{what} from {worst.name}"
    note = f"{where}: {'too much' if worst.error_ul > 0.0 else 'too little'}"
    note += noisy.told(worst.error_percent, "%")
    each, together = share_standard_uncertainty(errors, BAND_PERCENT, own, max(common))
    inside = measurement(
        share,
        catalogue[share].title,
        share_within(errors, BAND_PERCENT),
        catalogue[share].unit,
        [
            component("those near the band's edge, each by itself", each, "%", source="noise of the levels"),
            component("those near the band's edge, all together", together, "%", source="what all have in common"),
        ],
        note=f"{len(known)} {what}s",
    )
    return [
        stated(catalogue, largest, abs(worst.error_percent) - noisy.excess, lines, note),
        kept_possible(inside, catalogue[share].natural),
    ]


def own_of(budget: Sequence[Component]) -> float:
    """Return the standard uncertainty that a part of a delivery has of its own, not shared with others."""
    return combined([line for line in budget if line.name in _OWN])


def _own_and_common(one: Period) -> tuple[float, float]:
    own = own_of(one.budget)
    common = combined([line for line in one.budget if line.name not in _OWN])
    return 100.0 * own / one.due_ul, 100.0 * common / one.due_ul


def periods_table(periods: Sequence[Period], ul_per_u: float, name: str, title: str, what: str) -> Table:
    """Return every part with what was due, what came, and its error with U."""
    rows = [
        [
            one.name,
            f"{(one.end_s - one.begin_s) / 3600.0:.3g}",
            f"{one.rate_ul_per_h / ul_per_u:.3g}",
            f"{one.due_ul / ul_per_u:.4f}",
            f"{one.delivered_ul / ul_per_u:.4f}",
            f"{one.error_ul / ul_per_u:+.4f} ± {2.0 * one.u_ul / ul_per_u:.4f}",
            "–" if math.isnan(one.error_percent) else f"{one.error_percent:+.2f} ± {2.0 * one.u_percent:.2f}",
            "" if math.isnan(one.error_percent) else "yes" if abs(one.error_percent) <= BAND_PERCENT else "NO",
        ]
        for one in periods
    ]
    columns = ["from", "hours", "basal / (U/h)", "due / U", "delivered / U", "error / U", "error / %", "within ±15 %"]
    return Table(
        name=name,
        title=title,
        columns=columns,
        rows=rows,
        note=f"Each {what} from the last dose before it to the last dose in it, so that no dose counts by half; due is"
        " basal, temporary rates and boluses together. ± is the expanded uncertainty (k = 2).",
    )
