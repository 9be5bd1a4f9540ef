"""A delivery whose rate changes, weighed from dose to dose.

A volume between two instants is weighed between levels that lie in gaps between doses, and compared with what was due
from the last dose before the one instant to the last dose before the other. So no dose counts by half, and the error of
an hour at a low rate is the pump's and not that of counting. What a pump drops when its rate changes is missing then.

Where doses cannot be told one by one, levels are taken at the instants themselves, and what of a dose may lie before or
after is in the budget.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.metrology.budget import bounded, component, scaled
from bench.metrology.noise import Levels, Window
from bench.metrology.steps import Steps
from bench.procedures.base import Context
from bench.procedures.shared.by_hand import moved_ul, open_half_s
from bench.procedures.shared.commands import BASAL_STOPPED
from bench.procedures.shared.doses import DOSE_LAG_HALF_S, DOSE_LAG_S, LATE_S, U_DOSE_S, Dosed, find_doses
from bench.procedures.shared.levels import END_LEVEL_S, FROM_DOSE_S, LAG_S, MIDDLE_LEVEL_S, SETTLE_S
from bench.procedures.shared.programme import programme
from bench.procedures.shared.span import span_of
from bench.procedures.shared.times import HOUR_S
from bench.procedures.shared.weighing import AT_LOADS, Weighing
from bench.recording.reader import TestRecord
from bench.results.model import Component

BOLUS_SETTLE_S = 120.0
"""So long after a bolus what still creeps out of soft parts is less than a thousandth of it."""
CREEP_SHARE, CREEP_S = 0.12, 30.0
"""Of a dose so much may creep out slowly, with this time constant, at most."""
_ROOM_S = MIDDLE_LEVEL_S + 2.0 * LAG_S
_FAR_INCREMENTS = 1.6
"""A dose that lies further back than so many increments are due has lost another in between."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a volume begins or ends.

    Basal is counted as due up to `counted_s`, a bolus up to the middle of `window`, where the level is taken. Of what
    comes there up to `open_ul` may count on either side, and up to `creeping_ul` has not come yet. `at_dose` is whether
    it is counted from a dose.
    """

    counted_s: float
    window: Window
    open_ul: float = 0.0
    creeping_ul: float = 0.0
    at_dose: bool = False

    @property
    def level_s(self) -> float:
        """The middle of the window."""
        return 0.5 * (self.window[0] + self.window[1])


@dataclass(frozen=True, slots=True, eq=False)
class Dosing(Dosed):
    """One delivery as weighed between edges, and what was due between them."""

    @property
    def first_edge(self) -> Edge:
        """Before the first command."""
        until_s = self.began_s - self.by_hand_s
        return Edge(self.began_s, (max(self.first_s, until_s - END_LEVEL_S), until_s), at_dose=True)

    @property
    def last_edge(self) -> Edge:
        """After the stop, once the line has settled."""
        return Edge(self.ended_s, (self.settled_s, min(self.last_s, self.settled_s + END_LEVEL_S)))

    @property
    def legs(self) -> list[tuple[Edge, Edge]]:
        """The delivery from its first command to its stop, in parts where it was stopped in between."""
        if not self.stopped:
            return [(self.first_edge, self.last_edge)]
        found, first = [], self.first_edge
        for begin_s, end_s in self.stopped:
            settled_s = min(begin_s + SETTLE_S, end_s - MIDDLE_LEVEL_S)
            found.append((first, Edge(begin_s, (settled_s, min(settled_s + END_LEVEL_S, end_s)))))
            first = self._begin_again(end_s)
        return [*found, (first, self.last_edge)]

    @staticmethod
    def _begin_again(time_s: float) -> Edge:
        return Edge(time_s, (time_s - END_LEVEL_S, time_s), at_dose=True)

    def edge(self, time_s: float) -> Edge:
        """Return the edge for an instant: at the last dose before it, or one nearby that a level can follow."""
        if time_s <= self.began_s:
            return self.first_edge
        again_s = next((end_s for _, end_s in self.stopped if abs(end_s - time_s) < LATE_S), None)
        if again_s is not None:
            return self._begin_again(again_s)
        busy = self.busy()
        times_s = self.doses.time_s
        last = int(np.searchsorted(times_s, time_s + LATE_S, "right")) - 1
        among_others: Edge | None = None
        for index in (last, last + 1, last - 1, last + 2, last - 2):
            if -1 <= index < len(times_s) and (found := self._at_dose(index, time_s, busy)) is not None:
                if found.open_ul == 0.0:
                    return found
                among_others = among_others or found
        return among_others or self._at_instant(time_s, busy)

    def _at_dose(self, index: int, time_s: float, busy: Sequence[Window]) -> Edge | None:
        """Return the edge behind a dose, -1 for the first command; None where no level fits or another dose is lost."""
        times_s = self.doses.time_s
        dose_s = float(times_s[index]) if index >= 0 else self.began_s
        due_ul = abs(self.programme.basal_ul(dose_s, time_s))
        if not due_ul <= _FAR_INCREMENTS * self.increment_ul:
            return None
        next_s = float(times_s[index + 1]) if index + 1 < len(times_s) else self.last_s
        room_s = min([next_s, *(begin_s for begin_s, end_s in busy if end_s > dose_s)])
        if room_s - dose_s < _ROOM_S or self._busy_between(dose_s, time_s, busy):
            return None
        guard_s = min(0.5 * (room_s - dose_s), FROM_DOSE_S)
        at_s = min(max(time_s, dose_s + guard_s), room_s - guard_s)
        lost_ul = self.increment_ul if any(begin_s < dose_s <= end_s for begin_s, end_s in self.mixed()) else 0.0
        return Edge(dose_s, self.middle(at_s), lost_ul, self._creeping_ul(at_s, dose_s), at_dose=index >= 0)

    def _busy_between(self, dose_s: float, time_s: float, busy: Sequence[Window]) -> bool:
        """Whether doses that were not seen came between a dose and an instant outside of the bolus that hid them."""
        low_s, high_s = sorted((dose_s, time_s))
        return any(begin_s >= low_s and end_s <= high_s for begin_s, end_s in busy)

    def _at_instant(self, time_s: float, busy: Sequence[Window]) -> Edge:
        inside = next((window for window in busy if window[0] < time_s < window[1]), None)
        at_s = inside[0] - MIDDLE_LEVEL_S if inside is not None else time_s
        flow_ul_per_h = self.programme.volume_ul(at_s - LAG_S, at_s + LAG_S) / (2.0 * LAG_S) * HOUR_S
        lost_ul = flow_ul_per_h * LAG_S / HOUR_S + (self.increment_ul if math.isfinite(self.increment_ul) else 0.0)
        return Edge(at_s, self.middle(at_s), lost_ul, self._creeping_ul(at_s, at_s - LAG_S))

    def _creeping_ul(self, at_s: float, dose_s: float) -> float:
        """Return what of the last dose and of boluses may still creep out of the line."""
        dose_ul = self.increment_ul if math.isfinite(self.increment_ul) else 0.0
        creeping_ul = dose_ul * math.exp(-max(0.0, at_s - dose_s) / CREEP_S)
        for bolus in self.programme.boluses:
            if 0.0 <= at_s - bolus.end_s < 20.0 * CREEP_S:
                last = bolus.pieces[-1] if bolus.pieces else None
                recent_ul = 0.0 if last is None else last.volume_ul * min(1.0, CREEP_S / (last.end_s - last.begin_s))
                creeping_ul += recent_ul * math.exp(-(at_s - bolus.end_s) / CREEP_S)
        return CREEP_SHARE * creeping_ul

    def delivered_ul(self, first: Edge, last: Edge) -> float:
        """Return what was weighed between two edges; NaN without a level at one of them."""
        return self.volume_between_ul(first.window, last.window)

    def due_ul(self, first: Edge, last: Edge) -> float:
        """Return what was due between two edges."""
        basal_ul = self.programme.basal_ul(first.counted_s, last.counted_s)
        return basal_ul + self.programme.bolus_ul(first.level_s, last.level_s)

    def budget(self, pieces: Sequence[tuple[Edge, Edge]], volume_ul: float, per_ul: float) -> list[Component]:
        """Return the budget of a sum of volumes, or of their deviations from what was due; `per_ul` is for the sum."""
        if len(pieces) == 1:
            (first, last) = pieces[0]
            lines = self.components(volume_ul, per_ul, first.window, last.window)
        else:
            levels = Levels.of([edge.window for piece in pieces for edge in piece], [-1.0, 1.0] * len(pieces))
            interval_s = math.fsum(last.level_s - first.level_s for first, last in pieces)
            root = math.sqrt(len(pieces))
            own = AT_LOADS | {"readability, of both levels"}
            lines = [
                scaled(line, root) if line.name in own else line
                for line in self.weighing.components(volume_ul, per_ul, levels, interval_s)
            ]
        return [*lines, *self._of_edges(pieces, per_ul)]

    def _of_edges(self, pieces: Sequence[tuple[Edge, Edge]], per_ul: float) -> Iterator[Component]:
        edges = [edge for piece in pieces for edge in piece]
        rates = [self._rate_at(edge) for edge in edges]
        own_ul = U_DOSE_S / HOUR_S * math.hypot(*rates)
        yield component("instants of doses, each", own_ul, "µL", per_ul, source=f"{U_DOSE_S:g} s")
        together = math.fsum(sign * rate for sign, rate in zip(itertools.cycle((-1.0, 1.0)), rates, strict=False))
        source = f"lag of the balance, {DOSE_LAG_S:g} s ± {DOSE_LAG_HALF_S:g} s"
        shift_ul = DOSE_LAG_HALF_S / HOUR_S * abs(together)
        yield bounded("instants of doses, together", shift_ul, "µL", per_ul, source=source)
        creeping_ul = math.hypot(*(edge.creeping_ul for edge in edges))
        source = f"up to {100.0 * CREEP_SHARE:g} % of a dose, with {CREEP_S:g} s"
        yield bounded("what still creeps out of the line", creeping_ul, "µL", per_ul, source=source)
        if any(edge.open_ul for edge in edges):
            open_ul = math.hypot(*(edge.open_ul for edge in edges))
            yield bounded("doses that may count before or after", open_ul, "µL", per_ul, source="not told one by one")

    def _rate_at(self, edge: Edge) -> float:
        return self.programme.rate_ul_per_h(edge.counted_s) if edge.at_dose else 0.0


def dosing(record: TestRecord, weighing: Weighing, context: Context) -> Dosing | None:
    """Return the delivery of a test; None without a command of a basal rate or readings."""
    known = weighing.time_s[np.isfinite(weighing.mass_mg)]
    if len(known) < 2:
        return None
    first_s, last_s = max(record.start_s, float(known[0])), min(record.end_s, float(known[-1]))
    stops = record.events(BASAL_STOPPED)
    ended_s = span_of(stops[-1]).middle_s if stops else last_s
    told = programme(record.events(), max(ended_s, record.end_s), context.concentration.ul_per_u)
    if not told.stretches:
        return None
    increment = context.plan.pump.basal_increment
    pulsed = context.plan.pump.delivery == "pulsed" and increment is not None
    increment_ul = increment.to("µL", context.concentration) if pulsed and increment is not None else math.nan
    made = Dosing(
        weighing,
        told.begin_s,
        told,
        context.concentration.ul_per_u,
        increment_ul,
        Steps(np.empty(0), np.empty(0)),
        "",
        ended_s,
        span_of(stops[-1]).half_width_s / math.sqrt(3.0) if stops else 0.0,
        max(ended_s, min(ended_s + SETTLE_S, last_s - 20.0)),
        first_s,
        last_s,
        moved_ul(record.events(), told),
        max((open_half_s(event) for event in record.events() if span_of(event).middle_s == told.begin_s), default=0.0),
    )
    doses, unresolved = find_doses(made)
    return replace(made, doses=doses, unresolved=unresolved)
