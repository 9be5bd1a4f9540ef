"""What a pump was told to deliver, from a recording's events: rates with their reasons, boluses with their course.

Nothing here is measured. A command holds from half-way between its being sent and acknowledged; what follows of itself
(the next segment of a profile, the end of a temporary rate) comes by the run's clock.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.metrology.noise import Floats
from bench.procedures.shared.times import DAY_S as DAY_S
from bench.procedures.shared.told_boluses import ToldBolus, told_boluses
from bench.procedures.shared.told_rates import Stretch, told_rates
from bench.recording.reader import Event


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """Everything that a pump was told, from the first command to `end_s`."""

    stretches: tuple[Stretch, ...]
    boluses: tuple[ToldBolus, ...]
    _basal: tuple[Floats, Floats] = field(repr=False)
    _bolus: tuple[Floats, Floats] = field(repr=False)

    @property
    def begin_s(self) -> float:
        """The first command of a basal rate; NaN without one."""
        return self.stretches[0].begin_s if self.stretches else math.nan

    def basal_ul(self, begin_s: float, end_s: float) -> float:
        """Return what basal rates are due between two instants."""
        return _between(self._basal, begin_s, end_s)

    def bolus_ul(self, begin_s: float, end_s: float) -> float:
        """Return what boluses are due between two instants."""
        return _between(self._bolus, begin_s, end_s)

    def volume_ul(self, begin_s: float, end_s: float) -> float:
        """Return what is due between two instants in all."""
        return self.basal_ul(begin_s, end_s) + self.bolus_ul(begin_s, end_s)

    def due_ul(self, time_s: Floats) -> Floats:
        """Return what is due in all up to each of some instants."""
        return _at(self._basal, time_s) + _at(self._bolus, time_s)

    def stretch_at(self, time_s: float) -> Stretch | None:
        """Return what holds at an instant; None before the first command."""
        at = bisect.bisect_right(self.stretches, time_s, key=lambda stretch: stretch.begin_s) - 1
        return self.stretches[at] if at >= 0 else None

    def rate_ul_per_h(self, time_s: float) -> float:
        """Return the basal rate that holds at an instant."""
        stretch = self.stretch_at(time_s)
        return stretch.rate_ul_per_h if stretch is not None and time_s < stretch.end_s else 0.0

    def boluses_within(self, begin_s: float, end_s: float) -> list[ToldBolus]:
        """Return the boluses of which something is due between two instants."""
        return [each for each in self.boluses if each.begin_s < end_s and each.end_s > begin_s]


def programme(events: Sequence[Event], end_s: float, ul_per_u: float) -> Programme:
    """Return what the events of a test told the pump, up to `end_s`; `ul_per_u` is for words only."""
    stretches = tuple(told_rates(events, end_s, ul_per_u))
    boluses = tuple(told_boluses(events, end_s))
    pieces = [piece for bolus in boluses for piece in bolus.pieces]
    return Programme(
        stretches,
        boluses,
        _knots([(each.begin_s, each.end_s, each.volume_ul) for each in stretches]),
        _knots([(each.begin_s, each.end_s, each.volume_ul) for each in pieces]),
    )


def _knots(parts: Sequence[tuple[float, float, float]]) -> tuple[Floats, Floats]:
    """Return instants and what is due up to each, of parts (begin, end, volume) that may overlap."""
    if not parts:
        return np.empty(0), np.empty(0)
    edges = np.unique([edge for begin_s, end_s, _ in parts for edge in (begin_s, end_s)])
    due_ul = np.zeros(len(edges))
    for begin_s, end_s, volume_ul in parts:
        due_ul += volume_ul * np.clip(edges - begin_s, 0.0, end_s - begin_s) / (end_s - begin_s)
    return edges, due_ul


def _between(knots: tuple[Floats, Floats], begin_s: float, end_s: float) -> float:
    begin_ul, end_ul = _at(knots, np.array([begin_s, end_s]))
    return float(end_ul - begin_ul)


def _at(knots: tuple[Floats, Floats], time_s: Floats) -> Floats:
    if len(knots[0]) == 0:
        return np.zeros_like(time_s)
    return np.interp(time_s, *knots)
