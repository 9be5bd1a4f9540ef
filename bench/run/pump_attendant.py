"""Who looks after the pump during a test: takes its alarms, notes its clock, count and pressure, arms its watchdog."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bench.clock import Clock
from bench.recording.writer import RecordingWriter
from drivers.roles import (
    Alarm,
    DeliveryState,
    HasWatchdog,
    MeasuresLinePressure,
    Pump,
    RaisesAlarms,
    ReportsDelivery,
)

ALARMS_EVERY_S = 2.0
COUNT_EVERY_S = 60.0
WATCHDOG_S = 60.0
"""After so long without a word from the bench a pump with a watchdog stops by itself; it is asked far more often."""


class PumpAttendant:
    """Asks a pump for all that it can tell, and records it.

    Args:
        pump: the pump under test; what it cannot do is not asked of it.
        clock: the run's clock.
        writer: the run's recording.
        event: records an event of the test, now.

    """

    def __init__(self, pump: Pump, clock: Clock, writer: RecordingWriter, event: Callable[..., float]) -> None:
        self._pump = pump
        self._clock = clock
        self._writer = writer
        self._event = event
        self._count_due_s = clock.now_s()
        self.alarms_due_s = self._count_due_s
        """When the pump is to be asked for alarms next."""
        self.alarms: list[Alarm] = []
        """Every alarm taken since the test began."""

    def begin(self) -> None:
        """Make pump and recording ready for the test: old alarms taken, watchdog armed, the pump's clock noted.

        Raises:
            InstrumentError: the pump does not answer.

        """
        pump = self._pump
        if isinstance(pump, RaisesAlarms):
            old = pump.take_alarms()
            if old or pump.state() is DeliveryState.ALARM:
                pump.acknowledge_alarms()
                self._event("old alarms acknowledged", codes=[alarm.code for alarm in old])
            self._note_clock()
        self.arm_watchdog()

    def attend(self, now_s: float, alarms_every_s: float) -> None:
        """Take alarms, and note pressure and count, where that is due; alarms and pressure as often as wanted."""
        if now_s >= min(self.alarms_due_s, self.alarms_due_s - ALARMS_EVERY_S + alarms_every_s):
            self.alarms_due_s = now_s + ALARMS_EVERY_S
            self._take_alarms()
            self._note_pressure()
        if now_s >= self._count_due_s:
            self._count_due_s = now_s + COUNT_EVERY_S
            self._note_count()

    def arm_watchdog(self) -> None:
        """Arm the pump's watchdog, if it has one."""
        if isinstance(self._pump, HasWatchdog):
            self._pump.arm_watchdog(WATCHDOG_S)

    def end(self) -> None:
        """Take what the pump still has to tell.

        Raises:
            InstrumentError: the pump does not answer.

        """
        self._take_alarms()
        self._note_clock()
        self._note_count()

    def _take_alarms(self) -> None:
        if not isinstance(self._pump, RaisesAlarms):
            return
        for alarm in self._pump.take_alarms():
            self.alarms.append(alarm)
            self._event(
                "alarm seen",
                sequence=alarm.sequence,
                code=alarm.code,
                text=alarm.text,
                pump_time_s=None if math.isnan(alarm.pump_time_s) else alarm.pump_time_s,
                time_s=alarm.time_s,
                **_noticed(alarm),
            )

    def _note_clock(self) -> None:
        """Record the pump's clock, if it has one, between the instants just before and just after it was asked."""
        if isinstance(self._pump, RaisesAlarms):
            before_s = self._clock.now_s()
            pump_time_s = self._pump.pump_time_s()
            if not math.isnan(pump_time_s):
                self._event("pump clock", pump_time_s=pump_time_s, before_s=before_s, after_s=self._clock.now_s())

    def _note_count(self) -> None:
        if isinstance(self._pump, ReportsDelivery):
            value_ul = self._pump.delivered_ul()
            self._writer.sample("pump.delivered_ul", self._clock.now_s(), value_ul, "ok", "")

    def _note_pressure(self) -> None:
        if isinstance(self._pump, MeasuresLinePressure):
            value_kpa = self._pump.line_pressure_kpa()
            status = "ok" if math.isfinite(value_kpa) else "none"
            self._writer.sample("pump.line_pressure_kpa", self._clock.now_s(), value_kpa, status, "")


def _noticed(alarm: Alarm) -> dict[str, Any]:
    """Return what is known of an alarm that was noticed from outside."""
    return {} if math.isnan(alarm.earliest_s) else {"earliest_s": alarm.earliest_s, "rule": alarm.rule}
