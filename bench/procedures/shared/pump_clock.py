"""The pump's own clock beside the run's: when an alarm was raised, not when it was read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from bench.metrology.budget import bounded, combined
from bench.procedures.base import Stage
from bench.recording.reader import Event, TestRecord
from bench.results.model import Component
from drivers.roles import RaisesAlarms

DRIFT_PER_S = 200e-6
"""How far a pump's clock may run wrong beyond the readings taken of it: 200 ppm, twice a poor crystal."""
WANDER_PER_S = 20e-6
"""How far its rate may be from its own mean between two readings: 20 ppm, a crystal that warms by tens of kelvin."""
MOST_DECIMALS = 6
POLL_S = 1.0
"""How often the alarm queue is asked while an alarm is waited for."""


def mark_pump_clock(stage: Stage) -> None:
    """Read the pump's clock, if it has one, and record it between the instants just before and just after."""
    before_s = stage.clock.now_s()
    pump_time_s = stage.pump_as(RaisesAlarms).pump_time_s()
    if not math.isnan(pump_time_s):
        stage.event("pump clock", pump_time_s=pump_time_s, before_s=before_s, after_s=stage.clock.now_s())


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant of the run's clock, how it was found, and the lines of its budget in seconds."""

    time_s: float
    source: str
    budget: tuple[Component, ...]

    @property
    def standard_uncertainty_s(self) -> float:
        """What the budget comes to."""
        return combined(self.budget)


class PumpClock:
    """Maps the pump's time to the run's: straight between readings of the pump's clock, by the nearest outside them."""

    def __init__(self, readings: list[Event]) -> None:
        self._decimals = max((_decimals(float(reading.data["pump_time_s"])) for reading in readings), default=0)
        anchors = [
            (
                float(reading.data["pump_time_s"]),
                0.5 * (reading.data["before_s"] + reading.data["after_s"]),
                0.5 * (reading.data["after_s"] - reading.data["before_s"]),
            )
            for reading in readings
        ]
        # A clock that was set or went back in between cannot be mapped across: only its last stretch counts.
        start = max((i + 1 for i, (a, b) in enumerate(pairwise(anchors)) if not self._same_clock(a, b)), default=0)
        self._anchors = anchors[start:]

    def instant(self, pump_time_s: float) -> Instant | None:
        """Return when the pump's clock showed `pump_time_s`; None without a reading of it."""
        if not self._anchors:
            return None
        later = next((i for i, anchor in enumerate(self._anchors) if anchor[0] >= pump_time_s), len(self._anchors))
        if 0 < later < len(self._anchors):
            (pump_0, run_0, half_0), (pump_1, run_1, half_1) = self._anchors[later - 1 : later + 1]
            share = (pump_time_s - pump_0) / (pump_1 - pump_0)
            time_s = run_0 + share * (run_1 - run_0)
            half_s = (1.0 - share) * half_0 + share * half_1
            apart_s, per_s = min(pump_time_s - pump_0, pump_1 - pump_time_s), WANDER_PER_S
            where = "about its mean between two readings"
        else:
            pump_0, run_0, half_0 = self._anchors[min(later, len(self._anchors) - 1)]
            time_s = run_0 + (pump_time_s - pump_0)
            half_s = half_0
            apart_s, per_s, where = abs(pump_time_s - pump_0), DRIFT_PER_S, "beyond its readings"
        decimals = max(self._decimals, _decimals(pump_time_s))
        rate = f"{per_s * 1e6:g} ppm {where}, over {apart_s:.3g} s"
        lines = (
            bounded("reading of the pump's clock", half_s, "s", source="from the question to the answer"),
            bounded("rate of the pump's clock", per_s * apart_s, "s", source=rate),
            bounded(
                "resolution of the pump's clock",
                10.0**-decimals,
                "s",
                distribution="triangular",
                source=f"of the alarm's time and the clock's, {decimals} decimals each",
            ),
        )
        return Instant(time_s, "by the pump's own clock", lines)

    def _same_clock(self, first: tuple[float, float, float], second: tuple[float, float, float]) -> bool:
        pump_s, run_s = second[0] - first[0], second[1] - first[1]
        allowed_s = first[2] + second[2] + 10.0**-self._decimals + DRIFT_PER_S * run_s
        return pump_s > 0.0 and abs(pump_s - run_s) <= allowed_s


def _decimals(pump_time_s: float) -> int:
    """Return how many decimals a pump's time was written with; zeros at their end cannot be seen."""
    digits = f"{pump_time_s:.{MOST_DECIMALS}f}".rstrip("0")
    return len(digits.partition(".")[2])


def alarm_instant(record: TestRecord, alarm: Event) -> Instant:
    """Return when `alarm` was raised: by the pump's clock, or else from when the bench read it.

    One that was noticed from outside was raised between two instants, as like at one as at another. The pump's
    clock is believed only where it places the alarm within the test and not after it was read.
    """
    read_s = float(alarm.data["time_s"])
    if "earliest_s" in alarm.data:
        half_s, rule = 0.5 * (read_s - float(alarm.data["earliest_s"])), str(alarm.data["rule"])
        line = bounded("when the alarm was raised before it was noticed", half_s, "s", source=rule)
        return Instant(read_s - half_s, f"between two instants: {rule}", (line,))
    pump_time_s = alarm.data["pump_time_s"]  # none from a pump without a clock
    mapped = None if pump_time_s is None else PumpClock(record.events("pump clock")).instant(float(pump_time_s))
    if mapped is not None:
        margin_s = 2.0 * mapped.standard_uncertainty_s
        if record.start_s <= mapped.time_s <= read_s + margin_s:
            return mapped
    # Raised at some moment since the question before: the middle of that second, rectangular.
    source = f"the bench asks every {POLL_S:g} s"
    half_s = 0.5 * POLL_S
    line = bounded("when the alarm was raised before it was read", half_s, "s", -1.0, source=source, estimate=half_s)
    return Instant(read_s - 0.5 * POLL_S, "from when the bench read it", (line,))
