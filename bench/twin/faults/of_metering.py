"""Faults of the pump: what its motor moves is not what it counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.quantities import Concentration, Duration, InsulinConcentration, Quantity, Ratio, Volume
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


class StartupOverdelivery(OneFault):
    """Pump: it delivers `excess` too much at first, dying away with the time constant `decay`."""

    fault: Literal["startup_overdelivery"]
    excess: Ratio = Quantity(60, "%")
    decay: Duration = Quantity(2, "h")


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


Kinds = (
    DoseScaleError
    | MissedPulses
    | ExtraPulses
    | BolusCutShort
    | BolusNotDelivered
    | StartupOverdelivery
    | EmptyReservoir
    | WrongReservoirCount
    | WrongConcentration
)
