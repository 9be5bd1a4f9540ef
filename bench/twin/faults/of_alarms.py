"""Faults of the pump's alarms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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


class ThresholdTooHigh(OneFault):
    """Pump: the pressure at which the occlusion alarm sounds is `factor` times what the level stands for."""

    fault: Literal["threshold_too_high"]
    factor: float = Field(default=2.0, gt=1, le=100)


class NoAlarmDuringBolus(OneFault):
    """Pump: while a bolus is under way no occlusion is looked for; the motor stalls at its stall pressure."""

    fault: Literal["no_alarm_during_bolus"]


class LevelIgnored(OneFault):
    """Pump: it takes another level of the occlusion alarm and reports it, and goes on with the threshold it had."""

    fault: Literal["level_ignored"]


Kinds = (
    NoAlarm
    | LateAlarm
    | FalseAlarm
    | LowWarningMissing
    | EmptyAlarmLate
    | ThresholdTooHigh
    | NoAlarmDuringBolus
    | LevelIgnored
)
