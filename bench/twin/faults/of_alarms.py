"""Faults of the pump's alarms."""

from __future__ import annotations

from typing import Literal

from bench.quantities import Duration, Quantity, Volume
from bench.twin.faults.base import EveryNth, OneFault


class NoAlarm(OneFault):
    """Pump: the occlusion alarm never sounds; the motor stalls at its stall pressure."""

    fault: Literal["no_alarm"]


class LateAlarm(OneFault):
    """Pump: the occlusion alarm sounds late by `delay`, while the pump goes on."""

    fault: Literal["late_alarm"]
    delay: Duration = Quantity(40, "min")


class FalseAlarm(OneFault):
    """Pump: it raises an occlusion alarm at every Nth pulse, whatever the pressure."""

    fault: Literal["false_alarm"]
    every: EveryNth = 12


class LowWarningMissing(OneFault):
    """Pump: it never warns of a low reservoir."""

    fault: Literal["low_warning_missing"]


class EmptyAlarmLate(OneFault):
    """Pump: it goes on for `after` once it has counted its reservoir down to nothing, and alarms only then."""

    fault: Literal["empty_alarm_late"]
    after: Volume = Quantity(5, "U")


Kinds = NoAlarm | LateAlarm | FalseAlarm | LowWarningMissing | EmptyAlarmLate
