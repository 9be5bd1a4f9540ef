"""Faults of the pump: what its motor moves is not what it counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.quantities import Concentration, Duration, InsulinConcentration, Quantity, Rate, Ratio, Resistance, Volume
from bench.twin.faults.base import EveryNth, OneFault


class DoseScaleError(OneFault):
    """Pump: every pulse meters `factor` times its volume."""

    fault: Literal["dose_scale_error"]
    factor: float = Field(default=1.25, gt=0, le=10)


class MissedPulses(OneFault):
    """Pump: every Nth pulse meters nothing, and the pump counts it as delivered."""

    fault: Literal["missed_pulses"]
    every: EveryNth = 5


class ExtraPulses(OneFault):
    """Pump: every Nth pulse is metered twice, and the pump counts it once."""

    fault: Literal["extra_pulses"]
    every: EveryNth = 5


class BolusCutShort(OneFault):
    """Pump: a bolus ends after `share` of its pulses, and the pump reports all of it."""

    fault: Literal["bolus_cut_short"]
    share: Ratio = Quantity(90, "%")


class BolusNotDelivered(OneFault):
    """Pump: it reports every Nth bolus as delivered and moves nothing."""

    fault: Literal["reported_not_delivered"]
    every: EveryNth = 3


class BolusNotCounted(OneFault):
    """Pump: it delivers every Nth bolus and counts nothing of it."""

    fault: Literal["bolus_not_counted"]
    every: EveryNth = 3


class CancelIgnored(OneFault):
    """Pump: it says that a bolus is cancelled, and delivers the rest of it uncounted."""

    fault: Literal["cancel_ignored"]


class ExtendedAsNormal(OneFault):
    """Pump: the part of a bolus that is to be spread comes as fast as the pump goes."""

    fault: Literal["extended_as_normal"]


class LeakAtRest(OneFault):
    """Pump: while it does not deliver, liquid seeps past its plunger at `rate`."""

    fault: Literal["leak_at_rest"]
    rate: Rate = Quantity(0.1, "U/h")


class Siphon(OneFault):
    """Pump: its plunger does not hold, so the head height drives a flow through `resistance`, backwards below zero."""

    fault: Literal["siphon"]
    resistance: Resistance = Quantity(20000, "kPa·s/µL")


class StartupOverdelivery(OneFault):
    """Pump: it delivers `excess` too much at first, dying away with the time constant `decay`."""

    fault: Literal["startup_overdelivery"]
    excess: Ratio = Quantity(60, "%")
    decay: Duration = Quantity(2, "h")


class DeliveryFades(OneFault):
    """Pump: its plunger slips more and more as it is worn: a pulse moves less by so much (`by`) for each day."""

    fault: Literal["delivery_fades"]
    by: Ratio = Quantity(10, "%")


class EmptyReservoir(OneFault):
    """Pump: the reservoir holds only `contents`, whatever the pump believes; then pulses deliver nothing."""

    fault: Literal["empty_reservoir"]
    contents: Volume = Quantity(0.5, "U")


class WrongReservoirCount(OneFault):
    """Pump: it counts only `share` of what it takes out of its reservoir."""

    fault: Literal["wrong_reservoir_count"]
    share: Ratio = Quantity(80, "%")


class WrongConcentration(OneFault):
    """Pump: it meters units as for `insulin`, whatever concentration it says that it is set to."""

    fault: Literal["wrong_concentration"]
    insulin: InsulinConcentration = Concentration(200.0)


class ScaleErrorBelow(OneFault):
    """Pump: below a basal rate of `rate`, every basal pulse meters `factor` times its volume."""

    fault: Literal["scale_error_below"]
    rate: Rate = Quantity(0.3, "U/h")
    factor: float = Field(default=0.8, gt=0, le=10)


class DoubleAfterResume(OneFault):
    """Pump: the first basal pulse after a suspension is metered twice, and the pump counts it once."""

    fault: Literal["double_after_resume"]


Kinds = (
    DoseScaleError
    | ScaleErrorBelow
    | DoubleAfterResume
    | MissedPulses
    | ExtraPulses
    | BolusCutShort
    | BolusNotDelivered
    | BolusNotCounted
    | CancelIgnored
    | ExtendedAsNormal
    | LeakAtRest
    | Siphon
    | StartupOverdelivery
    | DeliveryFades
    | EmptyReservoir
    | WrongReservoirCount
    | WrongConcentration
)
