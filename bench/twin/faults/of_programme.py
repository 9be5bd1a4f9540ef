"""Faults of the pump's programme: what it makes of rates, profiles and temporary rates, and of its own clock."""

from __future__ import annotations

from typing import Literal

from bench.quantities import Duration, Quantity, Ratio
from bench.twin.faults.base import OneFault


class LostPartialPulse(OneFault):
    """Pump: whenever the rate changes or delivery is suspended, the part of a pulse that was due is lost."""

    fault: Literal["lost_partial_pulse"]


class ProfileShifted(OneFault):
    """Pump: its profile runs late by so much (`by`), as if the time of day had been set wrong."""

    fault: Literal["profile_shifted"]
    by: Duration = Quantity(1, "h")


class ClockFast(OneFault):
    """Pump: its clock runs fast by so much (`by`), and with it intervals, profile, temporary rates and boluses."""

    fault: Literal["clock_fast"]
    by: Ratio = Quantity(2, "%")


class TemporaryIgnored(OneFault):
    """Pump: it takes a temporary basal rate, reports it, and delivers the basal rate as before."""

    fault: Literal["temporary_ignored"]


Kinds = LostPartialPulse | ProfileShifted | ClockFast | TemporaryIgnored
