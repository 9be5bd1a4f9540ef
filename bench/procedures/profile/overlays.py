"""What was laid over a profile: boluses with the basal taken out, temporary rates, suspensions, and what they touch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import combined, component, scaled, undetermined
from bench.metrology.noise import Window
from bench.procedures.base import MeasurementSpec
from bench.procedures.shared.doses import SEPARATE_S, U_DOSE_S
from bench.procedures.shared.dosing import BOLUS_SETTLE_S, CREEP_S, CREEP_SHARE, Dosing, Edge
from bench.procedures.shared.largest import largest_by_size, lines_of_largest
from bench.procedures.shared.levels import CLEAR_S, END_LEVEL_S, LAG_S
from bench.procedures.shared.periods import BASAL_MEANWHILE, BasalPart, Period, own_of, period, spread_of_basal
from bench.procedures.shared.stated import nothing_stated, stated
from bench.procedures.shared.times import clock
from bench.procedures.shared.told_boluses import ToldBolus
from bench.results.model import Component, Measurement, Table

HOUR_S = 3600.0
_EARLIEST_PHASE = -0.2
"""Parts of a dose that basal may gain around a bolus; what is more counts as lost."""


@dataclass(frozen=True, slots=True)
class WeighedBolus:
    """One bolus, weighed between edges around it, basal taken out."""

    bolus: ToldBolus
    edges: tuple[Edge, Edge]
    volume_ul: float
    budget: tuple[Component, ...]

    @property
    def error_percent(self) -> float:
        """Deviation from what of it was due."""
        return 100.0 * (self.volume_ul / self.bolus.volume_ul - 1.0)


@dataclass(frozen=True, slots=True)
class Phase:
    """How far basal's doses were out of step after a bolus, as a volume that basal lost (+) or gained (−)."""

    bolus: ToldBolus
    lost_ul: float
    u_ul: float


def weighed_boluses(dosing: Dosing, part: BasalPart) -> list[WeighedBolus]:
    """Return every bolus that levels stand around; basal is taken out as it was due, by the error that it had."""
    scatter, wander = spread_of_basal(dosing)
    found = []
    for bolus in dosing.programme.boluses:
        first, last = dosing.edge(bolus.begin_s - 1.0), dosing.edge(bolus.end_s + BOLUS_SETTLE_S)
        delivered_ul = dosing.delivered_ul(first, last)
        inside = dosing.programme.bolus_ul(first.level_s, last.level_s)
        if not math.isfinite(delivered_ul) or bolus.volume_ul <= 0.0 or abs(inside - bolus.volume_ul) > 1e-6:
            continue
        basal_ul = dosing.programme.basal_ul(first.counted_s, last.counted_s)
        doses = basal_ul / dosing.increment_ul if math.isfinite(dosing.increment_ul) else 1.0
        own_ul = basal_ul * math.hypot(scatter / math.sqrt(max(doses, 1.0)), wander)
        told = f"{basal_ul / dosing.ul_per_u:.3g} U at {100.0 * (part.ratio - 1.0):+.2f} %, of {doses:.0f} doses"
        lines = (
            *dosing.budget([(first, last)], delivered_ul, 1.0),
            component(BASAL_MEANWHILE, own_ul, "µL", -1.0, source=told, estimate=basal_ul * part.ratio),
        )
        found.append(WeighedBolus(bolus, (first, last), delivered_ul - basal_ul * part.ratio, lines))
    return found


def measure_boluses(
    weighed: Sequence[WeighedBolus], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> list[Measurement]:
    """Return the error of all boluses together, and the largest of one."""
    names = ("bolus_error", "largest_bolus_error")
    if not weighed:
        why = "no bolus was commanded" if not dosing.programme.boluses else "no bolus stands between two levels"
        return nothing_stated(catalogue, why, names)
    due_ul = math.fsum(one.bolus.volume_ul for one in weighed)
    volume_ul = math.fsum(one.volume_ul for one in weighed)
    pieces = [one.edges for one in weighed]
    basal_ul = math.hypot(*(_basal_line(one).contribution for one in weighed))
    lines = [
        *dosing.budget(pieces, volume_ul, 100.0 / due_ul),
        component(BASAL_MEANWHILE, basal_ul, "µL", -100.0 / due_ul, source="of every bolus"),
    ]
    worst = max(weighed, key=lambda one: abs(one.error_percent))
    own = [100.0 * own_of(one.budget) / one.bolus.volume_ul for one in weighed]
    noisy = largest_by_size([one.error_percent for one in weighed], own)
    single = lines_of_largest(
        [scaled(line, 100.0 / worst.bolus.volume_ul) for line in worst.budget], noisy, "%", "boluses"
    )
    per_u = 1.0 / dosing.ul_per_u
    note = f"{len(weighed)} boluses: {volume_ul * per_u:.4g} U of {due_ul * per_u:.4g} U, basal taken out"
    where = f"{_name(worst.bolus, dosing)}: {'too much' if worst.error_percent > 0.0 else 'too little'}"
    where += noisy.told(worst.error_percent, "%")
    return [
        stated(catalogue, "bolus_error", 100.0 * (volume_ul / due_ul - 1.0), lines, note),
        stated(catalogue, "largest_bolus_error", abs(worst.error_percent) - noisy.excess, single, where),
    ]


def _basal_line(one: WeighedBolus) -> Component:
    return one.budget[-1]


def boluses_table(weighed: Sequence[WeighedBolus], dosing: Dosing) -> Table:
    """Return every bolus with its volume and its error."""
    per_u = 1.0 / dosing.ul_per_u
    return Table(
        name="boluses",
        title="Boluses, with the basal rate taken out",
        columns=["at", "kind", "due / U", "delivered / U", "error / %"],
        rows=[
            [
                clock(one.bolus.begin_s - dosing.began_s),
                one.bolus.kind,
                f"{one.bolus.volume_ul * per_u:.4g}",
                f"{one.volume_ul * per_u:.4f} ± {2.0 * combined(one.budget) * per_u:.4f}",
                f"{one.error_percent:+.2f} ± {200.0 * combined(one.budget) / one.bolus.volume_ul:.2f}",
            ]
            for one in weighed
        ],
        note="Between levels around the bolus; what basal was due meanwhile is taken off with the error that basal had"
        " in this test. ±: k = 2.",
    )


def phases(dosing: Dosing) -> list[Phase]:
    """Return how far each bolus put the basal's doses out of step, where one rate holds all around it."""
    found = []
    for bolus in dosing.programme.boluses:
        before, after = dosing.programme.stretch_at(bolus.begin_s), dosing.programme.stretch_at(bolus.end_s)
        if before is None or before is not after or before.rate_ul_per_h <= 0.0:
            continue
        interval_s = dosing.increment_ul / before.rate_ul_per_h * HOUR_S
        free = dosing.basal_alone(before.begin_s, before.end_s)
        rows = [dosing.doses_within(*window) for window in free]
        earlier = [row for row, window in zip(rows, free, strict=True) if window[1] <= bolus.begin_s + 1.0 and len(row)]
        later = [row for row, window in zip(rows, free, strict=True) if window[0] >= bolus.end_s and len(row)]
        gaps = [gap for row in rows for gap in np.diff(row).tolist() if abs(gap / interval_s - 1.0) < 0.1]
        if not interval_s >= SEPARATE_S or not earlier or not later or len(gaps) < 2:
            continue
        own_s = float(np.mean(gaps))
        cycles = float(later[0][0] - earlier[-1][-1]) / own_s
        lost = cycles - math.floor(cycles - _EARLIEST_PHASE)
        u_cycles = math.hypot(math.sqrt(2.0) * U_DOSE_S, cycles * math.sqrt(2.0) * U_DOSE_S / len(gaps)) / own_s
        found.append(Phase(bolus, lost * dosing.increment_ul, u_cycles * dosing.increment_ul))
    return found


def measure_interaction(
    found: Sequence[Phase], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> Measurement:
    """Return what basal lost around a bolus, on average."""
    spec = catalogue["interaction"]
    if not found:
        why = dosing.unresolved or "no bolus lies between doses of one and the same basal rate"
        return undetermined("interaction", spec.title, spec.unit, why)
    per_u = 1.0 / dosing.ul_per_u
    number = len(found)
    own_ul = math.hypot(*(each.u_ul for each in found)) / number
    lines = [component("instants of doses", own_ul, "µL", per_u, source=f"{U_DOSE_S:g} s each")]
    value = float(np.mean([each.lost_ul for each in found])) * per_u
    note = f"{number} boluses, from the phase of the basal's doses: whole doses of {dosing.increment_ul * per_u:g} U"
    return stated(catalogue, "interaction", value, lines, f"{note} that were lost do not show here")


def temporaries(dosing: Dosing) -> list[Period]:
    """Return every temporary rate from its command to its end."""
    found: list[Period] = []
    span: Window | None = None
    words = ""
    for stretch in dosing.programme.stretches:
        if stretch.kind == "temporary":
            span = (span[0] if span else stretch.begin_s, stretch.end_s)
            words = words or stretch.reason
        elif span is not None:
            found += _temporary(dosing, span, words)
            span, words = None, ""
    return [*found, *_temporary(dosing, span, words)] if span is not None else found


def _temporary(dosing: Dosing, span: Window, words: str) -> list[Period]:
    one = period(dosing, f"{clock(span[0] - dosing.began_s)} {words}", *span)
    return [one] if one is not None else []


def measure_temporaries(
    found: Sequence[Period], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> Measurement:
    """Return the error of all temporary rates together, of what was due while they lasted."""
    spec = catalogue["temporary_error"]
    due_ul = math.fsum(dosing.programme.volume_ul(each.begin_s, each.end_s) for each in found)
    if not found or due_ul <= 0.0:
        why = "no temporary rate was commanded" if not found else "nothing was due while temporary rates lasted"
        return undetermined("temporary_error", spec.title, spec.unit, why)
    pieces = [piece for each in found for piece in each.pieces]
    delivered_ul = math.fsum(each.delivered_ul for each in found)
    error_ul = math.fsum(each.error_ul for each in found)
    per_u = 1.0 / dosing.ul_per_u
    rates = "one temporary rate" if len(found) == 1 else f"{len(found)} temporary rates"
    note = f"{rates}: {error_ul * per_u:+.3f} U of {due_ul * per_u:.3f} U"
    lines = dosing.budget(pieces, delivered_ul, 100.0 / due_ul)
    return stated(catalogue, "temporary_error", 100.0 * error_ul / due_ul, lines, note)


def suspensions(dosing: Dosing) -> list[tuple[Window, Edge, Edge]]:
    """Return every time at a rate of 0 while basal was on, with the levels at its begin and its end."""
    spans: list[Window] = []
    for stretch in dosing.programme.stretches:
        if stretch.kind == "stopped" or stretch.rate_ul_per_h > 0.0:
            continue
        if spans and abs(spans[-1][1] - stretch.begin_s) < 1e-6:
            spans[-1] = (spans[-1][0], stretch.end_s)
        else:
            spans.append((stretch.begin_s, stretch.end_s))
    found = []
    for begin_s, end_s in spans:
        first, last = _quiet_edges(dosing, begin_s, end_s)
        if last.level_s > first.level_s:
            found.append(((begin_s, end_s), first, last))
    return found


def _quiet_edges(dosing: Dosing, begin_s: float, end_s: float) -> tuple[Edge, Edge]:
    """Return levels just after the begin and just before the end of a time in which nothing is due."""
    earlier = dosing.doses.time_s[dosing.doses.time_s <= begin_s + LAG_S]
    dose_s = float(earlier[-1]) if len(earlier) else dosing.began_s
    width_s = min(END_LEVEL_S, 0.25 * (end_s - begin_s))
    start_s = max(begin_s, min(dose_s + CLEAR_S, begin_s + CLEAR_S))
    dose_ul = dosing.increment_ul if math.isfinite(dosing.increment_ul) else 0.0
    steady_ul = dosing.programme.volume_ul(begin_s - CREEP_S, begin_s)
    creeping_ul = CREEP_SHARE * max(steady_ul, dose_ul * math.exp(-max(0.0, start_s - dose_s) / CREEP_S))
    first = Edge(start_s, (start_s, start_s + width_s), 0.0, creeping_ul)
    return first, Edge(end_s, (end_s - width_s, end_s))


def measure_suspensions(
    found: Sequence[tuple[Window, Edge, Edge]], dosing: Dosing, catalogue: Mapping[str, MeasurementSpec]
) -> Measurement:
    """Return what came while nothing was due."""
    spec = catalogue["suspended_volume"]
    pieces = [(first, last) for _, first, last in found]
    volumes = [dosing.delivered_ul(*piece) for piece in pieces]
    if not found or not all(map(math.isfinite, volumes)):
        why = "delivery was never suspended" if not found else "no level at an end of a suspension"
        return undetermined("suspended_volume", spec.title, spec.unit, why)
    per_u = 1.0 / dosing.ul_per_u
    volume_ul = math.fsum(volumes)
    hours = math.fsum(end_s - begin_s for (begin_s, end_s), _, _ in found) / HOUR_S
    programmed_ul = math.fsum(
        each.programmed_ul_per_h * (each.end_s - each.begin_s) / HOUR_S
        for each in dosing.programme.stretches
        if each.kind == "suspended"
    )
    note = f"in {hours:.3g} h; the basal rate would have given {programmed_ul * per_u:.3g} U"
    lines = dosing.budget(pieces, volume_ul, per_u)
    return stated(catalogue, "suspended_volume", volume_ul * per_u, lines, note)


def _name(bolus: ToldBolus, dosing: Dosing) -> str:
    return f"{bolus.kind} bolus of {bolus.volume_ul / dosing.ul_per_u:.3g} U at {clock(bolus.begin_s - dosing.began_s)}"
