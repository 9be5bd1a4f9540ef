"""What happened in a reservoir test, and the levels of the balance at each turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.metrology.budget import bounded
from bench.metrology.noise import Levels, Window
from bench.metrology.readings import within
from bench.procedures.shared.alarms import seen
from bench.procedures.shared.commands import PRIME
from bench.procedures.shared.levels import SETTLE_S
from bench.procedures.shared.span import Span, span_of
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import TestRecord
from bench.results.model import Component

PRIME_ENDED = "prime ended"
LOW, EMPTY = "LOWRES", "EMPTY"
LEVEL_S = 30.0
LAG_S = 3.0
"""What left the pump so long before may not have come yet: by the line's soft parts and the balance's filter."""
ALARM_POLL_S = 2.0
"""Alarms are looked for so often."""
_FLOWING = 0.2
"""A minute in which less than this share of the rate comes is one without flow."""
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """From a basal command to the stop that follows, on the run's clock; together known to ± `half_s`."""

    began_s: float
    ended_s: float
    half_s: float


@dataclass(frozen=True, slots=True)
class Course:
    """A reservoir test as it went; NaN for what did not come. `increment_ul` is NaN where the plan tells none."""

    weighing: Weighing
    deliveries: tuple[Delivery, ...]
    rate_ul_per_h: float
    increment_ul: float
    low_s: float
    empty_s: float
    observed_s: float
    """Until when the pump was left alone after the empty alarm, or the end of the first delivery without one."""
    prime_s: float
    primed_s: float
    start_s: float

    @property
    def first(self) -> Delivery:
        """The delivery that empties the reservoir."""
        return self.deliveries[0]

    @property
    def interval_s(self) -> float:
        """Time between pulses; 0 where nothing tells."""
        return self.increment_ul / self.rate_ul_per_h * HOUR_S if math.isfinite(self.increment_ul) else 0.0

    @property
    def stopped_s(self) -> float:
        """When the first delivery ended: by the empty alarm, or by the stop."""
        return self.empty_s if math.isfinite(self.empty_s) else self.first.ended_s

    def before(self, at_s: float) -> Window:
        """Return the window of a level that ends at an instant before which nothing flows."""
        return at_s - LEVEL_S, at_s

    def after(self, at_s: float) -> Window:
        """Return the window of a level after an instant at which delivery ended, once the line has settled."""
        return at_s + SETTLE_S, at_s + SETTLE_S + LEVEL_S

    def about(self, at_s: float) -> Window:
        """Return the window about an instant while the pump delivers: whole intervals, so that no pulse counts more."""
        interval_s = self.interval_s
        length_s = max(interval_s * max(1, round(LEVEL_S / interval_s)), 2.0) if interval_s > 0.0 else LEVEL_S
        return at_s - 0.5 * length_s, at_s + 0.5 * length_s

    def level_mg(self, window: Window) -> float:
        """Return the mean mass over a window, loss made good; NaN without readings."""
        time_s, mass_mg = within(self.weighing.time_s, self.weighing.mass_mg, window)
        if len(time_s) == 0:
            return math.nan
        return float(np.mean(mass_mg + self.weighing.loss_mg_per_s * (time_s - self.start_s)))

    def between_ul(self, first: Window, second: Window) -> float:
        """Return what came between two levels."""
        return (self.level_mg(second) - self.level_mg(first)) * self.weighing.conversion.ul_per_mg

    def budget(
        self, volume_ul: float, per_ul: float, first: Window, second: Window, *, flowing: bool = False
    ) -> list[Component]:
        """Return the budget of what came between two levels; `flowing` where one of them lies within the delivery.

        There a pulse may count to either side, and what had left the pump may not have come yet.
        """
        interval_s = 0.5 * (sum(second) - sum(first))
        lines = self.weighing.components(volume_ul, per_ul, Levels.difference(first, second), interval_s)
        if flowing:
            pulse_ul = self.increment_ul if math.isfinite(self.increment_ul) else 0.0
            coming_ul = self.rate_ul_per_h / HOUR_S * LAG_S
            lines += [
                bounded("a pulse to either side", 0.5 * pulse_ul, "µL", per_ul, source="half an increment"),
                bounded("what is on its way", coming_ul, "µL", per_ul, source=f"of up to {LAG_S:g} s"),
            ]
        return lines

    def dry_minutes(self, delivery: Delivery) -> list[float]:
        """Return the minutes, from the delivery's begin, in which hardly anything came although the pump delivered."""
        step_s = max(60.0, 4.0 * self.interval_s)
        end_s = min(delivery.ended_s, self.stopped_s if delivery is self.first else delivery.ended_s)
        edges = np.arange(delivery.began_s + step_s, end_s, step_s)
        if len(edges) < 2:
            return []
        levels = np.array([self.level_mg(self.about(float(at_s))) for at_s in edges])
        flow = np.diff(levels) * self.weighing.conversion.ul_per_mg / step_s * HOUR_S
        dry = np.flatnonzero(flow < _FLOWING * self.rate_ul_per_h)
        return [(float(edges[i]) - delivery.began_s) / 60.0 for i in dry]


def course_of(record: TestRecord, weighing: Weighing, rate_ul_per_h: float, increment_ul: float) -> Course | None:
    """Read a course from a recording; None where nothing was ever delivered."""
    commands, stops = record.events("basal commanded"), record.events("basal stopped")
    if not commands:
        return None
    deliveries = []
    for command in commands:
        began = span_of(command)
        stop = next((stop for stop in stops if stop.time_s > command.time_s), None)
        ended = Span(record.end_s, record.end_s) if stop is None else span_of(stop)
        deliveries.append(Delivery(began.middle_s, ended.middle_s, began.half_width_s + ended.half_width_s))
    primes, primed = record.events(PRIME), record.events(PRIME_ENDED)
    return Course(
        weighing,
        tuple(deliveries),
        rate_ul_per_h,
        increment_ul,
        _alarm_s(record, LOW, deliveries[0]),
        _alarm_s(record, EMPTY, deliveries[0]),
        deliveries[0].ended_s,
        float(primes[0].data["sent_s"]) if primes else math.nan,
        float(primed[0].time_s) if primed else math.nan,
        record.start_s,
    )


def _alarm_s(record: TestRecord, code: str, delivery: Delivery) -> float:
    """Return about when an alarm was raised during a delivery: half of a look before it was read."""
    times = [float(event.time_s) for event in seen(record, code)]
    inside = [at_s for at_s in times if delivery.began_s < at_s <= delivery.ended_s + ALARM_POLL_S]
    return inside[0] - 0.5 * ALARM_POLL_S if inside else math.nan
